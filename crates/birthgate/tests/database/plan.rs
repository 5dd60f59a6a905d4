//! Plans: packets and the files of migration tools, as they are.

use std::path::Path;

use birthgate::Error;
use birthgate::plan::{self, Source, migrations, packet};
use birthgate::rehearsal::{self, Live, Options};
use testkit::Db;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// What is said of a packet, without the folder's name.
fn problem_of(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    match packet::read(&folder.path().join("packet.toml")) {
        Ok(packet) => panic!("{packet:?}"),
        Err(error) => error.to_string().replace(&format!("{}/", folder.path().display()), ""),
    }
}

#[test]
fn the_errors_of_a_packet_point_into_its_file() {
    let step = "macro = \"M\"\n[[step]]\nid = \"a\"\n";
    let at = |rest: &str| {
        problem_of(&[("packet.toml", &format!("{step}{rest}")), ("a.sql", "SELECT 1")])
    };
    assert_eq!(
        at("do = \"b.sql\"\n"),
        "packet.toml:4:6: b.sql: No such file or directory (os error 2)"
    );
    assert!(
        at("do = \"a.sql\"\ndoor = \"three-way\"\n")
            .starts_with("packet.toml:5:8: unknown variant `three-way`")
    );
    assert!(
        at("do = \"a.sql\"\nundoo = \"a.sql\"\n")
            .starts_with("packet.toml:5:1: unknown field `undoo`")
    );
    assert!(
        at("do = \"a.sql\"\nstop = \"after\"\n")
            .starts_with("packet.toml:5:8: a stop stands \"before\"")
    );
    assert!(
        at("do = \"a.sql\"\n[[step]]\nid = \"a\"\ndo = \"a.sql\"")
            .starts_with("packet.toml:6:6: another step has this id")
    );
    assert!(problem_of(&[("packet.toml", "macro = \"M\"\n")]).contains("at least one [[step]]"));
    assert!(problem_of(&[("packet.toml", "macro = M\n")]).starts_with("packet.toml:1:9: "));
    let sql = problem_of(&[
        ("packet.toml", &format!("{step}do = \"a.sql\"")),
        ("a.sql", "SELECT 1;\nSELEC 2"),
    ]);
    assert!(sql.starts_with("a.sql:2:"), "{sql}");
    let outside =
        problem_of(&[("packet.toml", &format!("{step}do = \"a.sql\"")), ("a.sql", "VACUUM")]);
    assert!(outside.contains("say transaction = false"), "{outside}");
}

#[test]
fn the_digest_is_over_what_a_packet_says() {
    let digest = |packet: &str, sql: &str| {
        let folder = folder(&[("packet.toml", packet), ("a.sql", sql)]);
        packet::read(&folder.path().join("packet.toml")).unwrap().digest
    };
    let first = digest("macro = \"M\"\n[[step]]\nid = \"a\"\ndo = \"a.sql\"\n", "SELECT 1");
    assert_eq!(
        first,
        digest("# said otherwise\nmacro   = 'M'\nstep = [{ do = 'a.sql', id = 'a' }]", "SELECT 1")
    );
    assert_ne!(first, digest("macro = \"M\"\n[[step]]\nid = \"a\"\ndo = \"a.sql\"\n", "SELECT 2"));
    assert_ne!(
        first,
        digest(
            "macro = \"M\"\n[[step]]\nid = \"a\"\ndo = \"a.sql\"\nstop = \"before\"\n",
            "SELECT 1"
        )
    );
}

#[test]
fn a_new_packet_can_be_read_and_an_imported_one_says_what_the_files_said() {
    let new = tempfile::tempdir().unwrap();
    packet::new(new.path(), "M").unwrap();
    assert_eq!(packet::read(&new.path().join("packet.toml")).unwrap().plan.steps.len(), 1);
    assert!(matches!(packet::new(new.path(), "M"), Err(Error::BadInput(_))));
    let from = folder(&[
        ("1_a.up.sql", "BEGIN; CREATE TABLE a (x int); COMMIT;"),
        ("1_a.down.sql", "DROP TABLE a;"),
        ("2_b.up.sql", "CREATE INDEX CONCURRENTLY a_x ON a (x);"),
    ]);
    let to = tempfile::tempdir().unwrap();
    packet::import(&plan::read(&[from.path().to_owned()]).unwrap(), to.path(), "IMPORTED").unwrap();
    let imported = packet::read(&to.path().join("packet.toml")).unwrap().plan;
    let said: Vec<_> = imported
        .steps
        .iter()
        .map(|step| {
            (step.id.as_str(), step.does.text.as_str(), step.undo.is_some(), step.transaction)
        })
        .collect();
    assert_eq!(
        said,
        [
            ("1-a", "CREATE TABLE a (x int);\n", true, true),
            ("2-b", "CREATE INDEX CONCURRENTLY a_x ON a (x);\n", false, false)
        ]
    );
}

