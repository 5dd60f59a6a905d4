//! The rehearsal: its verdicts are true, and the database is as it was, seen from outside.

use std::path::PathBuf;
use std::time::Duration;

use birthgate::plan;
use birthgate::private_server::Search;
use birthgate::rehearsal::{self, Live, Mutated, Options, Rehearsal, Rows, Verdict};
use futures_util::StreamExt;
use testkit::Db;

fn options() -> Options {
    Options {
        rows: Rows::None,
        live: Live::AfterSandbox,
        max_block: Duration::from_millis(500),
        max_time: Duration::from_secs(2),
        burns: Vec::new(),
        search: Search {
            major: None,
            bin_dir: None,
            cache: std::env::temp_dir().join("birthgate-cache"),
            path: std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect(),
        },
        folder: std::env::temp_dir(),
    }
}

/// One script of hostile.txt, and what must be said of it.
#[derive(Debug, Default)]
struct Case {
    name: String,
    does: String,
    undo: Option<String>,
    verdict: Option<Verdict>,
    mutated: Option<Mutated>,
    says: Option<String>,
    leaks: Option<String>,
    burns: Vec<String>,
    rows_all: bool,
    live_first: bool,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut into_undo = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("== ") {
            cases.push(Case { name: name.to_owned(), ..Case::default() });
            continue;
        }
        let case = cases.last_mut().unwrap();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "verdict" => {
                case.verdict = Some(match rest {
                    "PASS" => Verdict::Pass,
                    "FAIL" => Verdict::Fail,
                    "INCOMPLETE" => Verdict::Incomplete,
                    other => panic!("{other}"),
                });
            }
            "unreadable" => case.verdict = None,
            "mutated" => {
                case.mutated = Some(match rest {
                    "yes" => Mutated::Yes,
                    _ => Mutated::SequenceGaps,
                });
            }
            "says" => case.says = Some(rest.to_owned()),
            "leaks" => case.leaks = Some(rest.to_owned()),
            "burns" => case.burns.push(rest.to_owned()),
            "rows" => case.rows_all = true,
            "live-first" => case.live_first = true,
            "do" => {
                rest.clone_into(&mut case.does);
                into_undo = false;
            }
            "undo" => {
                case.undo = Some(rest.to_owned());
                into_undo = true;
            }
            _ if into_undo => case.undo.as_mut().unwrap().push_str(&format!("\n{line}")),
            _ => case.does.push_str(&format!("\n{line}")),
        }
    }
    cases
}

async fn rehearse(
    db: &Db,
    does: &str,
    undo: Option<&str>,
    options: &Options,
) -> birthgate::Result<Rehearsal> {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let up = file("1.up.sql", does);
    if let Some(undo) = undo {
        file("1.down.sql", undo);
    }
    let plan = plan::read(&[up])?;
    rehearsal::rehearse(&db.database("postgres"), &plan, options).await
}

/// What is wrong with the verdict on a case.
async fn try_case(case: Case) -> Option<String> {
    let db = Db::empty().await;
    db.sql(include_str!("rehearsal/fixture.sql")).await;
    let before = db.seen_from_outside().await;
    let options = Options {
        rows: if case.rows_all { Rows::All } else { Rows::None },
        live: if case.live_first { Live::First } else { Live::AfterSandbox },
        burns: case.burns.clone(),
        ..options()
    };
    let outcome = rehearse(&db, &case.does, case.undo.as_deref(), &options).await;
    let after = db.seen_from_outside().await;
    let (said, mutated) = match &outcome {
        Ok(rehearsal) => (format!("{rehearsal:#?}"), rehearsal.mutated),
        Err(error) => (error.to_string(), Mutated::None),
    };
    let wrong = |what: String| Some(format!("== {}: {what}\n{said}", case.name));
    let gap = |line: &str| line.contains("pg_catalog.setval(");
    match mutated {
        Mutated::None if before != after => return wrong("the database was mutated".to_owned()),
        Mutated::SequenceGaps
            if before
                .lines()
                .filter(|line| !gap(line))
                .ne(after.lines().filter(|line| !gap(line))) =>
        {
            return wrong("more than a sequence was mutated".to_owned());
        }
        _ => {}
    }
    match (&outcome, case.verdict) {
        (Err(birthgate::Error::Unreadable(_)), None) => {}
        (Ok(rehearsal), Some(verdict)) if rehearsal.verdict == verdict => {
            if case.mutated.unwrap_or(Mutated::None) != rehearsal.mutated {
                return wrong(format!("mutated is {:?}", rehearsal.mutated));
            }
            let leaks = |what: &String| rehearsal.leaks.iter().any(|leak| leak.object == *what);
            if case.leaks.as_ref().is_some_and(|what| !leaks(what)) {
                return wrong(format!("leaks {:?}", rehearsal.leaks));
            }
            if verdict != Verdict::Pass && rehearsal.reasons.is_empty() {
                return wrong("no reason is given".to_owned());
            }
        }
        _ => return wrong(format!("it should have been {:?}", case.verdict)),
    }
    match &case.says {
        Some(says) if !said.contains(says.as_str()) => wrong(format!("it does not say {says:?}")),
        _ => None,
    }
}

#[tokio::test]
async fn hostile_scripts_are_judged_truly_when_dumped_before_and_after() {
    let only = std::env::var("BIRTHGATE_TEST_CASE").unwrap_or_default();
    let cases = cases(include_str!("rehearsal/hostile.txt"));
    assert!(cases.len() >= 100);
    let wrong: Vec<String> = futures_util::stream::iter(cases)
        .filter(|case| std::future::ready(case.name.contains(&only)))
        .map(|case| tokio::spawn(try_case(case)))
        .buffer_unordered(4)
        .filter_map(|outcome| async { outcome.unwrap() })
        .collect()
        .await;
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
