//! The rehearsal: its verdicts are true, and the database is as it was, seen from outside.

use std::time::Duration;

use birthgate::plan;
use birthgate::rehearsal::{self, Door, Live, Mutated, Options, Rehearsal, Rows, Verdict, Where};
use futures_util::StreamExt;
use testkit::Db;

pub fn options() -> Options {
    Options {
        rows: Rows::None,
        live: Live::AfterSandbox,
        max_block: Duration::from_millis(500),
        // Generous: the machine that runs these is busy with all the others.
        max_time: Duration::from_secs(30),
        sandbox_time: Duration::from_secs(300),
        max_clone: 1_000_000_000,
        burns: Vec::new(),
        search: testkit::search(),
        folder: std::env::temp_dir(),
        observer: Default::default(),
        strict_columns: false,
        confined: false,
        walls: Default::default(),
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
    /// Whether it is run as psql runs a file, and not in one transaction.
    plain: bool,
    live_first: bool,
    /// The oldest major version that knows what it does.
    since: u32,
}

/// The ways to rehearse.
pub const WAYS: [Live; 2] = [Live::AfterSandbox, Live::First];

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
            "since" => case.since = rest.parse().unwrap(),
            "rows" => case.rows_all = true,
            "plain" => case.plain = true,
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
    rehearse_so(db, does, undo, false, options).await
}

