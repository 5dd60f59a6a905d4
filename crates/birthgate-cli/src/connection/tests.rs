//! Connection strings as people have them.
#![allow(clippy::unwrap_used)]

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::settings::Settings;
use super::tls::Tls;
use crate::error::Kind;

fn read(text: &str) -> (Config, Vec<String>) {
    let mut settings =
        Settings::from_string(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let tls = Tls::take(&mut settings);
    let notes = settings.notes.clone();
    let mut config = settings.config().unwrap_or_else(|error| panic!("{text}: {error:?}"));
    tls.apply(&mut config).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    (config, notes)
}

fn refused(text: &str) -> String {
    let error = match Settings::from_string(text).and_then(Settings::config) {
        Ok(_) => panic!("{text} is read"),
        Err(error) => error,
    };
    assert_eq!(error.kind, Kind::Usage, "{text}");
    error.message
}

/// Whatever the form, the same place.
#[test]
fn every_form_names_the_same_place() {
    for (text, notes) in [
        ("postgresql://ada:s3%40cret@db.example.com:6432/app", 0),
        ("postgres://ada:s3@cret@db.example.com:6432/app", 0),
        ("POSTGRESQL://ada:s3%40cret@db.example.com:6432/app", 0),
        ("postgresql:///?user=ada&password=s3%40cret&host=db.example.com&port=6432&dbname=app", 0),
        (
            "postgresql://nobody@elsewhere:1/x?user=ada&password=s3%40cret&host=db.example.com&port=6432&dbname=app",
            0,
        ),
        ("postgresql+asyncpg://ada:s3%40cret@db.example.com:6432/app", 1),
        ("postgresql+psycopg2://ada:s3%40cret@db.example.com:6432/app", 1),
        ("postgis://ada:s3%40cret@db.example.com:6432/app", 1),
        ("ecto://ada:s3%40cret@db.example.com:6432/app?pool_size=10", 2),
        ("jdbc:postgresql://db.example.com:6432/app?user=ada&password=s3%40cret", 1),
        ("r2dbc:postgresql://ada:s3%40cret@db.example.com:6432/app", 1),
        ("host=db.example.com port=6432 user=ada password='s3@cret' dbname = app", 0),
        ("Host=db.example.com;Port=6432;Username=ada;Password=s3@cret;Database=app", 0),
        (
            "Server=db.example.com;Port=6432;User Id=ada;Password=\"s3@cret\";Database=app;Pooling=true;Maximum Pool Size=20;",
            2,
        ),
    ] {
        let (config, noted) = read(text);
        assert_eq!(config.get_hosts(), [Host::Tcp("db.example.com".to_owned())], "{text}");
        assert_eq!(config.get_ports(), [6432], "{text}");
        assert_eq!(config.get_user(), Some("ada"), "{text}");
        assert_eq!(config.get_password(), Some(&b"s3@cret"[..]), "{text}");
        assert_eq!(config.get_dbname(), Some("app"), "{text}");
        assert_eq!(noted.len(), notes, "{text}: {noted:?}");
    }
}

#[test]
fn libpqs_defaults_complete_what_is_left_out() {
    let (config, _) = read("postgresql://ada@");
    assert!(matches!(config.get_hosts(), [Host::Unix(_)]), "{config:?}");
    assert_eq!(config.get_dbname(), Some("ada"));
    let (config, _) = read("postgresql://a:1,b,[::1]:3/app");
    assert_eq!(config.get_ports(), [1, 5432, 3]);
    assert_eq!(config.get_hosts()[2], Host::Tcp("::1".to_owned()));
    let (config, _) = read("postgresql://%2Fsome%2Ffolder/app");
    assert_eq!(config.get_hosts(), [Host::Unix("/some/folder".into())]);
    let (config, _) = read(r"host=/a\ b user='it\'s' dbname=app");
    assert_eq!(config.get_hosts(), [Host::Unix("/a b".into())]);
    assert_eq!(config.get_user(), Some("it's"));
}

/// What other tools add for themselves is ignored, and said.
#[test]
fn parameters_of_other_tools_are_ignored_with_a_note() {
    for parameter in [
        "connection_limit=5",
        "pool_timeout=10",
        "pgbouncer=true",
        "sslaccept=accept_invalid_certs",
        "socket_timeout=5",
        "statement_cache_size=0",
        "schema=public",
        "serverVersion=16",
        "charset=utf8",
        "prepareThreshold=0",
        "reWriteBatchedInserts=true",
        "pool=5",
        "prepared_statements=false",
        "pool_max_conns=10",
        "default_query_exec_mode=simple_protocol",
        "binary_parameters=yes",
        "x-migrations-table=versions",
        "uselibpqcompat=true",
        "hostRecheckSeconds=10",
        "a_tool_that_is_not_made_yet=1",
    ] {
        let text = format!("postgresql://ada@db/app?{parameter}");
        let (config, notes) = read(&text);
        let name = parameter.split('=').next().unwrap();
        assert!(notes.len() == 1 && notes[0].starts_with(name), "{text}: {notes:?}");
        assert_eq!(config.get_options(), None, "{text}");
    }
}

/// What they say about the session or its encryption is done.
#[test]
fn parameters_of_other_tools_that_matter_are_done() {
    for (parameter, options) in [
        ("schema=shop", "-c search_path=\"shop\""),
        ("schema=My%20Shop", "-c search_path=\"My\\ Shop\""),
        ("currentSchema=a,b", "-c search_path=a,b"),
        ("search_path=shop", "-c search_path=shop"),
        ("options[search_path]=shop", "-c search_path=shop"),
        ("options=-c%20geqo%3Doff&schema=shop", "-c geqo=off -c search_path=\"shop\""),
        ("role=owner", "-c role=owner"),
        ("app.tenant=7", "-c app.tenant=7"),
    ] {
        let (config, _) = read(&format!("postgresql://ada@db/app?{parameter}"));
        assert_eq!(config.get_options(), Some(options), "{parameter}");
    }
    for (parameters, mode) in [
        ("ssl=true", SslMode::Require),
        ("ssl=false", SslMode::Disable),
        ("ssl=true&sslmode=disable", SslMode::Disable),
        ("sslaccept=strict", SslMode::Require),
        ("sslaccept=strict&sslmode=prefer", SslMode::Require),
    ] {
        let (config, _) = read(&format!("postgresql://ada@db/app?{parameters}"));
        assert_eq!(config.get_ssl_mode(), mode, "{parameters}");
    }
}

/// What is not supported, or might decide who listens, is named and not ignored.
#[test]
fn what_may_not_be_ignored_is_refused_by_its_name() {
    for name in [
        "service",
        "passfile",
        "sslcert",
        "sslkey",
        "sslcrl",
        "gssencmode",
        "require_auth",
        "requirepeer",
        "replication",
        "oauth_issuer",
        "sslmod",
        "tls_ca",
        "username",
        "database",
        "session_authorization",
    ] {
        let said = refused(&format!("postgresql://ada@db/app?{name}=x"));
        assert!(said.contains(&format!("says {name},")), "{said}");
    }
    assert!(refused("host=db colour=red").contains("colour"));
    assert!(refused("host=db schema=public").contains("schema"));
    for (text, scheme) in [
        ("mysql://root@db/app", "mysql://"),
        ("sqlite:///app.db", "sqlite://"),
        ("mongodb+srv://db/app", "mongodb+srv://"),
        ("jdbc:mysql://db/app", "mysql://"),
        ("prisma+postgres://accelerate.example/?api_key=x", "prisma+postgres://"),
        ("https://db/app", "https://"),
    ] {
        assert!(refused(text).starts_with(scheme), "{}", refused(text));
    }
    // Nothing of a password is shown.
    for text in [
        "postgresql://ada:hunter/2@db/app",
        "postgresql://ada:%FFhunter2@db/app",
        "host=db password='hunter2",
        "postgresql://ada:hunter2@db:port/app",
    ] {
        assert!(!refused(text).contains("hunter"), "{}", refused(text));
    }
}
