//! Admission control for the rows and the schema of a PostgreSQL database.
//!
//! The library reaches no terminal and no home directory, and of the environment only what its children need to be run:
//! commands, daemon and page are adapters over it.

pub mod admission;
pub mod adoption;
pub mod apply;
pub mod approval;
pub mod block;
pub mod browse;
pub mod code;
pub mod collection;
pub mod database;
pub mod ddl_guard;
pub mod decision;
pub mod declaration;
pub mod doctor;
pub mod drift;
pub mod effects;
pub mod entity;
pub mod error;
pub mod evidence;
pub mod evidence_log;
pub mod exposition;
pub mod fingerprint;
pub mod handoff;
pub mod key_change;
pub mod leader;
pub mod owner;
pub mod ownership;
pub mod partition;
pub mod permit;
pub mod plan;
pub mod preflight;
pub mod private_server;
pub mod refusal;
pub mod registry;
pub mod rehearsal;
pub mod remains;
pub mod replication;
pub mod schema;
pub mod script;
mod send;
pub mod signature;
pub mod states;
pub mod tls;
mod unprepared;
mod words;

pub use database::Database;
pub use error::{Error, Result};
pub use refusal::{Refusal, RefusalCode};
