//! A private PostgreSQL: a server of our own, in a folder of its own, reached through a unix socket
//! that only its user (and root) can open, and gone when we are.

mod binaries;
mod cluster;
mod error;
mod leftovers;
mod npm;
mod server;
mod user;

pub use binaries::{Binaries, Search, Source};
pub use error::Error;
pub use server::{Folder, Options, PrivateServer};
