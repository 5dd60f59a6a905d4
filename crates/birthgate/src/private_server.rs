//! A private PostgreSQL: a server of our own, in a folder of its own, reached through a unix socket
//! that only its user (and root) can open, and gone when we are.

mod binaries;
mod cluster;
mod environment;
mod error;
mod guard;
mod leftovers;
mod npm;
mod pg_dump;
mod running;
mod server;
mod usage;
mod user;
mod walls;

pub(crate) use environment::command;

pub use binaries::{Binaries, SUPPORTED, Search, Source};
pub use cluster::{Cache, Cluster, Locale};
pub use error::Error;
pub use pg_dump::{find_pg_dump, pg_dump_here};
pub use server::{Folder, Options, PrivateServer};
pub use walls::{Bounds, Confinement, Passed, Walls};
