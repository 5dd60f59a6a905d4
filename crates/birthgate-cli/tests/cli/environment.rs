//! What stands in the environment: where the database is, and what must not reach the programs that we start.

use std::collections::BTreeSet;
use std::process::Command;

use testkit::Server;

use crate::commands::User;
use crate::run::{birthgate, run};

/// Each of these would keep a server, an initdb or a pg_dump from its work, or lead it to another place.
const HOSTILE: [(&str, &str); 22] = [
    ("PGPORT", "1"),
    ("PGHOST", "/nowhere"),
    ("PGHOSTADDR", "192.0.2.1"),
    ("PGUSER", "no such user"),
    ("PGDATABASE", "no such database"),
    ("PGPASSWORD", "wrong"),
    ("PGPASSFILE", "/nowhere"),
    ("PGSERVICE", "no such service"),
    ("PGSERVICEFILE", "/nowhere"),
    ("PGOPTIONS", "-c no_such_setting=1"),
    ("PGDATA", "/nowhere"),
    ("PGTZ", "Nowhere/Nothing"),
    ("PGDATESTYLE", "nonsense"),
    ("PGCLIENTENCODING", "nonsense"),
    ("PGSSLCERT", "/nowhere"),
    ("PGSSLCRL", "/nowhere"),
    ("PGTARGETSESSIONATTRS", "standby"),
    ("PGREQUIREPEER", "nobody"),
    ("PGGSSENCMODE", "require"),
    ("PG_COLOR", "always"),
    ("LC_ALL", "de_DE.UTF-8"),
    ("LANGUAGE", "de"),
];

#[test]
fn a_rehearsal_needs_nothing_of_the_environment_and_heeds_nothing() {
    let user = User::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("0001_note.up.sql");
    std::fs::write(&file, "ALTER TABLE thing ADD COLUMN note text").unwrap();
    let arguments = ["rehearse", file.to_str().unwrap(), "--rows", "10"];

    let url = user.url("postgres");
    let mut variables = HOSTILE.to_vec();
    variables.push(("DATABASE_URL", &url));
    let ended = run(env!("CARGO_BIN_EXE_birthgate"), &arguments, &variables, "").expect(0);
    assert!(ended.stdout.starts_with("PASS"), "{}", ended.stdout);

    let mut command = Command::new(env!("CARGO_BIN_EXE_birthgate"));
    command.args(arguments).env_clear().env("DATABASE_URL", &url).current_dir(folder.path());
    let ended = command.env("PATH", std::env::var_os("PATH").unwrap()).output().unwrap();
    let stdout = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && stdout.starts_with("PASS"), "{ended:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_private_server_holds_no_secret_of_the_environment() {
    let server = Server::own(&[]);
    let pid = std::fs::read_to_string(server.data_folder().join("postmaster.pid")).unwrap();
    let pid = pid.lines().next().unwrap();
    let text = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    let names: BTreeSet<&str> =
        text.split('\0').filter_map(|variable| Some(variable.split_once('=')?.0)).collect();
    let allowed = BTreeSet::from([
        "PATH",
        "HOME",
        "TMPDIR",
        "LC_ALL",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "DYLD_FALLBACK_LIBRARY_PATH",
    ]);
    let ours: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
    assert!(ours.iter().any(|name| !allowed.contains(name.as_str())), "nothing is tried: {ours:?}");
    assert!(names.contains("PATH") && names.is_subset(&allowed), "{names:?}");
    assert!(text.contains("\0HOME=/\0") || text.starts_with("HOME=/\0"), "{text:?}");
}

#[test]
fn a_missing_database_is_named_with_the_way_to_name_it() {
    let without = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_birthgate"));
        let path = std::env::var_os("PATH").unwrap();
        command.env_clear().env("PATH", path).envs(variables.iter().copied());
        let folder = tempfile::tempdir().unwrap();
        let ended = command.args(["collection", "list"]).current_dir(folder.path()).output();
        let ended = ended.unwrap();
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    // A port or a password names no database.
    for variables in [&[][..], &[("DATABASE_URL", "")], &[("PGPORT", "5432"), ("PGPASSWORD", "x")]]
    {
        let (code, said) = without(variables);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("DATABASE_URL is not set"), "{said}");
        assert!(said.contains("export DATABASE_URL=postgresql://"), "{said}");
    }
    let (code, said) = without(&[("PGSERVICE", "x")]);
    assert!(code == Some(2) && said.contains("PGSERVICE"), "{said}");
    let (code, said) = without(&[("PGHOST", "/nowhere")]);
    assert!(
        code == Some(1) && said.contains("/nowhere") && said.contains("DATABASE_URL"),
        "{said}"
    );
}

#[test]
fn a_url_of_another_tool_is_read_with_a_note() {
    let user = User::new();
    user.sql("CREATE SCHEMA shop");
    let try_with = |parameters: &str| {
        let url = format!("{}?{parameters}", user.url("postgres"));
        birthgate(&["--database-url", &url, "fingerprint", "take", "--out", "/dev/null"])
    };
    let prisma = "schema=shop&connection_limit=5&pgbouncer=true&sslaccept=accept_invalid_certs&pool_timeout=1&socket_timeout=9&statement_cache_size=0";
    let ended = try_with(prisma).expect(0);
    for name in ["connection_limit", "pgbouncer", "sslaccept", "pool_timeout", "socket_timeout"] {
        assert!(ended.stderr.contains(&format!("note: {name} is ignored")), "{}", ended.stderr);
    }
    assert!(ended.stderr.contains("schema=shop is taken as search_path"), "{}", ended.stderr);
    // What a schema says is done: a name without one is found in it.
    user.sql("CREATE TABLE shop.goods (code text PRIMARY KEY)");
    user.run_as("postgres", &["init"]).expect(0);
    let govern = |url: &str| {
        birthgate(&["--database-url", url, "collection", "govern", "goods", "--code", "code"])
    };
    govern(&user.url("postgres")).expect(1);
    let governed = govern(&format!("{}?schema=shop", user.url("postgres"))).expect(0);
    assert!(governed.stdout.contains("goods is in mode enforce"), "{}", governed.stdout);

    let ended = try_with("sslkey=x").expect(2);
    assert!(ended.stderr.contains("sslkey, which Birthgate does not support"), "{}", ended.stderr);
    let ended = birthgate(&["--database-url", "mysql://root@db/app", "doctor"]).expect(2);
    assert!(ended.stderr.contains("mysql:// is not PostgreSQL"), "{}", ended.stderr);
}
