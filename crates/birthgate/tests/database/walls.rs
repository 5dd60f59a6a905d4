//! The kernel keeps a sandbox's server inside, whatever runs in it as whomever: also while the schema is restored,
//! before any rule of SQL is in force. Each attack succeeds in a sandbox without walls.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use birthgate::Database;
use birthgate::plan;
use birthgate::private_server::{Bounds, Confinement, Walls};
use birthgate::rehearsal::{self, Live, Options, Rehearsal, Rows, Verdict};
use testkit::{Server, connect};

/// What the attacks are after; each of these words stands for it in their SQL.
struct Prey {
    folder: tempfile::TempDir,
    port: TcpListener,
}

const SECRET: &str = "the-secret-of-this-machine";

impl Prey {
    fn set() -> Prey {
        let folder = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(folder.path(), open).unwrap();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        port.set_nonblocking(true).unwrap();
        Prey { folder, port }
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("file")
    }

    fn named_in(&self, sql: &str, socket: &Path) -> String {
        sql.replace("FILE", self.file().to_str().unwrap())
            .replace("SECRET", self.folder.path().join("secret").to_str().unwrap())
            .replace("PORT", &self.port.local_addr().unwrap().port().to_string())
            .replace("LIVE", socket.to_str().unwrap())
    }

    /// Whether something got out, or in; forgotten then.
    fn is_caught(&self, said: &Rehearsal) -> bool {
        let mut connected = false;
        while self.port.accept().is_ok() {
            connected = true;
        }
        let wrote = std::fs::remove_file(self.file()).is_ok();
        connected || wrote || serde_json::to_string(said).unwrap().contains(SECRET)
    }
}

struct Attack {
    /// Run in the live database before, by its superuser: part of what is restored.
    before: &'static str,
    /// The plan.
    plan: &'static str,
    /// Whether it gets what it is after where there are no walls: what SQL's own rules refuse does not.
    succeeds: bool,
    needs: Option<&'static str>,
}

const fn planned(plan: &'static str) -> Attack {
    Attack { before: "", plan, succeeds: true, needs: None }
}

const fn restored(before: &'static str) -> Attack {
    Attack { before, plan: "CREATE TABLE harmless ()", succeeds: true, needs: None }
}

const fn refused(plan: &'static str) -> Attack {
    Attack { before: "", plan, succeeds: false, needs: None }
}