/// The pending steps of a tool's folder in a database where `before` was run.
async fn pending(files: &[(&str, &str)], before: &str) -> (Source, Vec<(String, bool)>) {
    let (folder, db) = (folder(files), Db::empty().await);
    db.sql(before).await;
    let mut plan = plan::read(&[folder.path().to_owned()]).unwrap();
    migrations::leave_out_applied(&mut plan, &db.dba().await).await.unwrap();
    let steps = plan.steps.iter().map(|step| (step.id.clone(), step.undo.is_some())).collect();
    (plan.source, steps)
}

fn step(id: &str, undo: bool) -> (String, bool) {
    (id.to_owned(), undo)
}

#[tokio::test]
async fn the_pending_files_of_each_tool_are_found_with_what_undoes_them() {
    let (a, b) = ("CREATE TABLE a (x int);", "DROP TABLE a;");
    assert_eq!(
        pending(
            &[
                ("sqitch.plan", "%syntax-version=1.0.0\n%project=p\n\nfirst 2026-01-01T00:00:00Z A <a@b> # one\nsecond [first] 2026-01-01T00:00:00Z A <a@b>\n@v1 2026-01-01T00:00:00Z A <a@b>\n"),
                ("deploy/first.sql", a), ("revert/first.sql", b),
                ("deploy/second.sql", "-- Deploy\nBEGIN;\nCREATE TABLE b (x int);\nCOMMIT;\n"), ("revert/second.sql", "BEGIN; DROP TABLE b; COMMIT;"),
            ],
            "CREATE SCHEMA sqitch; CREATE TABLE sqitch.changes (change text); INSERT INTO sqitch.changes VALUES ('first')",
        )
        .await,
        (Source::Sqitch, vec![step("second", true)])
    );
    assert_eq!(
        pending(
            &[
                ("20260101_a.sql", "-- migrate:up\nCREATE TABLE a (x int);\n\n-- migrate:down\nDROP TABLE a;\n"),
                ("20260102_b.sql", "-- migrate:up\nCREATE TABLE b (x int);\n"),
            ],
            "CREATE TABLE schema_migrations (version text); INSERT INTO schema_migrations VALUES ('20260102')",
        )
        .await,
        (Source::Dbmate, vec![step("20260101_a.sql", true)])
    );
    let flyway = [
        ("V1__a.sql", a),
        ("V1.1__b.sql", a),
        ("V2__c.sql", a),
        ("U2__c.sql", b),
        ("V10__d.sql", a),
    ];
    assert_eq!(
        pending(&flyway, "CREATE TABLE flyway_schema_history (version text, success boolean); INSERT INTO flyway_schema_history VALUES ('1', true), ('1.1', true), (NULL, true), ('10', false)").await,
        (Source::Flyway, vec![step("V2__c.sql", true), step("V10__d.sql", false)])
    );
    assert_eq!(
        pending(&flyway[2..], "CREATE TABLE refinery_schema_history (version int); INSERT INTO refinery_schema_history VALUES (2)").await,
        (Source::Flyway, vec![step("V10__d.sql", false)])
    );
    let numbered = [
        ("1_a.up.sql", a),
        ("1_a.down.sql", b),
        ("2_b.up.sql", a),
        ("10_c.up.sql", a),
        ("10_c.down.sql", b),
    ];
    assert_eq!(
        pending(&numbered, "CREATE TABLE schema_migrations (version bigint, dirty boolean); INSERT INTO schema_migrations VALUES (2, false)").await,
        (Source::GolangMigrate, vec![step("10_c.up.sql", true)])
    );
    assert_eq!(
        pending(&numbered, "CREATE TABLE _sqlx_migrations (version bigint, success boolean); INSERT INTO _sqlx_migrations VALUES (1, true), (10, true)").await,
        (Source::GolangMigrate, vec![step("2_b.up.sql", false)])
    );
}

#[tokio::test]
async fn a_place_in_a_file_of_dbmate_is_the_place_in_the_file() {
    let folder = folder(&[(
        "1_a.sql",
        "-- migrate:up\nCREATE TABLE a (x int);\nCREATE TABLE a (x int);\n-- migrate:down\nDROP TABLE a;\n",
    )]);
    let db = Db::empty().await;
    let plan = plan::read(&[folder.path().to_owned()]).unwrap();
    let options = Options { live: Live::First, ..crate::rehearsal::options() };
    let said = rehearsal::rehearse(&db.database("postgres"), &plan, &options).await.unwrap();
    let place = said.reasons[0].place.clone().unwrap();
    assert_eq!(
        (Path::new(&place.path).file_name().unwrap(), place.line),
        ("1_a.sql".as_ref(), 3),
        "{said:#?}"
    );
}
