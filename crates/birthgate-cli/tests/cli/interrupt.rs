//! Ctrl-C.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::commands::User;

fn governed() -> User {
    let user = User::new();
    user.run_as("postgres", &["init"]).expect(0);
    user.run_as("postgres", &["collection", "govern", "public.thing", "--code", "code"]).expect(0);
    user.run_as("postgres", &["collection", "grant", "thing", "app"]).expect(0);
    user
}

fn admit(user: &User, folder: &std::path::Path, batch: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_birthgate"))
        .args(["--database-url", &user.url("app"), "entity", "admit", "thing"])
        .args(["--batch", batch, "--from", "-", "--input-format", "csv"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Interrupts it as a terminal does; answers what it said. Fails if it takes longer than a second.
fn interrupt(child: Child) -> String {
    let since = Instant::now();
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let ended = child.wait_with_output().unwrap();
    let took = since.elapsed();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(took < Duration::from_secs(1), "{took:?}: {said}");
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    assert!(said.contains("Run the same command again to go on"), "{said}");
    said
}

#[test]
fn an_admission_of_many_that_waits_for_its_input_ends_at_once() {
    let user = governed();
    let folder = tempfile::tempdir().unwrap();
    let mut child = admit(&user, folder.path(), "100");
    let mut input = child.stdin.take().unwrap();
    let rows: String = (0..250).map(|n| format!("T-{n},thing {n}\n")).collect();
    input.write_all(format!("code,name\n{rows}").as_bytes()).unwrap();
    user.sql("DO $$ BEGIN WHILE (SELECT count(*) FROM thing) < 200 LOOP PERFORM pg_sleep(0.002); COMMIT; END LOOP; END $$");
    let said = interrupt(child);
    drop(input);
    assert!(said.contains("200 admitted, 0 already born"), "{said}");
    assert_eq!(user.text("SELECT count(*)::text FROM thing"), "200");
    let outcomes = std::fs::read_to_string(folder.path().join("outcome.ndjson")).unwrap();
    assert_eq!(outcomes.lines().count(), 200);
}

#[test]
fn a_batch_under_way_is_cancelled_and_the_next_run_goes_on() {
    let user = governed();
    user.sql(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.code > 'T-2' THEN PERFORM pg_sleep(30); END IF; RETURN NEW; END $$;
         CREATE TRIGGER slow BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION slow()",
    );
    let folder = tempfile::tempdir().unwrap();
    let mut child = admit(&user, folder.path(), "2");
    let mut input = child.stdin.take().unwrap();
    let rows = "code,name\nT-1,one\nT-2,two\nT-3,three\nT-4,four\n";
    input.write_all(rows.as_bytes()).unwrap();
    drop(input);
    user.sql("DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename = 'app') LOOP PERFORM pg_stat_clear_snapshot(), pg_sleep(0.002); END LOOP; END $$");
    let said = interrupt(child);
    assert!(said.contains("2 admitted"), "{said}");
    assert!(!said.contains("not known"), "{said}");
    assert_eq!(user.text("SELECT count(*)::text FROM thing"), "2");
    assert_eq!(
        user.text(
            "SELECT count(*)::text FROM pg_stat_activity WHERE usename = 'app' AND state = 'active'"
        ),
        "0"
    );

    user.sql("DROP TRIGGER slow ON thing");
    let mut again = admit(&user, folder.path(), "2");
    again.stdin.take().unwrap().write_all(rows.as_bytes()).unwrap();
    let ended = again.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(said.contains("2 admitted, 2 already born"), "{said}");
}
