//! Test support: one private PostgreSQL a test process, one database a test.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod database;
pub mod fetched;
mod nats;
mod physical;
mod programs;
mod server;
mod until;

pub use database::{Db, govern_thing, refusal, sqlstate};
pub use nats::Nats;
pub use physical::PhysicalCopy;
pub use programs::{installed, pinned, postgres, search, wheel};
pub use server::{Server, connect, quiet_server, server};
pub use until::until;
