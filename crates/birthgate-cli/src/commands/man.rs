use std::path::PathBuf;

use crate::error::Result;

/// Write the man pages to a folder
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  birthgate man /usr/local/share/man/man1")]
pub struct Args {
    /// The folder; it is made if it is not there
    folder: PathBuf,
}

pub fn run(args: &Args) -> Result {
    std::fs::create_dir_all(&args.folder)?;
    clap_mangen::generate_to(crate::command(), &args.folder)?;
    Ok(())
}
