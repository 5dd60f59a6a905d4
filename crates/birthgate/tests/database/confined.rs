//! A confined sandbox: SQL that nobody vouches for runs no program, reads no file and reaches nothing, whoever it
//! runs as. Each attack succeeds in a sandbox that is not confined.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use birthgate::Database;
use birthgate::plan::{self, Watch, Watchable};
use birthgate::private_server::{Bounds, Walls};
use birthgate::rehearsal::{self, Live, Options, Rehearsal, Verdict};
use testkit::{Server, connect};

const SECRET: &str = "the-secret-of-this-machine";

/// Made on a server of their own: strong roles are drift wherever they are.
const ROLES: &str = "
    CREATE ROLE agent LOGIN;
    CREATE ROLE maker LOGIN CREATEROLE;
    CREATE ROLE runner LOGIN; GRANT pg_execute_server_program, pg_read_server_files TO runner;
    GRANT pg_read_all_data TO agent, maker, runner;
    GRANT CREATE ON SCHEMA public TO PUBLIC;
    CREATE FUNCTION admin_do(p_sql text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN EXECUTE p_sql; END';
    GRANT EXECUTE ON FUNCTION pg_read_file(text) TO runner;";

struct Attack {
    /// As whom.
    role: &'static str,
    /// `FILE` is a file that must not come, `SECRET` one that must not be read, `LIVE` the socket of the live server.
    sql: &'static str,
    /// An extension without which it cannot be tried.
    needs: Option<&'static str>,
    /// The newest major version that it works on.
    until: u32,
}

const fn attack(role: &'static str, sql: &'static str) -> Attack {
    Attack { role, sql, needs: None, until: u32::MAX }
}

const ATTACKS: &[Attack] = &[
    attack("postgres", "DO $$ BEGIN EXECUTE replace($q$KOPY (SELECT 1) TO PROGRAM 'touch FILE'$q$, 'K', 'C'); END $$"),
    attack("postgres", "DO $$ BEGIN EXECUTE replace($q$KOPY (SELECT 1) TO 'FILE'$q$, 'K', 'C'); END $$"),
    attack(
        "postgres",
        "DO $$ BEGIN RAISE EXCEPTION '%', pg_catalog.birthgate_was_pg_read_file('SECRET'); END $$",
    ),
    attack(
        "postgres",
        "CREATE TABLE stolen (t text);
         DO $$ BEGIN EXECUTE replace($q$KOPY stolen FROM 'SECRET'$q$, 'K', 'C'); RAISE EXCEPTION '%', (SELECT t FROM stolen); END $$",
    ),
    attack(
        "postgres",
        "DO $$ DECLARE o oid := pg_catalog.birthgate_was_lo_import('SECRET'); BEGIN RAISE EXCEPTION '%', convert_from(lo_get(o), 'UTF8'); END $$",
    ),
    attack("runner", "DO $$ BEGIN EXECUTE replace($q$KOPY (SELECT 1) TO PROGRAM 'touch FILE'$q$, 'K', 'C'); END $$"),
    // It fails in every sandbox.
    Attack {
        until: 0,
        ..attack("runner", "DO $$ BEGIN RAISE EXCEPTION '%', pg_read_file('SECRET'); END $$")
    },
    attack("agent", "SELECT admin_do(replace($q$KOPY (SELECT 1) TO PROGRAM 'touch FILE'$q$, 'K', 'C'))"),
    attack(
        "agent",
        "SELECT admin_do('DO $d$ BEGIN SET SESSION AUTHORIZATION birthgate_sandbox; EXCEPTION WHEN OTHERS THEN NULL; END $d$'),
                admin_do(replace($q$KOPY (SELECT 1) TO PROGRAM 'touch FILE'$q$, 'K', 'C'))",
    ),
    Attack {
        until: 15,
        ..attack(
            "maker",
            "GRANT pg_execute_server_program TO maker;
             DO $$ BEGIN EXECUTE replace($q$KOPY (SELECT 1) TO PROGRAM 'touch FILE'$q$, 'K', 'C'); END $$",
        )
    },
    Attack {
        // Nor does it run anywhere: its text tells.
        until: 0,
        needs: Some("file_fdw"),
        ..attack(
            "postgres",
            "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
             CREATE FOREIGN TABLE stolen (t text) SERVER files OPTIONS (filename 'SECRET');
             DO $$ BEGIN RAISE EXCEPTION '%', (SELECT t FROM stolen); END $$",
        )
    },
    Attack {
        until: 0,
        needs: Some("dblink"),
        ..attack(
            "postgres",
            "CREATE EXTENSION dblink;
             DO $$ BEGIN EXECUTE concat('SELECT dblink', $q$_exec('host=LIVE user=postgres dbname=postgres', 'COPY (SELECT 1) TO PROGRAM ''touch FILE''')$q$); END $$",
        )
    },
];

fn options(confined: bool) -> Options {
    Options {
        live: Live::Never,
        confined,
        walls: match confined {
            true => Walls::strongest(Bounds { disk: 200_000_000, ..Bounds::default() }),
            false => Walls::open(Bounds::default()),
        },
        ..crate::rehearsal::options()
    }
}

async fn rehearse(database: &Database, sql: &str, confined: bool) -> Rehearsal {
    let plan = plan::of_text(sql, None).unwrap();
    rehearsal::rehearse(database, &plan, &options(confined)).await.unwrap()
}

/// A folder that the sandbox's user may write, with a secret that it may read.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(folder.path(), open).unwrap();
    std::fs::write(folder.path().join("secret"), SECRET).unwrap();
    folder
}

