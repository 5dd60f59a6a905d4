//! What tests need of npm and PyPI: fetched once, into the cache.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// The folder with these packages of npm, in `node_modules`.
pub fn npm(packages: &[&str]) -> PathBuf {
    npm_then(packages, |_| ())
}

/// The same, with what is to be done in the folder once it is filled.
pub fn npm_then(packages: &[&str], then: impl FnOnce(&Path)) -> PathBuf {
    once("npm", packages, |folder| {
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--loglevel=error",
            "--no-save",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ]);
        succeed(npm.arg(folder).args(packages), "npm is needed: install Node.js 20 or newer");
        then(folder);
    })
}

/// The folder with these packages of PyPI: a PYTHONPATH.
pub fn pip(packages: &[&str]) -> PathBuf {
    once("pip", packages, |folder| {
        let mut pip = Command::new("pip");
        pip.args(["install", "--quiet", "--target"]).arg(folder).args(packages);
        succeed(&mut pip, "pip is needed: apt-get install python3-pip");
    })
}

/// Runs a command that has to succeed.
pub fn succeed(command: &mut Command, need: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("{need} ({error})"));
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn once(kind: &str, packages: &[&str], fill: impl FnOnce(&Path)) -> PathBuf {
    // One at a time in a process; of several processes, each fills a folder of its own.
    static FETCHING: Mutex<()> = Mutex::new(());
    let _fetching = FETCHING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let name: String = packages.join("-").chars().map(|c| if c == '/' { '-' } else { c }).collect();
    let place = crate::programs::cache().join(format!("{kind}-{name}"));
    if !place.exists() {
        let new = place.with_file_name(format!("{kind}-{name}.new-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&new);
        std::fs::create_dir_all(&new).unwrap();
        fill(&new);
        // Another test may have been quicker.
        let _ = std::fs::rename(&new, &place);
    }
    place
}
