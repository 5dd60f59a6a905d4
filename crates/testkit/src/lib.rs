//! Test support: one private PostgreSQL a test process, one database a test.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod database;
mod server;

pub use database::{Db, refusal, sqlstate};
pub use server::{Server, connect, server};