fn on_server(test: impl AsyncFnOnce(&Server, &str, &Path)) {
    let server = Server::own(&[]);
    let name = server.make_database(false);
    let folder = folder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        connect(server.config(&name, "postgres")).await.batch_execute(ROLES).await.unwrap();
        test(&server, &name, folder.path()).await;
    });
}

/// Whether the attack got what it was after.
async fn succeeds(
    server: &Server,
    name: &str,
    folder: &Path,
    attack: &Attack,
    confined: bool,
) -> bool {
    let (file, secret) = (folder.join("file"), folder.join("secret"));
    let _ = std::fs::remove_file(&file);
    let sql = attack
        .sql
        .replace("FILE", file.to_str().unwrap())
        .replace("SECRET", secret.to_str().unwrap())
        .replace("LIVE", server.socket_folder().to_str().unwrap());
    let database = Database::new(server.config(name, attack.role)).unwrap();
    let said = rehearse(&database, &sql, confined).await;
    if confined {
        assert_ne!(said.verdict, Verdict::Pass, "{sql}: {said:#?}");
        let ran = said.reasons.iter().all(|reason| !reason.message.contains("no sandbox"));
        assert!(ran, "{sql}: {said:#?}");
    }
    let told = serde_json::to_string(&said).unwrap();
    let got = file.exists() || told.contains(SECRET);
    if got == confined {
        eprintln!("{sql}: {said:#?}");
    }
    got
}

#[test]
fn nobody_runs_a_program_reads_a_file_or_reaches_anything() {
    on_server(async |server, name, folder| {
        let dba = connect(server.config(name, "postgres")).await;
        let row = dba.query_one("SELECT current_setting('server_version_num')::int / 10000", &[]);
        let major = row.await.unwrap().get::<_, i32>(0).unsigned_abs();
        for attack in ATTACKS {
            if let Some(extension) = attack.needs {
                let sql = "SELECT FROM pg_available_extensions WHERE name = $1";
                if dba.query_opt(sql, &[&extension]).await.unwrap().is_none() {
                    continue;
                }
            }
            if attack.until >= major {
                assert!(succeeds(server, name, folder, attack, false).await, "{}", attack.sql);
            }
            assert!(!succeeds(server, name, folder, attack, true).await, "{}", attack.sql);
        }
    });
}

#[test]
fn what_is_refused_there_for_want_of_rights_is_not_held_against_the_plan() {
    on_server(async |server, name, _| {
        let database = Database::new(server.config(name, "postgres")).unwrap();
        for sql in ["ALTER SYSTEM SET work_mem = '8MB'", "CREATE ROLE somebody"] {
            let said = rehearse(&database, sql, true).await;
            assert_eq!(said.verdict, Verdict::Incomplete, "{sql}: {said:#?}");
            let told = said.reasons.iter().any(|reason| reason.message.contains("in this sandbox"));
            assert!(told, "{sql}: {said:#?}");
        }
        // What has nothing to do with that is.
        let said = rehearse(&database, "SELECT 1 / 0", true).await;
        assert_eq!(said.verdict, Verdict::Fail, "{said:#?}");
        // What the packet watches is not looked at as one who may do everything.
        let mut plan = plan::of_text("CREATE TABLE t ()", Some("DROP TABLE t")).unwrap();
        let query = "SELECT (count(*) > 0)::text FROM pg_ls_dir('.')".to_owned();
        plan.watch.push(Watch { name: "w".to_owned(), what: Watchable::Query(query) });
        let inside = async |confined| {
            let said = rehearsal::rehearse(&database, &plan, &options(confined)).await.unwrap();
            said.watch[0].inside.clone()
        };
        assert_eq!(inside(false).await.as_deref(), Some("true"));
        assert_eq!(inside(true).await, None);
    });
}

#[test]
fn a_plan_that_needs_no_more_is_seen_as_ever() {
    on_server(async |server, name, _| {
        let dba = connect(server.config(name, "postgres")).await;
        dba.batch_execute("CREATE TABLE orders (id int); ALTER TABLE orders OWNER TO agent")
            .await
            .unwrap();
        let database = Database::new(server.config(name, "agent")).unwrap();
        let plan =
            plan::of_text("ALTER TABLE orders ADD note text", Some("ALTER TABLE orders DROP note"));
        let said = rehearsal::rehearse(&database, &plan.unwrap(), &options(true)).await.unwrap();
        // One reason alone: that it was seen in the sandbox only.
        assert_eq!((said.verdict, said.reasons.len()), (Verdict::Incomplete, 1), "{said:#?}");
        assert!(said.steps[0].undo.as_ref().is_some_and(|undo| undo.restores), "{said:#?}");
    });
}

#[test]
fn it_is_ended_before_it_fills_the_disk() {
    on_server(async |server, name, _| {
        let database = Database::new(server.config(name, "agent")).unwrap();
        let sql = "CREATE TABLE large AS SELECT repeat(md5(n::text), 30) FROM generate_series(1, 1000000000) AS n";
        let said = rehearse(&database, sql, true).await;
        let told =
            said.reasons.iter().any(|reason| reason.message.contains("it wrote more than 200 MB"));
        assert!(told, "{said:#?}");
    });
}
