//! The crash matrix: client, backend or server killed at each moment of each step, forwards and backwards; called again the
//! apply goes on, and what comes out is what comes out without a crash, with a journal in which nothing is missing or twice.

use std::sync::{Arc, Mutex};

use std::time::Duration;

use birthgate::apply::{self, Applied, Ended, Event, Options, Phase, journal};
use birthgate::approval::Subject;
use birthgate::evidence_log;
use birthgate::fingerprint::{self, Fingerprint, Scope};
use birthgate::{Database, Error};
use testkit::{Server, connect};
use tokio::sync::Mutex as AsyncMutex;

use crate::signed::{self, DOORS, FILES, Key, ORDERS, PACKET, Prepared, STEPS, options, owners};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kill {
    /// The applying process.
    Client,
    /// The server's process that applies.
    Backend,
    /// The whole server, as a power failure would.
    Server,
}

const PHASES: [Phase; 8] = [
    Phase::Begins,
    Phase::Announced,
    Phase::Locked,
    Phase::Compared,
    Phase::Performed,
    Phase::Proven,
    Phase::Noted,
    Phase::Committed,
];

/// A server of one's own, with a database that the packet was rehearsed on, to be copied.
struct Ground {
    server: Arc<AsyncMutex<Server>>,
    prepared: Arc<Prepared>,
    /// What comes out without a crash: of the apply, and of taking it back to the door.
    done: (Fingerprint, String),
    undone: (Fingerprint, String),
}

async fn config(server: &AsyncMutex<Server>, database: &str) -> tokio_postgres::Config {
    server.lock().await.config(database, "postgres")
}

/// Runs something on a thread of its own, with a runtime of its own: within an observer nothing can be awaited.
fn aside<F: Future<Output: Send>>(work: impl FnOnce() -> F + Send + 'static) -> F::Output
where
    F::Output: 'static,
{
    let thread = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work())
    });
    thread.join().unwrap()
}

