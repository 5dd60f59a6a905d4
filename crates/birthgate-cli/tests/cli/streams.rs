//! Readers that leave early: `birthgate … | head`.

use std::process::{Command, Stdio};

use crate::commands::User;

/// How a command ends whose stdout, stderr or both nobody reads; and what it said on the other one.
fn unread(arguments: &[&str], url: &str, stdout: bool, stderr: bool) -> (Option<i32>, String) {
    let end = |is_closed: bool| match is_closed {
        true => {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            Stdio::from(writer)
        }
        false => Stdio::piped(),
    };
    let ended = Command::new(env!("CARGO_BIN_EXE_birthgate"))
        .args(arguments)
        .env("DATABASE_URL", url)
        .stdin(Stdio::null())
        .stdout(end(stdout))
        .stderr(end(stderr))
        .output()
        .unwrap();
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

/// Fails unless the command ends as it does when somebody reads.
fn is_the_same(arguments: &[&str], url: &str, code: i32) {
    for (stdout, stderr) in [(true, false), (false, true), (true, true)] {
        let (ended, said) = unread(arguments, url, stdout, stderr);
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert_eq!(ended, Some(code), "{arguments:?}, {stdout}, {stderr}: {said}");
    }
}

fn leaves(command: &clap::Command, path: &[String], found: &mut Vec<Vec<String>>) {
    let inner: Vec<_> = command.get_subcommands().filter(|it| it.get_name() != "help").collect();
    if inner.is_empty() {
        found.push(path.to_vec());
    }
    for inner in inner {
        leaves(inner, &[path, &[inner.get_name().to_owned()]].concat(), found);
    }
}

#[test]
fn no_command_minds_that_nobody_reads_its_help_or_its_errors() {
    let mut found = Vec::new();
    leaves(&birthgate_cli::command(), &[], &mut found);
    assert!(found.len() > 40, "{found:?}");
    for path in found {
        for (option, code) in [("--help", 0), ("--no-such-option", 2)] {
            let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
            arguments.push(option);
            let (ended, said) = unread(&arguments, "", option == "--help", option != "--help");
            assert_eq!(ended, Some(code), "{arguments:?}: {said}");
        }
    }
}

#[test]
fn a_command_runs_to_its_end_though_nobody_reads() {
    let user = User::new();
    let url = user.url("postgres");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let good = file("1.sql", "CREATE TABLE other (id int)");
    let bad = file("2.sql", "CREATE TABLE thing (id int)");
    let rows = file("rows.csv", "code,name\nT-1,one\nT-2,two\n");

    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        is_the_same(&["completions", shell], &url, 0);
    }
    is_the_same(&["init", "--print"], &url, 0);
    is_the_same(&["collection", "list"], &url, 1);
    is_the_same(&["init"], &url, 0);
    is_the_same(&["--format", "json", "init"], &url, 0);
    is_the_same(&["doctor"], &url, 0);
    is_the_same(&["rehearse", &good], &url, 0);
    is_the_same(&["rehearse", &good, "--markdown"], &url, 0);
    is_the_same(&["rehearse", &bad], &url, 3);
    let (code, _) = unread(&["collection", "govern", "thing", "--code", "code"], &url, true, true);
    assert_eq!(code, Some(0));
    user.run_as("postgres", &["collection", "grant", "thing", "postgres"]).expect(0);
    // Twice and a third time: what is born already is no failure.
    is_the_same(&["entity", "admit", "thing", "--from", &rows], &url, 0);
    is_the_same(&["entity", "retire", "thing", "no-such-code"], &url, 3);
    let (code, said) = unread(&["drift", "baseline"], &url, true, false);
    assert_eq!(code, Some(0), "{said}");
    for listing in [
        &["collection", "list"][..],
        &["permit", "list"],
        &["block", "list"],
        &["evidence", "log"],
        &["--format", "json", "evidence", "log"],
        &["status"],
        &["registry", "reconcile"],
        &["fingerprint", "take"],
        &["drift", "check"],
    ] {
        is_the_same(listing, &url, 0);
    }
    let seen = user.json_as("postgres", &["permit", "list"]);
    assert_eq!(seen.as_array().unwrap().len(), 2, "{seen}");
}

/// A disk that is full is a failure, unlike a reader that left.
#[test]
#[cfg(target_os = "linux")]
fn what_cannot_be_written_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_birthgate"))
        .args(["completions", "bash"])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: stdout: "), "{said}");
}