const ATTACKS: &[Attack] = &[
    planned("DO $$ BEGIN EXECUTE replace($q$KOPY (SELECT 1) TO PROGRAM 'touch FILE'$q$, 'K', 'C'); END $$"),
    planned("DO $$ BEGIN EXECUTE format('%s (SELECT 1) TO %L', concat('CO', 'PY'), 'FILE'); END $$"),
    planned("DO $$ BEGIN RAISE EXCEPTION '%', pg_catalog.birthgate_was_pg_read_file('SECRET'); END $$"),
    planned("DO $$ DECLARE o oid := pg_catalog.birthgate_was_lo_import('SECRET'); BEGIN RAISE EXCEPTION '%', convert_from(lo_get(o), 'UTF8'); END $$"),
    planned("DO $$ DECLARE o oid := lo_from_bytea(0, 'x'); BEGIN PERFORM pg_catalog.birthgate_was_lo_export(o, 'FILE'); END $$"),
    refused("CREATE FUNCTION run(cstring) RETURNS int LANGUAGE c AS 'libc.so.6', 'system'; SELECT run('touch FILE')"),
    refused("CREATE FUNCTION other_read(text) RETURNS text LANGUAGE internal AS 'pg_read_file_all'; DO $$ BEGIN RAISE EXCEPTION '%', other_read('SECRET'); END $$"),
    Attack {
        needs: Some("dblink"),
        ..refused("CREATE FUNCTION dial(text) RETURNS text LANGUAGE c STRICT AS '$libdir/dblink', 'dblink_connect'; SELECT dial('host=127.0.0.1 port=PORT connect_timeout=1')")
    },
    Attack {
        needs: Some("dblink"),
        ..refused("CREATE FUNCTION dial(text, text) RETURNS text LANGUAGE c STRICT AS '$libdir/dblink', 'dblink_exec'; SELECT dial('host=LIVE user=postgres dbname=postgres', $$COPY (SELECT 1) TO PROGRAM 'touch FILE'$$)")
    },
    // While the schema is restored.
    restored("CREATE FUNCTION inner_one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE $q$COPY (SELECT 1) TO PROGRAM 'touch FILE'$q$; RETURN 1; END $$;
              CREATE FUNCTION escape(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.inner_one(); RETURN true; END $$;
              CREATE TABLE whole (id int) PARTITION BY RANGE (id); CREATE TABLE part (id int, CHECK (escape(1)));
              DO $$ BEGIN ALTER TABLE whole ATTACH PARTITION part FOR VALUES FROM (0) TO (9); END $$"),
    restored("CREATE FUNCTION inner_one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE $q$COPY (SELECT 1) TO 'FILE'$q$; RETURN 1; END $$;
              CREATE FUNCTION escape(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.inner_one(); RETURN 1; END $$;
              CREATE TABLE indexed (id int); CREATE INDEX ON indexed ((id + escape(1)))"),
    restored("CREATE FUNCTION escape() RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE $q$COPY (SELECT 1) TO 'FILE'$q$; RETURN 1; END $$;
              CREATE MATERIALIZED VIEW seen AS SELECT escape() AS n"),
    Attack {
        needs: Some("dblink"),
        ..restored("CREATE FUNCTION dial(text) RETURNS text LANGUAGE c STRICT IMMUTABLE AS '$libdir/dblink', 'dblink_connect';
              CREATE FUNCTION escape(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.dial('host=127.0.0.1 port=PORT connect_timeout=1'); RETURN 1; EXCEPTION WHEN OTHERS THEN RETURN 1; END $$;
              CREATE TABLE indexed (id int); CREATE INDEX ON indexed ((id + escape(1)))")
    },
    // What SQL's own rules refuse already.
    refused("COPY (SELECT 1) TO PROGRAM 'touch FILE'"),
    refused("COPY (SELECT 1) TO 'FILE'"),
    refused("ALTER SYSTEM SET archive_command = 'touch FILE'; SELECT pg_reload_conf()"),
    refused("ALTER SYSTEM SET restore_command = 'touch FILE'; SELECT pg_reload_conf()"),
    refused("LOAD 'SECRET'"),
    Attack { needs: Some("adminpack"), ..refused("CREATE EXTENSION adminpack; SELECT pg_file_write('FILE', 'x', false)") },
    Attack {
        needs: Some("file_fdw"),
        ..refused("CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; CREATE FOREIGN TABLE stolen (t text) SERVER files OPTIONS (filename 'SECRET'); DO $$ BEGIN RAISE EXCEPTION '%', (SELECT t FROM stolen); END $$")
    },
    Attack {
        needs: Some("postgres_fdw"),
        ..refused("CREATE EXTENSION postgres_fdw; CREATE SERVER live FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port 'PORT'); CREATE USER MAPPING FOR PUBLIC SERVER live OPTIONS (user 'postgres'); CREATE FOREIGN TABLE over (n int) SERVER live; SELECT * FROM over")
    },
];

fn options(walls: Walls) -> Options {
    Options { live: Live::Never, rows: Rows::None, walls, ..crate::rehearsal::options() }
}

/// What an attack got of a sandbox with such walls.
async fn attack(server: &Server, prey: &Prey, one: &Attack, walls: Walls) -> (bool, Rehearsal) {
    let name = tokio::task::block_in_place(|| server.make_database(false));
    let dba = connect(server.config(&name, "postgres")).await;
    let before = prey.named_in(one.before, server.socket_folder());
    dba.batch_execute(&before).await.unwrap_or_else(|error| panic!("{before}: {error:?}"));
    drop(dba);
    // The live database is attacked by that as well.
    let _ = std::fs::remove_file(prey.file());
    while prey.port.accept().is_ok() {}
    let plan = prey.named_in(one.plan, server.socket_folder());
    let plan = plan::of_text(&plan, None).unwrap();
    let database = Database::new(server.config(&name, "postgres")).unwrap();
    let said = rehearsal::rehearse(&database, &plan, &options(walls)).await.unwrap();
    (prey.is_caught(&said), said)
}

fn on_server(test: impl AsyncFnOnce(&Server, &Prey)) {
    let server = Server::own(&[]);
    let prey = Prey::set();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(test(&server, &prey));
}

async fn has(server: &Server, extension: Option<&str>) -> bool {
    let Some(extension) = extension else { return true };
    let dba = connect(server.config("postgres", "postgres")).await;
    let sql = "SELECT FROM pg_available_extensions WHERE name = $1";
    dba.query_opt(sql, &[&extension]).await.unwrap().is_some()
}

fn keeps(confinement: Confinement) {
    on_server(async |server, prey| {
        if confinement == Confinement::Landlock && server.major() < 15 {
            return;
        }
        for one in ATTACKS {
            if !has(server, one.needs).await {
                continue;
            }
            let walls = Walls::only(confinement, Bounds::default());
            let (got, said) = attack(server, prey, one, walls).await;
            assert!(!got, "{} {}: {said:#?}", one.before, one.plan);
            assert_eq!(said.sandbox, Some(confinement), "{said:#?}");
            // A setting of the server is a change like others; here it archives nothing.
            let may_pass = ["CREATE TABLE harmless", "ALTER SYSTEM"];
            let may_pass = may_pass.iter().any(|begin| one.plan.starts_with(begin));
            assert!(may_pass || said.verdict != Verdict::Pass, "{said:#?}");
        }
    });
}

#[test]
fn namespaces_keep_every_attack_inside() {
    keeps(Confinement::Namespaces);
}

#[test]
fn rules_keep_every_attack_inside() {
    keeps(Confinement::Landlock);
}

/// Where the kernel offers nothing, nothing that reaches out is run.
#[test]
fn without_a_kernel_s_help_no_attack_is_run() {
    keeps(Confinement::None);
}

#[test]
fn without_walls_the_attacks_succeed() {
    on_server(async |server, prey| {
        for one in ATTACKS.iter().filter(|one| one.succeeds) {
            if !has(server, one.needs).await {
                continue;
            }
            let (got, said) = attack(server, prey, one, Walls::open(Bounds::default())).await;
            assert!(got, "{} {}: {said:#?}", one.before, one.plan);
        }
    });
}

#[test]
fn who_takes_too_much_is_ended_and_told() {
    let bounds = Bounds { disk: 100_000_000, memory: 300_000_000, processes: 20 };
    let grows = "CREATE TABLE large AS SELECT repeat(md5(n::text), 30) FROM generate_series(1, 1000000000) AS n";
    let hoards = "DO $$ DECLARE a text[]; BEGIN FOR i IN 1 .. 100000 LOOP a[i] := repeat(md5(i::text), 3000); END LOOP; END $$";
    on_server(async |server, prey| {
        for (before, plan, told) in [
            ("", grows, "it wrote more than 100 MB"),
            ("", hoards, "it took more than 300 MB of memory"),
        ] {
            let attack_of = Attack {
                before: before.to_owned().leak(),
                plan: plan.to_owned().leak(),
                succeeds: true,
                needs: None,
            };
            let (_, said) = attack(server, prey, &attack_of, Walls::strongest(bounds)).await;
            assert_eq!(said.verdict, Verdict::Incomplete, "{said:#?}");
            assert!(said.reasons.iter().any(|one| one.message.contains(told)), "{said:#?}");
        }
    });
}