async fn copy(server: &AsyncMutex<Server>, name: &str) -> Database {
    let root = connect(config(server, "postgres").await).await;
    let sql = format!("CREATE DATABASE {name} TEMPLATE orders");
    // Who was in the template may still be leaving.
    for _ in 0..200 {
        match root.batch_execute(&sql).await {
            Ok(()) => break,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    Database::new(config(server, name).await).unwrap()
}

async fn drop_database(server: &AsyncMutex<Server>, name: &str) {
    let root = connect(config(server, "postgres").await).await;
    root.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}

/// Everything of the database that a step could have changed.
async fn outcome(database: &Database) -> (Fingerprint, String) {
    let client = database.connect_for_others().await.unwrap();
    let mut taken = fingerprint::take(&client, &Scope::All).await.unwrap();
    taken.objects.retain(|name, _| {
        !["birthgate_evidence", "database ", "system setting "]
            .iter()
            .any(|what| name.contains(what))
    });
    let rows = "SELECT md5(string_agg(o::text, E'\\n' ORDER BY id)) FROM orders AS o";
    (taken, client.query_one(rows, &[]).await.unwrap().get(0))
}

impl Ground {
    async fn new() -> Ground {
        let server = tokio::task::spawn_blocking(|| Server::own(&[])).await.unwrap();
        let server = Arc::new(AsyncMutex::new(server));
        let root = connect(config(&server, "postgres").await).await;
        root.batch_execute("CREATE DATABASE orders").await.unwrap();
        let database = Database::new(config(&server, "orders").await).unwrap();
        database.connect_for_others().await.unwrap().batch_execute(ORDERS).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = signed::write(&folder.path().join("packet"), PACKET, FILES);
        let (packet, rehearsed) =
            signed::rehearse(&database, &path, &folder.path().join("evidence")).await;
        let key = Key::ed25519("ada");
        let prepared =
            Arc::new(Prepared { folder, packet, rehearsed, owners: owners(&[&key]), key });
        let reference = copy(&server, "reference").await;
        prepared.approve(&reference.connect_for_others().await.unwrap(), &DOORS).await;
        assert_eq!(prepared.apply(&reference).await.unwrap().ended, Ended::Done);
        let done = outcome(&reference).await;
        // What was dropped does not come back; everything else does.
        let before = copy(&server, "before").await;
        prepared.approve(&before.connect_for_others().await.unwrap(), &[]).await;
        prepared.apply(&before).await.unwrap();
        prepared.undo(&before).await.unwrap();
        let undone = outcome(&before).await;
        let (objects, rows) = outcome(&database).await;
        assert_eq!(undone.0.diff(&objects), [], "the way back leads to the beginning");
        assert_eq!(undone.1, rows);
        Ground { server, prepared, done, undone }
    }

    /// Runs it, and kills at the first moment that `at` says; whether that came.
    async fn run_and_kill(
        &self,
        database: &Database,
        backwards: bool,
        kill: Kill,
        at: impl Fn(&Event<'_>) -> bool + Send + 'static,
    ) -> (bool, Option<Result<Applied, Error>>) {
        let (server, prepared, there) =
            (self.server.clone(), self.prepared.clone(), database.clone());
        let killed = Arc::new(Mutex::new(false));
        let seen = killed.clone();
        let task = tokio::spawn(async move {
            let reached = there.clone();
            let mut observe = move |event: &Event<'_>| {
                if *seen.lock().unwrap() || !at(event) {
                    return;
                }
                *seen.lock().unwrap() = true;
                match kill {
                    // Its connection goes with it, whatever it was about to say.
                    Kill::Client => std::panic::panic_any("killed"),
                    Kill::Backend => {
                        let database = reached.clone();
                        aside(move || async move {
                            let client = database.connect_for_others().await.unwrap();
                            let running = apply::status(&database).await.unwrap().running.unwrap();
                            let sql = format!("SELECT pg_terminate_backend({}, 5000)", running.pid);
                            assert!(client.query_one(&sql, &[]).await.unwrap().get::<_, bool>(0));
                        });
                    }
                    Kill::Server => {
                        let server = server.clone();
                        aside(move || async move {
                            server.lock().await.crash().await;
                        });
                    }
                }
            };
            let subject = Subject { packet: &prepared.packet, rehearsed: &prepared.rehearsed };
            match backwards {
                false => {
                    apply::apply(&there, subject, &prepared.owners, &options(), &mut observe).await
                }
                true => {
                    apply::undo(&there, subject, &prepared.owners, &options(), &mut observe).await
                }
            }
        });
        let ended = task.await.ok();
        let killed = *killed.lock().unwrap();
        (killed, ended)
    }

    /// Applies, or undoes, until it is through; a lock that a dead session still holds is waited for.
    async fn go_on(&self, database: &Database, backwards: bool) -> Applied {
        for _ in 0..500 {
            let outcome = match backwards {
                false => self.prepared.apply(database).await,
                true => self.prepared.undo(database).await,
            };
            match outcome {
                Err(Error::Busy(why)) if why.contains("one at a time") => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                outcome => return outcome.unwrap(),
            }
        }
        panic!("somebody applies for ever");
    }

    /// One crash, and everything that must hold afterwards.
    async fn survives(
        &self,
        name: &str,
        step: &'static str,
        phase: Phase,
        kill: Kill,
        backwards: bool,
    ) -> bool {
        let what = format!("{kill:?} killed at {phase:?} of {step}, backwards: {backwards}");
        let database = copy(&self.server, name).await;
        let doors: &[&str] = if backwards { &[] } else { &DOORS };
        self.prepared.approve(&database.connect_for_others().await.unwrap(), doors).await;
        if backwards {
            self.prepared.apply(&database).await.unwrap();
        }
        let at = move |event: &Event<'_>| matches!(event, Event::Step { step: at, phase: now } if *at == step && *now == phase);
        let (killed, ended) = self.run_and_kill(&database, backwards, kill, at).await;
        if killed {
            if let Some(ended) = ended {
                // A step that was through before the server noticed is through.
                assert!(
                    ended.is_err() || phase == Phase::Committed || phase == Phase::Noted,
                    "{what}: {ended:?}"
                );
            }
            let status = apply::status(&database).await.unwrap();
            assert_eq!(status.flaws, Vec::<String>::new(), "{what}");
            let run = &status.runs[0];
            assert!(run.ended.is_none() || run.is_finished(), "{what}: {run:?}");
            if !run.is_finished() {
                self.go_on(&database, backwards).await;
            }
        }
        let expected = if backwards { &self.undone } else { &self.done };
        let (objects, rows) = outcome(&database).await;
        assert_eq!(expected.0.diff(&objects), [], "{what}");
        assert_eq!(expected.1, rows, "{what}");
        self.journal_is_complete(&database, backwards, &what).await;
        drop_database(&self.server, name).await;
        killed
    }

    async fn journal_is_complete(&self, database: &Database, backwards: bool, what: &str) {
        let client = database.connect_for_others().await.unwrap();
        let log = evidence_log::entries(&client, 0, None).await.unwrap();
        assert_eq!(evidence_log::verify(&log), Vec::<String>::new(), "{what}");
        let runs = journal::runs(&log);
        assert_eq!(runs.len(), 1, "{what}");
        assert_eq!(
            runs[0].ended.as_deref(),
            Some(if backwards { "undone" } else { "done" }),
            "{what}"
        );
        assert!(runs[0].open.is_none(), "{what}");
        let done = |action: &str| -> Vec<String> {
            let noted = log.iter().map(|entry| (entry.kind.as_str(), entry.json())).filter(
                |(kind, body)| {
                    *kind == "step"
                        && body["action"] == action
                        && (body["state"] == "done" || body["state"] == "recognised")
                },
            );
            noted.map(|(_, body)| body["step"].as_str().unwrap().to_owned()).collect()
        };
        let forwards: &[&str] = if backwards { &STEPS[..4] } else { &STEPS };
        assert_eq!(done("do"), forwards, "{what}: each step once, in order");
        let back: Vec<&str> =
            if backwards { STEPS[..4].iter().rev().copied().collect() } else { Vec::new() };
        assert_eq!(done("undo"), back, "{what}");
    }

    async fn end(self) {
        let server = self.server;
        tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
    }
}

/// The moments and the kinds of death of `cases`; each moment that there is must have been reached.
async fn matrix(cases: impl Iterator<Item = (&'static str, Phase, Kill, bool)>) {
    let ground = Ground::new().await;
    let mut reached = std::collections::BTreeSet::new();
    let mut all = std::collections::BTreeSet::new();
    for (number, (step, phase, kill, backwards)) in cases.enumerate() {
        all.insert(step);
        if ground.survives(&format!("case_{number}"), step, phase, kill, backwards).await {
            reached.insert((step, format!("{phase:?}"), format!("{kill:?}"), backwards));
        }
    }
    // A step in a transaction has seven moments, one outside has six.
    for step in all {
        let moments: std::collections::BTreeSet<_> =
            reached.iter().filter(|one| one.0 == step).map(|one| (one.1.clone(), one.3)).collect();
        assert!(moments.len() >= 6, "{step}: {moments:?}");
    }
    ground.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_it_goes_on() {
    let kills = [Kill::Client, Kill::Backend, Kill::Server];
    // Each moment dies one of the three deaths; all of them under --all.
    let cases = ["column", "index", "rows"].into_iter().enumerate().flat_map(move |(row, step)| {
        PHASES
            .into_iter()
            .enumerate()
            .map(move |(at, phase)| (step, phase, kills[(row + at) % 3], false))
    });
    let back = ["index"]
        .into_iter()
        .flat_map(|step| PHASES.into_iter().map(move |phase| (step, phase, Kill::Client, true)));
    matrix(cases.chain(back)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "every death at every moment of every step: ./test --all"]
async fn killed_at_every_moment_in_every_way_it_goes_on() {
    let kills = [Kill::Client, Kill::Backend, Kill::Server];
    let forwards = STEPS.into_iter().flat_map(move |step| {
        PHASES.into_iter().flat_map(move |phase| kills.map(|kill| (step, phase, kill, false)))
    });
    let back = STEPS[..4].iter().copied().flat_map(move |step| {
        PHASES.into_iter().flat_map(move |phase| {
            [Kill::Client, Kill::Backend].map(|kill| (step, phase, kill, true))
        })
    });
    matrix(forwards.chain(back)).await;
}

/// Killed in the middle of an index's build: what is half made is found and cleaned away, and the index is built.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_within_a_build_beside_writers_it_goes_on() {
    let ground = Ground::new().await;
    for (number, kill) in [Kill::Client, Kill::Backend, Kill::Server].into_iter().enumerate() {
        let name = format!("build_{number}");
        let database = copy(&ground.server, &name).await;
        ground.prepared.approve(&database.connect_for_others().await.unwrap(), &DOORS).await;
        // A transaction with an old snapshot, for whose end the build waits.
        let old = connect(config(&ground.server, &name).await).await;
        old.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
            .await
            .unwrap();
        let (killed, ended) = ground
            .run_and_kill(&database, false, kill, |event| {
                matches!(event, Event::Waits { step: "index", .. })
            })
            .await;
        assert!(killed && ended.is_none_or(|ended| ended.is_err()), "{kill:?}");
        drop(old);
        let status = apply::status(&database).await.unwrap();
        assert_eq!(
            status.runs[0].open.as_ref().map(|open| open.step.as_str()),
            Some("index"),
            "{kill:?}"
        );
        assert_eq!(ground.go_on(&database, false).await.ended, Ended::Done);
        let (objects, rows) = outcome(&database).await;
        assert_eq!(ground.done.0.diff(&objects), [], "{kill:?}");
        assert_eq!(ground.done.1, rows, "{kill:?}");
        ground.journal_is_complete(&database, false, &format!("{kill:?} in the build")).await;
        drop_database(&ground.server, &name).await;
    }
    ground.end().await;
}

/// The answer of the COMMIT is lost on its way: nobody guesses, the journal is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_of_a_commit_is_looked_up() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (db, prepared) = signed::orders().await;
    prepared.approve(&db.dba().await, &DOORS).await;
    // Between client and server: once it has passed on a COMMIT that follows "rows", it passes no answer on.
    let folder = tempfile::tempdir().unwrap();
    let listener = tokio::net::UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
    let real = db.config("postgres");
    let tokio_postgres::config::Host::Unix(socket) = real.get_hosts()[0].clone() else {
        panic!("no socket")
    };
    let port = real.get_ports().first().copied().unwrap_or(5432);
    let path = socket.join(format!(".s.PGSQL.{port}"));
    let lost = Arc::new(Mutex::new(0));
    let counted = lost.clone();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = tokio::net::UnixStream::connect(&path).await.unwrap();
            let counted = counted.clone();
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let mut is_rows = false;
                let (mut asked, mut answered) = ([0; 65536], [0; 65536]);
                loop {
                    tokio::select! {
                        read = from_client.read(&mut asked) => {
                            let Ok(count @ 1..) = read else { return };
                            let text = String::from_utf8_lossy(&asked[..count]).into_owned();
                            is_rows |= text.contains("UPDATE orders SET note");
                            to_server.write_all(&asked[..count]).await.unwrap();
                            if is_rows && text.contains("COMMIT") {
                                // The server has committed when it answers; the answer goes nowhere.
                                let _ = from_server.read(&mut answered).await;
                                *counted.lock().unwrap() += 1;
                                return;
                            }
                        }
                        read = from_server.read(&mut answered) => {
                            let Ok(count @ 1..) = read else { return };
                            if to_client.write_all(&answered[..count]).await.is_err() {
                                return;
                            }
                        }
                    }
                }
            });
        }
    });
    let mut through = tokio_postgres::Config::new();
    through.host_path(folder.path()).user("postgres").dbname(real.get_dbname().unwrap());
    let through = Database::new(through).unwrap();
    match prepared.apply(&through).await {
        Err(Error::Interrupted(why)) => assert!(why.contains("the journal knows"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(*lost.lock().unwrap(), 1);
    let direct = db.database("postgres");
    let applied = prepared.apply(&direct).await.unwrap();
    assert_eq!(applied.ended, Ended::Done);
    assert_eq!(applied.steps[3].outcome, "before", "it was committed, and is not done twice");
    assert_eq!(db.value::<i64>("SELECT count(*) FROM orders WHERE note = 'x'").await, 100);
}

/// The room for the build's temporary files is not enough: nothing half made stays, and it says why.
#[tokio::test]
async fn no_room_for_the_build() {
    let (db, prepared) = signed::orders().await;
    let database = db.database("postgres");
    prepared.approve(&db.dba().await, &[]).await;
    db.sql("INSERT INTO orders (code) SELECT 'O-' || n FROM generate_series(501, 60000) AS n")
        .await;
    db.sql("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET temp_file_limit = 64', current_database()); EXECUTE format('ALTER DATABASE %I SET maintenance_work_mem = 1024', current_database()); EXECUTE format('ALTER DATABASE %I SET max_parallel_maintenance_workers = 0', current_database()); END $$").await;
    let failed = prepared.apply(&database).await.unwrap();
    assert_eq!(
        (failed.ended, failed.next.as_deref()),
        (Ended::Failed, Some("index")),
        "{failed:?}"
    );
    let why = failed.why.unwrap();
    assert!(
        why.contains("temp_file_limit") && why.contains("public.orders_code was half made"),
        "{why}"
    );
    assert_eq!(db.value::<i64>("SELECT count(*) FROM pg_index WHERE NOT indisvalid").await, 0);
    db.sql("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET ALL', current_database()); END $$")
        .await;
    let applied = prepared
        .apply_as(&database, &Options { until: Some("index".to_owned()), ..options() }, &mut |_| {})
        .await
        .unwrap();
    assert_eq!(applied.ended, Ended::Stopped, "{applied:?}");
}

/// A standby takes over in the middle: the journal came with it, what was signed for the other timeline did not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failover_it_goes_on_once_it_is_signed_again() {
    use testkit::PhysicalCopy;
    let ground = Ground::new().await;
    let database = copy(&ground.server, "primary_orders").await;
    ground.prepared.approve(&database.connect_for_others().await.unwrap(), &DOORS).await;
    let until = Options { until: Some("index".to_owned()), ..options() };
    ground.prepared.apply_as(&database, &until, &mut |_| {}).await.unwrap();
    let copied = PhysicalCopy::take(&*ground.server.lock().await).await;
    let standby =
        PhysicalCopy::start(&*ground.server.lock().await, copied, Some("standby.signal"), "").await;
    let there = Database::new(standby.config("primary_orders", "postgres")).unwrap();
    match ground.prepared.apply(&there).await {
        Err(Error::Busy(why)) => assert!(why.contains("this is a standby"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(apply::status(&there).await.unwrap().identity.in_recovery);
    let root = connect(standby.config("postgres", "postgres")).await;
    root.batch_execute("SELECT pg_promote()").await.unwrap();
    let status = apply::status(&there).await.unwrap();
    assert_eq!((status.runs[0].ended.as_deref(), status.runs[0].done.len()), (Some("stopped"), 2));
    assert_eq!(status.identity.timeline, "2");
    match ground.prepared.apply(&there).await {
        Err(Error::NotSigned(why)) => assert!(why.contains("0 of 1 owners have signed"), "{why}"),
        other => panic!("{other:?}"),
    }
    ground.prepared.approve(&there.connect_for_others().await.unwrap(), &DOORS).await;
    assert_eq!(ground.prepared.apply(&there).await.unwrap().ended, Ended::Done);
    let (objects, rows) = outcome(&there).await;
    assert_eq!(ground.done.0.diff(&objects), []);
    assert_eq!(ground.done.1, rows);
    tokio::task::spawn_blocking(move || drop(standby)).await.unwrap();
    ground.end().await;
}

/// The disk is full in the middle of the build, for real: a file system of its own, made for the test.
#[tokio::test]
#[ignore = "mounts a small file system, as root: ./test --all"]
async fn the_disk_is_full_in_the_build() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let status = std::process::Command::new(program).args(arguments).status();
        assert!(
            status.unwrap().success(),
            "{program} {arguments:?}: run the tests as root, who may mount a file system"
        );
    };
    let path = disk.to_str().unwrap().to_owned();
    run("mount", &["-t", "tmpfs", "-o", "size=40m,mode=0777", "tmpfs", &path]);
    struct Unmount(String);
    impl Drop for Unmount {
        fn drop(&mut self) {
            let _ = std::process::Command::new("umount").args(["-l", &self.0]).status();
        }
    }
    let unmount = Unmount(path.clone());
    let server = tokio::task::spawn_blocking(|| Server::own(&[])).await.unwrap();
    let place = disk.join("place");
    std::fs::create_dir(&place).unwrap();
    run("chown", &["--reference", server.data_folder().to_str().unwrap(), place.to_str().unwrap()]);
    run("chmod", &["0700", place.to_str().unwrap()]);
    let root = connect(server.config("postgres", "postgres")).await;
    root.batch_execute(&format!("CREATE TABLESPACE small LOCATION '{}'", place.display()))
        .await
        .unwrap();
    root.batch_execute("CREATE DATABASE orders TABLESPACE small").await.unwrap();
    let database = Database::new(server.config("orders", "postgres")).unwrap();
    let client = database.connect_for_others().await.unwrap();
    client.batch_execute(ORDERS).await.unwrap();
    let evidence = tempfile::tempdir().unwrap();
    let packet = signed::write(&evidence.path().join("packet"), PACKET, FILES);
    let (packet, rehearsed) =
        signed::rehearse(&database, &packet, &evidence.path().join("evidence")).await;
    let key = Key::ed25519("ada");
    let prepared = Prepared { folder: evidence, packet, rehearsed, owners: owners(&[&key]), key };
    prepared.approve(&client, &[]).await;
    client.batch_execute("INSERT INTO orders (code) SELECT repeat('O', 60) || n FROM generate_series(501, 80000) AS n").await.unwrap();
    client.batch_execute("CHECKPOINT").await.unwrap();
    // All but a little is taken.
    let free =
        std::process::Command::new("df").args(["--output=avail", "-k", &path]).output().unwrap();
    let free: u64 =
        String::from_utf8_lossy(&free.stdout).lines().last().unwrap().trim().parse().unwrap();
    let filler = disk.join("filler");
    std::fs::write(&filler, vec![0; usize::try_from((free - 1500) * 1024).unwrap()]).unwrap();

    let failed = prepared.apply(&database).await.unwrap();
    assert_eq!(
        (failed.ended, failed.next.as_deref()),
        (Ended::Failed, Some("index")),
        "{failed:?}"
    );
    let why = failed.why.unwrap();
    assert!(
        why.contains("could not extend file") && why.contains("public.orders_code was half made"),
        "{why}"
    );
    let status = apply::status(&database).await.unwrap();
    assert_eq!((status.runs[0].ended.as_deref(), status.runs[0].done.len()), (Some("failed"), 1));
    let invalid: i64 = client
        .query_one("SELECT count(*) FROM pg_index WHERE NOT indisvalid", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(invalid, 0);
    std::fs::remove_file(&filler).unwrap();
    assert_eq!(prepared.apply(&database).await.unwrap().next.as_deref(), Some("check"));
    drop((client, root));
    tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
    drop(unmount);
}
