//! Running a command and looking at how it ended.

use std::io::Write;
use std::process::{Command, Stdio};

/// How a command ended.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// The document on stdout.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}\n{}", self.stdout, self.stderr))
    }

    /// Fails unless the exit code is this one.
    pub fn expect(self, code: i32) -> Ended {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }
}

/// A `birthgate` without the environment's connection.
pub fn birthgate(arguments: &[&str]) -> Ended {
    run(env!("CARGO_BIN_EXE_birthgate"), arguments, &[], "")
}

/// Runs a program with these arguments, variables and input.
pub fn run(program: &str, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Ended {
    let mut child = Command::new(program)
        .args(arguments)
        .env_remove("DATABASE_URL")
        .env_remove("PGHOST")
        .env("COLUMNS", "100")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