/// As a tool runs a file that runs it in one transaction, or as psql runs it.
async fn rehearse_so(
    db: &Db,
    does: &str,
    undo: Option<&str>,
    transaction: bool,
    options: &Options,
) -> birthgate::Result<Rehearsal> {
    let mut plan = plan::of_text(does, undo)?;
    if transaction {
        for step in &mut plan.steps {
            step.transaction = true;
            step.does = step.does.clone().unwrapped();
            step.undo = step.undo.clone().map(birthgate::script::Script::unwrapped);
        }
    }
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
        // What is to pass has time, however busy the machine is; what never ends is not waited for.
        max_time: Duration::from_secs(if case.verdict == Some(Verdict::Pass) { 30 } else { 2 }),
        ..options()
    };
    let outcome = rehearse_so(&db, &case.does, case.undo.as_deref(), !case.plain, &options).await;
    let after = db.seen_from_outside().await;
    let (said, mutated) = match &outcome {
        Ok(rehearsal) => (format!("{rehearsal:#?}"), rehearsal.mutated),
        Err(error) => (error.to_string(), Mutated::None),
    };
    let wrong = |what: String| Some(format!("== {}: {what}\n{said}", case.name));
    let gap = |line: &str| line.starts_with("SEQUENCE ");
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
async fn hostile_scripts_are_judged_truly() {
    let only = std::env::var("BIRTHGATE_TEST_CASE").unwrap_or_default();
    let cases = cases(include_str!("rehearsal/hostile.txt"));
    assert!(cases.len() >= 100);
    let wrong: Vec<String> = futures_util::stream::iter(cases)
        .filter(|case| std::future::ready(case.name.contains(&only)))
        .filter(|case| std::future::ready(case.since <= testkit::server().major()))
        .map(|case| tokio::spawn(try_case(case)))
        .buffer_unordered(4)
        .filter_map(|outcome| async { outcome.unwrap() })
        .collect()
        .await;
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

pub async fn fixture() -> Db {
    let db = Db::empty().await;
    db.sql(include_str!("rehearsal/fixture.sql")).await;
    db
}

/// Repeats a statement until it is told to end; answers how often, and the longest it took.
pub fn writer(
    db: &Db,
    sql: &'static str,
) -> (tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<(u64, Duration)>) {
    let (end, mut ended) = tokio::sync::oneshot::channel();
    let config = db.config("postgres");
    let task = tokio::spawn(async move {
        let client = testkit::connect(config).await;
        let (mut times, mut longest) = (0, Duration::ZERO);
        while ended.try_recv().is_err() {
            let begun = std::time::Instant::now();
            client.batch_execute(sql).await.unwrap();
            longest = longest.max(begun.elapsed());
            times += 1;
        }
        (times, longest)
    });
    (end, task)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_commit_meanwhile_disturbs_no_proof() {
    let db = fixture().await;
    let rows = writer(
        &db,
        "INSERT INTO numbered (note) VALUES ('w'); INSERT INTO holes VALUES (7, 7); UPDATE parent SET name = name || 'x' WHERE id = 2; UPDATE parent SET name = 'two' WHERE id = 2",
    );
    let schema =
        writer(&db, "CREATE TABLE other (a int); DROP TABLE other; SELECT nextval('loose')");
    // On rows that others add to, on a table that they change, and on one of its own.
    let does = "UPDATE holes SET b = 5 WHERE a = 1; ALTER TABLE child ADD COLUMN note text; CREATE TABLE x (a int)";
    let undo =
        "UPDATE holes SET b = 1 WHERE a = 1; ALTER TABLE child DROP COLUMN note; DROP TABLE x";
    for live in WAYS {
        let rehearsal =
            rehearse(&db, does, Some(undo), &Options { live, ..options() }).await.unwrap();
        assert_eq!(rehearsal.verdict, Verdict::Pass, "{rehearsal:#?}");
        assert_eq!(rehearsal.mutated, Mutated::None);
        let others = rehearsal
            .notes
            .iter()
            .any(|note| note.starts_with("somebody else: sequence public.loose"));
        assert!(others, "{:?}", rehearsal.notes);
    }
    // A table of the plan itself, changed by somebody else: that is no PASS.
    let options = Options { live: Live::First, ..options() };
    for (does, theirs) in [
        (
            "SELECT pg_sleep(0.5); ALTER TABLE child ADD COLUMN note text",
            "ALTER TABLE child ADD COLUMN theirs text",
        ),
        (
            "SELECT pg_sleep(0.5); ALTER FUNCTION secret() COST 7",
            "ALTER FUNCTION secret() SECURITY INVOKER",
        ),
    ] {
        let (changed, ()) = tokio::join!(rehearse(&db, does, None, &options), async {
            db.sql("DO $$ BEGIN FOR v_try IN 1..2000 LOOP
                      PERFORM pg_stat_clear_snapshot();
                      EXIT WHEN EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(0.5)%' AND pid <> pg_backend_pid() AND datname = current_database());
                      PERFORM pg_sleep(0.005);
                    END LOOP; END $$").await;
            db.sql(theirs).await;
        });
        let changed = changed.unwrap();
        assert_eq!(changed.verdict, Verdict::Incomplete, "{changed:#?}");
        let said = format!("{:?}", changed.reasons);
        assert!(said.contains("somebody else changed what the plan touches"), "{changed:#?}");
    }
    for (end, task) in [rows, schema] {
        end.send(()).unwrap();
        assert!(task.await.unwrap().0 > 10);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_too_long_ends_the_rehearsal() {
    let db = fixture().await;
    let (end, waits) = writer(&db, "INSERT INTO spender VALUES (1)");
    let does = "LOCK TABLE spender IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(30)";
    let options = Options {
        live: Live::First,
        max_block: Duration::from_millis(200),
        max_time: Duration::from_secs(60),
        ..options()
    };
    let rehearsal = rehearse(&db, does, None, &options).await.unwrap();
    end.send(()).unwrap();
    let (_, longest) = waits.await.unwrap();
    assert_eq!(rehearsal.verdict, Verdict::Incomplete, "{rehearsal:#?}");
    assert!(rehearsal.reasons[0].message.contains("it blocked"), "{rehearsal:#?}");
    assert!(rehearsal.blocked_ms >= 200.0);
    // Far from the thirty seconds that it would have waited.
    assert!(longest < Duration::from_secs(10), "{longest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_it_leaves_the_database_as_it_was() {
    let db = fixture().await;
    let before = db.seen_from_outside().await;
    let does = "DELETE FROM parent WHERE id = 77; CREATE TABLE x (a int); SELECT pg_sleep(20)";
    let options = Options { live: Live::First, max_time: Duration::from_secs(60), ..options() };
    let asleep = "DO $$ BEGIN FOR v_try IN 1..2000 LOOP
                    PERFORM pg_stat_clear_snapshot();
                    EXIT WHEN EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid() AND datname = current_database());
                    PERFORM pg_sleep(0.005);
                  END LOOP; END $$";
    // Its backend is killed.
    let (rehearsal, ()) = tokio::join!(rehearse(&db, does, None, &options), async {
        db.sql(asleep).await;
        db.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid() AND datname = current_database()").await;
    });
    let rehearsal = rehearsal.unwrap();
    assert_eq!(
        (rehearsal.verdict, rehearsal.mutated),
        (Verdict::Incomplete, Mutated::None),
        "{rehearsal:#?}"
    );
    assert_eq!(before, db.seen_from_outside().await);
    // Its watcher is killed.
    let (rehearsal, ()) = tokio::join!(rehearse(&db, does, None, &options), async {
        db.sql(asleep).await;
        db.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_blocking_pids%' AND pid <> pg_backend_pid() AND datname = current_database()").await;
    });
    let rehearsal = rehearsal.unwrap();
    assert_eq!(
        (rehearsal.verdict, rehearsal.mutated),
        (Verdict::Incomplete, Mutated::None),
        "{rehearsal:#?}"
    );
    assert!(
        format!("{:?}", rehearsal.reasons).contains("the watcher lost its connection"),
        "{rehearsal:#?}"
    );
    assert_eq!(before, db.seen_from_outside().await);
    // The client goes away.
    tokio::select! {
        _ = rehearse(&db, does, None, &options) => panic!("it slept for less than twenty seconds"),
        () = async { db.sql(asleep).await } => {}
    }
    assert_eq!(before, db.seen_from_outside().await);
}

pub async fn rehearse_packet(
    db: &Db,
    packet: &str,
    files: &[(&str, &str)],
    options: &Options,
) -> Rehearsal {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("packet.toml"), format!("macro = \"M\"\n{packet}")).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let plan = plan::read(&[folder.path().to_owned()]).unwrap();
    rehearsal::rehearse(&db.database("postgres"), &plan, options).await.unwrap()
}

#[tokio::test]
async fn the_step_that_shuts_a_door_is_found() {
    let db = fixture().await;
    db.sql("CREATE TABLE registry (code text, collection text, UNIQUE (code))").await;
    let packet = "
        [[step]]
        id = 'composite'
        do = 'composite.sql'
        undo = 'composite.undo.sql'
        [[step]]
        id = 'drop-key'
        do = 'drop.sql'
        undo = 'drop.undo.sql'
        [[step]]
        id = 'harmless'
        do = 'harmless.sql'
        undo = 'harmless.undo.sql'
        [[step]]
        id = 'pivots'
        do = 'pivots.sql'";
    let files = [
        (
            "composite.sql",
            "ALTER TABLE registry ADD CONSTRAINT registry_both UNIQUE (code, collection)",
        ),
        ("composite.undo.sql", "ALTER TABLE registry DROP CONSTRAINT registry_both"),
        ("drop.sql", "ALTER TABLE registry DROP CONSTRAINT registry_code_key"),
        ("drop.undo.sql", "ALTER TABLE registry ADD CONSTRAINT registry_code_key UNIQUE (code)"),
        ("harmless.sql", "COMMENT ON TABLE registry IS 'of everything'"),
        ("harmless.undo.sql", "COMMENT ON TABLE registry IS NULL"),
        ("pivots.sql", "INSERT INTO registry VALUES ('P', 'a'), ('P', 'b')"),
    ];
    let before = db.seen_from_outside().await;
    let rehearsal = rehearse_packet(&db, packet, &files, &options()).await;
    assert_eq!(before, db.seen_from_outside().await);
    assert_eq!(rehearsal.verdict, Verdict::Pass, "{rehearsal:#?}");
    let doors: Vec<&Door> = rehearsal.steps.iter().map(|step| &step.door).collect();
    let shut = Door::ShutBy { step: "pivots".to_owned() };
    assert_eq!(doors, [&Door::TwoWay, &shut, &Door::TwoWay, &Door::OneWay]);
    assert!(rehearsal.steps.iter().all(|step| step.seen == Where::Live), "{rehearsal:#?}");
    assert!(
        rehearsal.notes[0].contains("no way back was seen for pivots"),
        "{:?}",
        rehearsal.notes
    );
}

#[tokio::test]
async fn a_step_that_does_not_verify_is_a_fail() {
    let db = fixture().await;
    let packet = "[[step]]\nid = 'a'\ndo = 'a.sql'\nverify = 'v.sql'";
    for (verify, verdict) in [
        ("SELECT count(*) = 1 FROM pg_class WHERE relname = 'x'", Verdict::Pass),
        ("SELECT count(*) = 2 FROM pg_class WHERE relname = 'x'", Verdict::Fail),
        ("SELECT true FROM pg_class WHERE relname = 'y'", Verdict::Fail),
        ("SELECT NULL::boolean", Verdict::Fail),
        ("SELECT 1", Verdict::Fail),
    ] {
        for live in WAYS {
            let files = [("a.sql", "CREATE TABLE x (a int)"), ("v.sql", verify)];
            let said = rehearse_packet(&db, packet, &files, &Options { live, ..options() }).await;
            assert_eq!(said.verdict, verdict, "{verify}: {said:#?}");
        }
    }
}

#[tokio::test]
async fn a_label_used_by_a_later_step_is_seen_in_the_sandbox_only() {
    let db = fixture().await;
    let packet = "[[step]]\nid = 'add'\ndo = 'add.sql'\n[[step]]\nid = 'use'\ndo = 'use.sql'";
    let files = [
        ("add.sql", "ALTER TYPE mood ADD VALUE 'calm'"),
        ("use.sql", "INSERT INTO child VALUES (3, 1, 'calm')"),
    ];
    let options = Options { rows: Rows::All, ..options() };
    let said = rehearse_packet(&db, packet, &files, &options).await;
    assert_eq!((said.verdict, said.mutated), (Verdict::Pass, Mutated::None), "{said:#?}");
    // One transaction cannot show in the live database what two commits can; the sandbox has.
    assert!(said.notes.iter().any(|note| note.contains("unsafe use of new value")), "{said:#?}");
}

#[tokio::test]
async fn a_log_of_schema_changes_is_no_undo_s_business() {
    let db = fixture().await;
    db.sql(
        "CREATE TABLE audit (what text); INSERT INTO audit VALUES ('old');
         CREATE FUNCTION audits() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.audit VALUES (tg_tag); END $$;
         CREATE EVENT TRIGGER audits ON ddl_command_end EXECUTE FUNCTION audits()",
    )
    .await;
    let does = "CREATE TABLE x (a int)";
    for live in WAYS {
        let options = Options { live, ..options() };
        let said = rehearse(&db, does, Some("DROP TABLE x"), &options).await.unwrap();
        assert_eq!(said.verdict, Verdict::Pass, "{said:#?}");
        assert!(
            said.notes.iter().any(|note| note.starts_with("public.audit gains rows")),
            "{said:#?}"
        );
        // The rows that were there before are.
        let undo = "DROP TABLE x; UPDATE audit SET what = 'x' WHERE what = 'old'";
        let options = Options { rows: Rows::All, ..options };
        let said = rehearse(&db, does, Some(undo), &options).await.unwrap();
        assert_eq!(said.verdict, Verdict::Fail, "{said:#?}");
    }
}

#[tokio::test]
async fn an_undo_that_finds_no_lock_is_not_blamed() {
    let db = fixture().await;
    let holder = db.dba().await;
    holder.batch_execute("BEGIN; SELECT FROM late").await.unwrap();
    let undo = "LOCK TABLE late IN ACCESS EXCLUSIVE MODE; DROP TABLE x";
    let options = Options { live: Live::First, ..options() };
    let said = rehearse(&db, "CREATE TABLE x (a int)", Some(undo), &options).await.unwrap();
    assert_eq!(said.verdict, Verdict::Incomplete, "{said:#?}");
    holder.batch_execute("ROLLBACK").await.unwrap();
    let said = rehearse(&db, "CREATE TABLE x (a int)", Some(undo), &options).await.unwrap();
    assert_eq!(said.verdict, Verdict::Pass, "{said:#?}");
}

#[tokio::test]
async fn a_sequence_that_the_role_may_not_see_is_no_pass() {
    let db = fixture().await;
    db.sql("CREATE FUNCTION hidden() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT nextval('public.loose') $$").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.sql");
    std::fs::write(&path, "SELECT hidden()").unwrap();
    let plan = plan::read(&[path]).unwrap();
    let options = Options { live: Live::First, ..options() };
    let said = rehearsal::rehearse(&db.database("app"), &plan, &options).await.unwrap();
    assert_eq!((said.verdict, said.mutated), (Verdict::Incomplete, Mutated::None), "{said:#?}");
}

#[tokio::test]
async fn what_a_packet_watches_is_named_before_and_after() {
    let db = fixture().await;
    let packet = "
        [[watch]]
        object = 'table public.holes'
        [[watch]]
        object = 'table public.not_there'
        [[watch]]
        query = 'SELECT count(*) FROM parent'
        [[step]]
        id = 'a'
        do = 'a.sql'
        undo = 'u.sql'";
    let files = [("a.sql", "CREATE TABLE not_there (a int)"), ("u.sql", "DROP TABLE not_there")];
    let said = rehearse_packet(&db, packet, &files, &options()).await;
    assert_eq!(said.verdict, Verdict::Pass, "{said:#?}");
    let count = db.value::<String>("SELECT count(*)::text FROM parent").await;
    assert_eq!(said.watch[0].entry.as_ref().unwrap().len(), 64);
    assert_eq!(said.watch[1].exit.as_deref(), Some("ABSENT"));
    assert_eq!(said.watch[2].exit, Some(count));
    assert!(said.watch.iter().all(|one| one.entry == one.exit));

    // A watch that somebody else moves, and one that cannot be looked at, are no PASS.
    for query in ["SELECT clock_timestamp()", "SELECT 1 / 0", "SELECT nextval('loose')"] {
        let packet = format!("[[watch]]\nquery = \"{query}\"\n[[step]]\nid = 'a'\ndo = 'a.sql'");
        let said = rehearse_packet(&db, &packet, &files, &options()).await;
        assert_eq!((said.verdict, said.mutated), (Verdict::Incomplete, Mutated::None), "{query}");
        assert!(said.reasons[0].message.contains("what the packet watches"), "{said:#?}");
    }
}

#[tokio::test]
async fn a_step_has_the_time_that_its_packet_gives_it() {
    let db = fixture().await;
    let files = [("a.sql", "SELECT pg_sleep(0.3)")];
    for (limit, verdict) in [("50ms", Verdict::Incomplete), ("1min", Verdict::Pass)] {
        let packet = format!("[[step]]\nid = 'a'\ndo = 'a.sql'\nstatement_timeout = '{limit}'");
        for live in WAYS {
            let said = rehearse_packet(&db, &packet, &files, &Options { live, ..options() }).await;
            assert_eq!(said.verdict, verdict, "{limit}: {said:#?}");
        }
    }
}

#[tokio::test]
async fn a_stand_in_is_run_in_the_live_database_and_said_to_be_one() {
    let db = fixture().await;
    let packet =
        "[[step]]\nid = 'a'\ndo = 'a.sql'\ntransaction = false\nstand_in = 's.sql'\nundo = 'u.sql'
        [[step]]\nid = 'b'\ndo = 'b.sql'\nundo = 'bu.sql'";
    let files = [
        ("a.sql", "CREATE UNIQUE INDEX CONCURRENTLY holes_ab ON holes (a, b)"),
        ("s.sql", "CREATE UNIQUE INDEX holes_ab ON holes (a, b)"),
        ("u.sql", "DROP INDEX CONCURRENTLY holes_ab"),
        ("b.sql", "COMMENT ON INDEX holes_ab IS 'both'"),
        ("bu.sql", "COMMENT ON INDEX holes_ab IS NULL"),
    ];
    for (rows, verdict) in [(Rows::All, Verdict::Pass), (Rows::None, Verdict::Incomplete)] {
        let said = rehearse_packet(&db, packet, &files, &Options { rows, ..options() }).await;
        assert_eq!(said.verdict, verdict, "{said:#?}");
        let [a, b] = &said.steps[..] else { panic!("two steps") };
        assert_eq!((a.stand_in, a.seen), (true, Where::Sandbox), "{said:#?}");
        assert_eq!((b.stand_in, b.seen), (false, Where::Clone), "{said:#?}");
    }
}

#[tokio::test]
async fn temporary_files_are_counted() {
    let db = fixture().await;
    let does = "SET LOCAL work_mem = '64kB'; SELECT count(*) FROM (SELECT generate_series(1, 200000) AS n ORDER BY 1 DESC) AS sorted; SELECT 1";
    for live in WAYS {
        let options = Options { live, max_time: Duration::from_secs(30), ..options() };
        let said = rehearse_so(&db, does, None, true, &options).await.unwrap();
        let bytes: Vec<_> = said.steps[0].statements.iter().map(|one| one.temp_bytes).collect();
        assert_eq!((bytes[0], bytes[2]), (Some(0), Some(0)), "{said:#?}");
        assert!(bytes[1] > Some(1_000_000), "{said:#?}");
        assert_eq!(said.steps[0].temp_bytes, bytes[1]);
    }
}

#[tokio::test]
async fn a_password_that_an_undo_forgets_is_seen_without_a_superuser() {
    let db = fixture().await;
    let role = format!("keeper_{}", std::process::id());
    db.sql(&format!(
        "CREATE ROLE {role} LOGIN CREATEROLE; GRANT pg_read_all_data TO {role}; SET ROLE {role}; CREATE ROLE {role}_kept PASSWORD 'one'"
    ))
    .await;
    let rehearse = async |undo: Option<&str>| {
        let folder = tempfile::tempdir().unwrap();
        let up = folder.path().join("1.up.sql");
        std::fs::write(&up, format!("ALTER ROLE {role}_kept PASSWORD 'two'")).unwrap();
        if let Some(undo) = undo {
            std::fs::write(folder.path().join("1.down.sql"), undo).unwrap();
        }
        let plan = plan::read(&[up]).unwrap();
        rehearsal::rehearse(&db.database(&role), &plan, &options()).await.unwrap()
    };
    let forgets = rehearse(Some("SELECT 1")).await;
    let none = rehearse(None).await;
    db.sql(&format!("DROP ROLE {role}_kept; DROP ROLE {role}")).await;
    assert_eq!(forgets.verdict, Verdict::Fail, "{forgets:#?}");
    assert!(forgets.reasons[0].message.contains("password"), "{forgets:#?}");
    assert_eq!(none.verdict, Verdict::Pass, "{none:#?}");
}
