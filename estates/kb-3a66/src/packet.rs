//! The seed's packet, embedded, so that an installed binary can rehearse it.

use std::io;
use std::path::Path;

use include_dir::{Dir, include_dir};

static PACKET: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/packet");

/// Writes the packet's files into `dir`, which is made if it is missing.
///
/// # Errors
/// Whatever the file system says.
pub fn write_packet(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    PACKET.extract(dir)
}
