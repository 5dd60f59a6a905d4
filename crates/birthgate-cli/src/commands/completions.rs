use clap_complete::Shell;

use crate::error::Result;

/// Print the completions for a shell
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  birthgate completions bash > /etc/bash_completion.d/birthgate")]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub fn run(args: &Args) -> Result {
    // Straight to stdout it would panic when nobody reads to the end.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::command(), "birthgate", &mut script);
    println!("{}", String::from_utf8_lossy(&script).trim_end());
    Ok(())
}
