//! The owner-gated way through the commands: owners, rehearsal, preflight, approval, apply, status, undo, evidence.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::commands::User;
use crate::run::{Ended, birthgate};

/// A user with a folder: keys, a packet, the owners' file, evidence.
struct Place {
    user: User,
    folder: tempfile::TempDir,
}

const PACKET: &str = "
macro = 'SIZES'
[[step]]
id = 'column'
do = 'column.sql'
undo = 'column.undo.sql'
[[step]]
id = 'index'
do = 'index.sql'
undo = 'index.undo.sql'
transaction = false
[[step]]
id = 'check'
do = 'check.sql'
undo = 'check.undo.sql'
stop = 'before'
";

impl Place {
    fn new() -> Place {
        let place = Place { user: User::new(), folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(place.folder.path().join("packet")).unwrap();
        for (name, text) in [
            ("packet.toml", PACKET),
            ("column.sql", "ALTER TABLE thing ADD COLUMN size integer"),
            ("column.undo.sql", "ALTER TABLE thing DROP COLUMN size"),
            ("index.sql", "CREATE INDEX CONCURRENTLY thing_name ON thing (name)"),
            ("index.undo.sql", "DROP INDEX CONCURRENTLY thing_name"),
            ("check.sql", "ALTER TABLE thing ADD CONSTRAINT small CHECK (size < 9)"),
            ("check.undo.sql", "ALTER TABLE thing DROP CONSTRAINT small"),
        ] {
            std::fs::write(place.folder.path().join("packet").join(name), text).unwrap();
        }
        for key in ["ada", "bob", "eve"] {
            place.ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", key]);
        }
        place
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn ssh_keygen(&self, arguments: &[&str]) {
        let status =
            Command::new("ssh-keygen").args(arguments).current_dir(self.folder.path()).status();
        assert!(status.expect("ssh-keygen is needed: apt-get install openssh-client").success());
    }

    /// Runs a command that asks for the owners.
    fn run(&self, arguments: &[&str]) -> Ended {
        let signers = self.path("signers");
        self.user.run_as("postgres", &[arguments, &["--allowed-signers", &signers]].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[&["--format", "json"], arguments].concat()).expect(0).json()["result"].take()
    }

    fn rehearse(&self) -> PathBuf {
        let evidence = self.path("evidence");
        self.user
            .run_as(
                "postgres",
                &["rehearse", &self.path("packet"), "--rows", "all", "--evidence", &evidence],
            )
            .expect(0);
        let newest = std::fs::read_dir(&evidence).unwrap().map(|entry| entry.unwrap().path()).max();
        newest.unwrap()
    }

    fn owner(&self) {
        self.run(&["owner", "add", "ada", &self.path("ada.pub")]).expect(0);
    }

    fn approve(&self, rehearsal: &Path, more: &[&str]) -> Ended {
        let (packet, out, key) = (self.path("packet"), self.path("text"), self.path("ada"));
        let rehearsal = rehearsal.to_str().unwrap();
        let all = [
            "approve",
            packet.as_str(),
            "--rehearsal",
            rehearsal,
            "--out",
            out.as_str(),
            "--sign",
            key.as_str(),
        ];
        self.run(&[&all[..], more].concat())
    }
}

#[test]
fn owners_are_added_by_owners() {
    let place = Place::new();
    let missing = place.run(&["owner", "list"]).expect(3);
    assert!(missing.stderr.contains("birthgate owner add"), "{}", missing.stderr);
    let private = place.run(&["owner", "add", "ada", &place.path("ada")]).expect(2);
    assert!(private.stderr.contains("is a private key"), "{}", private.stderr);
    place.owner();
    // The second needs the first: the text is written, and how to sign it is said.
    let text = place.path("change");
    let bob = ["owner", "add", "bob", &place.path("bob.pub"), "--out", &text];
    let asked = place.run(&bob).expect(0);
    assert!(asked.stdout.contains("ssh-keygen -Y sign -n birthgate"), "{}", asked.stdout);
    assert!(!std::fs::read_to_string(place.path("signers")).unwrap().contains("bob"));
    place.ssh_keygen(&["-q", "-Y", "sign", "-n", "birthgate", "-f", "eve", "change"]);
    let signature = format!("{text}.sig");
    let refused = place.run(&[&bob[..4], &["--add", &signature]].concat()).expect(3);
    assert!(refused.stderr.contains("is no owner's"), "{}", refused.stderr);
    std::fs::remove_file(&signature).unwrap();
    place.ssh_keygen(&["-q", "-Y", "sign", "-n", "birthgate", "-f", "ada", "change"]);
    place.run(&[&bob[..4], &["--add", &signature]].concat()).expect(0);
    let listed = place.json(&["owner", "list"]);
    assert_eq!(
        (listed["owners"].as_array().unwrap().len(), &listed["quorum"]),
        (2, &Value::from(1))
    );
    place.run(&["owner", "revoke", "bob", "--out", &text, "--sign", &place.path("ada")]).expect(0);
    assert!(!place.json(&["owner", "list"])["owners"][1]["valid_before"].is_null());
    // A file that everybody writes to is nobody's word.
    std::fs::set_permissions(
        place.path("signers"),
        std::os::unix::fs::PermissionsExt::from_mode(0o666),
    )
    .unwrap();
    let open = place.run(&["owner", "list"]).expect(3);
    assert!(open.stderr.contains("chmod o-w"), "{}", open.stderr);
}

#[test]
fn from_rehearsal_to_undo() {
    let place = Place::new();
    place.owner();
    let packet = place.path("packet");
    let nothing = place.run(&["preflight", &packet, "--rehearsal", &place.path("evidence")]);
    assert_ne!(nothing.code, 0, "{}", nothing.stdout);
    let rehearsal = place.rehearse();
    let checkpoint = rehearsal.join("checkpoint.json");
    let of = ["--rehearsal", checkpoint.to_str().unwrap()];
    let ask = |command: &str| place.run(&[&[command, packet.as_str()], &of[..]].concat());

    let before = ask("preflight").expect(3);
    for says in
        ["owner approval", "registrar credentials", "scheduler", "human OSPA", "--door check"]
    {
        assert!(before.stdout.contains(says), "{says}: {}", before.stdout);
    }
    let refused = ask("apply").expect(3);
    assert!(refused.stderr.contains("nobody has approved"), "{}", refused.stderr);
    place.approve(&rehearsal, &[]).expect(0);
    ask("preflight").expect(0);
    let dry = place.json(&[&["apply", packet.as_str(), "--dry-run"], &of[..]].concat());
    assert_eq!((&dry["ended"], &dry["next"]), (&Value::from("dry-run"), &Value::from("check")));
    // A STOP is no failure.
    let stopped = ask("apply").expect(0);
    assert!(
        stopped.stdout.contains("ended: stopped: check waits for an owner's approval"),
        "{}",
        stopped.stdout
    );
    assert!(stopped.stdout.contains("next: check"), "{}", stopped.stdout);
    let status = place.user.json_as("postgres", &["status"]);
    assert_eq!(
        (&status["runs"][0]["ended"], &status["runs"][0]["done"]),
        (&Value::from("stopped"), &serde_json::json!(["column", "index"]))
    );
    place.approve(&rehearsal, &["--door", "check"]).expect(0);
    let done = place.json(&[&["apply", packet.as_str()], &of[..]].concat());
    assert_eq!(done["ended"], "done");
    place.user.sql("INSERT INTO thing (code, size) VALUES ('A', 8)");
    let undone = place.json(&[&["undo", packet.as_str()], &of[..]].concat());
    assert_eq!(undone["ended"], "undone");

    // The evidence, away from the database.
    let log = place.path("log.ndjson");
    place.user.run_as("postgres", &["evidence", "log", "--export", &log]).expect(0);
    let signers = place.path("signers");
    let verify = ["evidence", "verify", "--log", &log, "--allowed-signers", &signers];
    let good = birthgate(&verify).expect(0);
    assert!(good.stdout.contains("every signature holds"), "{}", good.stdout);
    let text = std::fs::read_to_string(&log).unwrap();
    for (old, new) in [("\"login\":\"postgres\"", "\"login\":\"nobody\""), ("SIZES", "S1ZES")] {
        std::fs::write(&log, text.replacen(old, new, 1)).unwrap();
        birthgate(&verify).expect(3);
    }
    let shown = place.user.run_as("postgres", &["evidence", "log"]).expect(0);
    assert!(
        shown.stdout.contains("approval") && shown.stdout.contains("ended undone"),
        "{}",
        shown.stdout
    );
}

/// kill -9 of the program itself, while it builds an index.
#[test]
fn a_killed_apply_goes_on() {
    let place = Place::new();
    place.owner();
    let rehearsal = place.rehearse();
    place.approve(&rehearsal, &[]).expect(0);
    let (packet, signers) = (place.path("packet"), place.path("signers"));
    let apply = [
        "apply",
        &packet,
        "--rehearsal",
        rehearsal.to_str().unwrap(),
        "--allowed-signers",
        &signers,
    ];
    // An old snapshot keeps the build waiting.
    let mut old = Command::new("psql")
        .args([
            &place.user.url("postgres"),
            "-qc",
            "BEGIN ISOLATION LEVEL REPEATABLE READ",
            "-c",
            "SELECT count(*) FROM pg_class",
            "-c",
            "SELECT pg_sleep(600)",
        ])
        .stdout(Stdio::null())
        .spawn()
        .expect("psql is needed: apt-get install postgresql-client");
    place.user.sql("DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%') LOOP PERFORM pg_sleep(0.005), pg_stat_clear_snapshot(); END LOOP; END $$");
    let mut child = Command::new(env!("CARGO_BIN_EXE_birthgate"))
        .args(["--database-url", &place.user.url("postgres")])
        .args(apply)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let told = std::io::BufReader::new(child.stderr.take().unwrap());
    let waits = told.lines().map_while(Result::ok).find(|line| line.contains("index waits for"));
    assert!(waits.is_some_and(|line| line.contains("pg_sleep(600)")), "it says whom it waits for");
    child.kill().unwrap();
    child.wait().unwrap();
    let status = place.user.run_as("postgres", &["status"]).expect(0);
    assert!(status.stdout.contains("index was begun"), "{}", status.stdout);
    old.kill().unwrap();
    old.wait().unwrap();
    place.user.sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%' AND pid <> pg_backend_pid()");
    let applied = place
        .run(&["--format", "json", "apply", &packet, "--rehearsal", rehearsal.to_str().unwrap()])
        .expect(0)
        .json();
    assert_eq!(applied["result"]["ended"], "stopped");
    let outcomes: Vec<&str> = applied["result"]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["outcome"].as_str().unwrap())
        .collect();
    assert!(outcomes == ["before", "done"] || outcomes == ["before", "before"], "{outcomes:?}");
    place.user.sql("DO $$ BEGIN ASSERT (SELECT indisvalid FROM pg_index WHERE indexrelid = 'thing_name'::regclass); END $$");
}

#[test]
fn drift_and_decisions_are_signed() {
    let place = Place::new();
    place.owner();
    place.run(&["owner", "list"]).expect(0);
    place.user.run_as("postgres", &["init"]).expect(0);
    place
        .user
        .run_as("postgres", &["collection", "govern", "public.thing", "--code", "code"])
        .expect(0);
    place.user.run_as("postgres", &["drift", "check"]).expect(3);
    place.user.run_as("postgres", &["drift", "baseline", "--blocks", "cleanup"]).expect(0);
    place.user.run_as("postgres", &["drift", "check"]).expect(0);
    place.user.run_as("postgres", &["block", "assert", "cleanup"]).expect(0);
    place.user.sql("ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate");
    let drifted = place.user.run_as("postgres", &["drift", "check"]).expect(3);
    assert!(drifted.stdout.contains("enabled was always, is no"), "{}", drifted.stdout);
    let explained = place.user.run_as("postgres", &["drift", "explain"]).expect(3);
    assert!(
        explained.stdout.contains("ENABLE ALWAYS TRIGGER zz_birthgate_gate"),
        "{}",
        explained.stdout
    );
    place.user.run_as("postgres", &["block", "assert", "cleanup"]).expect(3);
    let (text, key) = (place.path("text"), place.path("ada"));
    place.run(&["drift", "accept", "--reason", "short", "--sign", &key, "--out", &text]).expect(2);
    place.user.sql("ALTER TABLE thing ENABLE ALWAYS TRIGGER zz_birthgate_gate");
    place
        .run(&[
            "drift",
            "accept",
            "--reason",
            "it was switched back on",
            "--sign",
            &key,
            "--out",
            &text,
        ])
        .expect(0);
    place.user.run_as("postgres", &["block", "assert", "cleanup"]).expect(0);

    place.user.sql(
        "CREATE TABLE catalogue (code text NOT NULL UNIQUE); INSERT INTO catalogue VALUES ('C-1')",
    );
    place
        .user
        .run_as(
            "postgres",
            &["collection", "govern", "public.catalogue", "--code", "code", "--mode", "observe"],
        )
        .expect(0);
    let decided = place.json(&[
        "collection",
        "decide",
        "catalogue",
        "--identity",
        "own",
        "--sign",
        &key,
        "--out",
        &text,
    ]);
    assert_eq!(
        (&decided["births"]["born"], &decided["principals"][0]),
        (&Value::from(1), &Value::from("ada"))
    );
    place.run(&["collection", "decide", "catalogue", "--identity", "nonsense"]).expect(2);
}

#[test]
fn the_ddl_guard_is_made_shown_and_taken_away() {
    let place = Place::new();
    place.user.run_as("postgres", &["init"]).expect(0);
    place
        .user
        .run_as("postgres", &["collection", "govern", "public.thing", "--code", "code"])
        .expect(0);
    let guard = |role: &str, what: &str, code: i32| {
        place.user.run_as(role, &["drift", "guard", what]).expect(code).stdout
    };
    assert!(guard("postgres", "show", 0).contains("The DDL guard is off"));
    let baseline = place.user.run_as("postgres", &["drift", "baseline"]).expect(0).stdout;
    assert!(baseline.contains("The DDL guard stands"), "{baseline}");
    assert!(guard("postgres", "show", 0).contains("The DDL guard stands"));
    place.user.sql("ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate");
    let explained = place.user.run_as("postgres", &["drift", "explain"]).expect(3).stdout;
    assert!(explained.contains("recorded: ALTER TABLE public.thing by postgres"), "{explained}");
    assert!(guard("postgres", "off", 0).contains("take it over: birthgate drift accept"));
    place.user.sql(
        "GRANT USAGE ON SCHEMA birthgate TO app; GRANT SELECT ON birthgate.schema_version TO app",
    );
    let refused = guard("app", "on", 3);
    assert!(refused.contains("The drift check polls instead"), "{refused}");
    // As it is in the baseline.
    let made = guard("postgres", "on", 0);
    assert!(made.contains("The DDL guard stands") && !made.contains("drift accept"), "{made}");
    place.user.run_as("postgres", &["uninstall"]).expect(0);
    place.user.sql("DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM pg_event_trigger); END $$");
    place.user.run_as("postgres", &["init"]).expect(0);
    place.user.run_as("postgres", &["drift", "baseline", "--no-ddl-guard"]).expect(0);
    assert!(guard("postgres", "show", 0).contains("The DDL guard is off"));
}
