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
    clap_complete::generate(args.shell, &mut crate::command(), "birthgate", &mut std::io::stdout());
    Ok(())
}
