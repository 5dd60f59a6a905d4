//! Every column of every catalog is in the fingerprint, or it is said why not: of each that is in it, a value is changed in the
//! catalog itself, and the fingerprint has to change.

use std::collections::{BTreeMap, BTreeSet};

use birthgate::fingerprint::{self, Scope};
use birthgate::private_server::Binaries;
use testkit::{Db, Server};
use tokio_postgres::Client;

/// A value for a column of a row of the fixture.
struct Change<'a> {
    catalog: &'a str,
    column: &'a str,
    /// What follows SET.
    value: &'a str,
    row: &'a str,
}

/// The table of columns: the changes, and what is listed of each catalog.
fn table(
    text: &'static str,
) -> (Vec<Change<'static>>, BTreeMap<&'static str, BTreeSet<&'static str>>) {
    let mut changes = Vec::new();
    let mut listed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for section in text.split("\n== ").skip(2) {
        let (head, lines) = section.split_once('\n').unwrap();
        let (catalog, row) = head.split_once(" | ").unwrap();
        let known = listed.entry(catalog).or_default();
        for line in lines.lines().filter(|line| !line.is_empty()) {
            if let Some((column, value)) =
                line.split_once(" = ").filter(|(column, _)| !column.contains(' '))
            {
                let (value, row) = value.rsplit_once(" | ").unwrap_or((value, row));
                changes.push(Change { catalog, column, value, row });
                known.insert(column);
            } else {
                let (columns, why) = line.split_once(" : ").unwrap_or_else(|| panic!("{line}"));
                assert!(!why.is_empty(), "{line}");
                known.extend(columns.split(' '));
            }
        }
    }
    (changes, listed)
}

/// The columns of the catalogs of this server.
async fn columns(client: &Client) -> BTreeSet<(String, String)> {
    let sql = "SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
                WHERE c.relkind = 'r' AND c.relnamespace = 'pg_catalog'::regnamespace AND a.attname <> 'oid'";
    client.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// What is wrong with a change, or that the fingerprint does not see it.
async fn unseen(client: &Client, root: &str, change: &Change<'_>) -> Option<String> {
    let Change { catalog, column, value, row } = change;
    client.batch_execute("BEGIN; SET LOCAL allow_system_table_mods = on").await.unwrap();
    let sql = format!("UPDATE pg_catalog.{catalog} SET {column} = {value} WHERE {row}");
    let outcome = match client.execute(&sql, &[]).await {
        Err(error) => Some(format!("{:?}", error.as_db_error().map(|error| error.message()))),
        Ok(0) => Some("there is no such row".to_owned()),
        Ok(_) => match fingerprint::take_inside(client, &Scope::All).await {
            Err(error) => Some(error.to_string()),
            Ok(taken) if taken.root == root => Some("the fingerprint is the same".to_owned()),
            Ok(_) => None,
        },
    };
    client.batch_execute("ROLLBACK").await.unwrap();
    outcome.map(|problem| format!("{sql}: {problem}"))
}

async fn look(binaries: Binaries) {
    let (major, version) = (binaries.major, binaries.version.clone());
    // Nobody else changes anything of it.
    let server = std::thread::spawn(move || Server::of(binaries, &[])).join().unwrap();
    let db = Db::empty_on(server).await;
    let client = db.dba().await;
    client
        .batch_execute("SET allow_system_table_mods = on; SET allow_in_place_tablespaces = on")
        .await
        .unwrap();
    client
        .batch_execute("CREATE TABLESPACE look_space LOCATION '' WITH (seq_page_cost = 2)")
        .await
        .unwrap();
    client.batch_execute(include_str!("catalogs/fixture.sql")).await.unwrap();
    if major >= 15 {
        client.batch_execute(include_str!("catalogs/since_15.sql")).await.unwrap();
    }

    let (changes, listed) = table(include_str!("catalogs/columns.txt"));
    let there = columns(&client).await;
    let unlisted: Vec<_> = there
        .iter()
        .filter(|(catalog, column)| {
            listed.get(catalog.as_str()).is_none_or(|known| !known.contains(column.as_str()))
        })
        .collect();
    assert!(
        unlisted.is_empty(),
        "PostgreSQL {version}: catalogs/columns.txt does not say of {unlisted:?}"
    );

    let root = fingerprint::take(&client, &Scope::All).await.unwrap().root;
    let mut problems = Vec::new();
    for change in &changes {
        if there.contains(&(change.catalog.to_owned(), change.column.to_owned())) {
            problems.extend(unseen(&client, &root, change).await);
        }
    }
    assert!(problems.is_empty(), "PostgreSQL {version}: {problems:#?}");
    assert_eq!(fingerprint::take(&client, &Scope::All).await.unwrap().root, root);
}

/// Of the version that is asked for, else of the newest.
#[tokio::test]
async fn every_column_is_seen_or_it_is_said_why_not() {
    let binaries = tokio::task::spawn_blocking(|| match std::env::var_os("BIRTHGATE_TEST_PG") {
        Some(_) => Binaries::find(&testkit::search()).unwrap(),
        None => testkit::wheel(),
    });
    look(binaries.await.unwrap()).await;
}
