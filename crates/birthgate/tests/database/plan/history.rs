//! What a tool's own table says is applied, and when it says that the tool would not go on.

use birthgate::plan::{self, Applied, Plan, Source, Tool};
use testkit::Db;

use super::{folder, ids};

const A: &str = "CREATE TABLE a (x int);";
const B: &str = "DROP TABLE a;";

const SQLX: &str = "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL, execution_time bigint NOT NULL);";
const GOLANG: &str =
    "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL);";
const FLYWAY: &str = "CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), description varchar(200) NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum integer, installed_by varchar(100) NOT NULL DEFAULT user, installed_on timestamp NOT NULL DEFAULT now(), execution_time integer NOT NULL DEFAULT 0, success boolean NOT NULL);";
const REFINERY: &str = "CREATE TABLE refinery_schema_history (version int4 PRIMARY KEY, name varchar(255), applied_on varchar(255), checksum varchar(255));";
const DBMATE: &str = "CREATE TABLE schema_migrations (version varchar NOT NULL PRIMARY KEY);";

/// What is pending of a folder where this was run before.
async fn pending(files: &[(&str, &str)], before: &str) -> birthgate::Result<(Plan, Applied)> {
    let (folder, db) = (folder(files), Db::empty().await);
    db.sql(before).await;
    let mut plan = plan::read(&[folder.path().to_owned()]).unwrap();
    let applied = plan.leave_out_applied(&db.dba().await).await?;
    Ok((plan, applied))
}

/// Asserts which steps are left, and whose folder it is.
async fn left(files: &[(&str, &str)], before: &str, tool: Tool, expected: &[&str]) -> Plan {
    let (plan, _) = pending(files, before).await.unwrap();
    assert_eq!((plan.source, ids(&plan)), (Source::Tool(tool), expected.to_vec()), "{before}");
    plan
}

/// What is said instead.
async fn refused(files: &[(&str, &str)], before: &str) -> String {
    match pending(files, before).await {
        Err(error @ birthgate::Error::Unready(_)) => error.to_string(),
        other => panic!("{before}: {other:?}"),
    }
}

#[tokio::test]
async fn plain_numbered_files_are_sqlxs_where_its_table_is() {
    let files = [
        ("20260101_a.sql", A),
        ("20260102_b.sql", "CREATE TABLE b (x int); CREATE TABLE c (x int);"),
    ];
    let row = |version: &str, success: bool, text: &str| {
        format!(
            "{SQLX} INSERT INTO _sqlx_migrations VALUES ({version}, 'a', now(), {success}, sha384('{text}'), 1);"
        )
    };
    let plan = left(&files, &row("20260101", true, A), Tool::Sqlx, &["20260102_b.sql"]).await;
    assert!(plan.steps[0].transaction);
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);
    let plan = left(&files, "", Tool::Psql, &["20260101_a.sql", "20260102_b.sql"]).await;
    assert!(plan.notes[0].contains("read as psql reads it; sqlx names its files alike"));
    let said = refused(&files, &row("20260101", true, "something else")).await;
    assert!(said.contains("20260101_a.sql:1:1: public._sqlx_migrations says that 20260101 is applied, and this file is not what was applied: sqlx would refuse"), "{said}");
    let said = refused(&files, &row("20260101", false, A)).await;
    assert!(said.contains("says that 20260101 did not succeed: find out"), "{said}");
    let said = refused(&files, &row("20250101", true, A)).await;
    assert!(said.contains("20250101 is applied, and no file here is"), "{said}");
}

#[tokio::test]
async fn golang_migrates_table_has_the_newest_and_whether_it_stopped_halfway() {
    let files = [("1_a.up.sql", A), ("1_a.down.sql", B), ("2_b.up.sql", A), ("10_c.up.sql", A)];
    let at = |version: &str, dirty: bool| {
        format!("{GOLANG} INSERT INTO schema_migrations VALUES ({version}, {dirty})")
    };
    let plan = left(&files, &at("2", false), Tool::GolangMigrate, &["10_c.up.sql"]).await;
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);
    left(&files, GOLANG, Tool::GolangMigrate, &["1_a.up.sql", "2_b.up.sql", "10_c.up.sql"]).await;
    let said = refused(&files, &at("2", true)).await;
    assert!(
        said.contains("public.schema_migrations says that 2 is dirty")
            && said.contains("migrate force VERSION"),
        "{said}"
    );
    let said = refused(&files, &at("7", false)).await;
    assert!(
        said.contains("7 is applied, and no file here is: golang-migrate would refuse"),
        "{said}"
    );
    // The same names, and sqlx's table.
    let sum = format!("sha384('{A}')");
    let sqlx = format!(
        "{SQLX} INSERT INTO _sqlx_migrations VALUES (1, 'a', now(), true, {sum}, 1), (10, 'c', now(), true, {sum}, 1);"
    );
    left(&files, &sqlx, Tool::Sqlx, &["2_b.up.sql"]).await;
    // Another tool's table of the same name is none of its own.
    left(&files, DBMATE, Tool::GolangMigrate, &["1_a.up.sql", "2_b.up.sql", "10_c.up.sql"]).await;
}

#[tokio::test]
async fn dbmates_table_has_the_digits_as_they_are_written() {
    let file = "-- migrate:up\nCREATE TABLE b (x int);\n-- migrate:down\nDROP TABLE b;\n";
    let files = [("001_a.sql", file), ("1_b.sql", file)];
    let before = format!("{DBMATE} INSERT INTO schema_migrations VALUES ('1')");
    left(&files, &before, Tool::Dbmate, &["001_a.sql"]).await;
}

const VIEW: &str = "CREATE OR REPLACE VIEW v AS\r\nSELECT 1;\n";

/// Rows of Flyway's table.
fn flyway(rows: &[&str]) -> String {
    let rows: Vec<String> =
        rows.iter().enumerate().map(|(at, row)| format!("({}, {row})", at + 1)).collect();
    format!(
        "{FLYWAY} INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, checksum, success) VALUES {}",
        rows.join(", ")
    )
}

#[tokio::test]
async fn flyways_table_is_read_in_its_order() {
    let files = [
        ("V1__a.sql", A),
        ("V1.1__b.sql", A),
        ("V2__c.sql", A),
        ("U2__c.sql", B),
        ("V10__d.sql", A),
        ("R__v.sql", VIEW),
    ];
    let one = "'1', 'a', 'SQL', 'V1__a.sql', NULL, true";
    let two = "'1.1.0', 'b', 'SQL', 'V1.1__b.sql', NULL, true";
    let three = "'2', 'c', 'SQL', 'V2__c.sql', NULL, true";
    left(&files, &flyway(&[one, two]), Tool::Flyway, &["V2__c.sql", "V10__d.sql", "R__v.sql"])
        .await;
    // Undone is pending again.
    let undone = "'2', 'c', 'UNDO_SQL', 'U2__c.sql', NULL, true";
    left(
        &files,
        &flyway(&[one, two, three, undone]),
        Tool::Flyway,
        &["V2__c.sql", "V10__d.sql", "R__v.sql"],
    )
    .await;
    // What is below a baseline is not run.
    let baseline = "'2', '<< Flyway Baseline >>', 'BASELINE', '<< Flyway Baseline >>', NULL, true";
    left(&files, &flyway(&[baseline]), Tool::Flyway, &["V10__d.sql", "R__v.sql"]).await;
    // zlib's crc32 of the lines.
    let view = |sum: i64| format!("NULL, 'v', 'SQL', 'R__v.sql', {sum}, true");
    let rest = ["V2__c.sql", "V10__d.sql"];
    left(&files, &flyway(&[one, two, &view(CRC)]), Tool::Flyway, &rest).await;
    left(
        &files,
        &flyway(&[one, two, &view(CRC + 1)]),
        Tool::Flyway,
        &["V2__c.sql", "V10__d.sql", "R__v.sql"],
    )
    .await;
    left(
        &files,
        &flyway(&[one, two, &view(CRC), &view(7)]),
        Tool::Flyway,
        &["V2__c.sql", "V10__d.sql", "R__v.sql"],
    )
    .await;
    // Late, and gone.
    let gone = "'3', 'gone', 'SQL', 'V3__gone.sql', NULL, true";
    let plan = left(
        &files,
        &flyway(&[one, gone]),
        Tool::Flyway,
        &["V1.1__b.sql", "V2__c.sql", "V10__d.sql", "R__v.sql"],
    )
    .await;
    assert!(
        plan.notes[0].starts_with("V1.1__b.sql comes before the newest that is applied"),
        "{:?}",
        plan.notes
    );
    assert!(
        plan.notes.iter().any(|note| note.contains("says that 3 is applied, and no file here is"))
    );
    let said =
        refused(&files, &flyway(&[one, "'1.1', 'b', 'SQL', 'V1.1__b.sql', NULL, false"])).await;
    assert!(said.contains("says that 1.1 failed") && said.contains("flyway repair"), "{said}");
    let said = refused(&files, &flyway(&["'1', 'a', 'SQL', 'V1__a.sql', 12345, true"])).await;
    assert!(
        said.contains("1 is applied, and this file is not what was applied: Flyway would refuse"),
        "{said}"
    );
}

/// `python3 -c "import zlib; print(zlib.crc32(b'CREATE OR REPLACE VIEW v ASSELECT 1;'))"`, signed.
const CRC: i64 = 327_119_051;

#[tokio::test]
async fn refinerys_table_tells_its_files_from_flyways() {
    let files = [("V1__a.sql", A), ("V2__b.sql", A), ("U3__c.sql", A)];
    let at = |rows: &str| {
        format!("{REFINERY} INSERT INTO refinery_schema_history (version, name) VALUES {rows}")
    };
    left(&files, &at("(1, 'a')"), Tool::Refinery, &["V2__b.sql", "U3__c.sql"]).await;
    let plan = left(&files, &at("(1, 'a'), (3, 'c')"), Tool::Refinery, &["V2__b.sql"]).await;
    assert!(plan.notes[0].starts_with("V2__b.sql comes before the newest"), "{:?}", plan.notes);
    let said = refused(&files, &at("(1, 'another')")).await;
    assert!(
        said.contains("1 is applied, and this file is not what was applied: refinery"),
        "{said}"
    );
    let said = refused(&files, &at("(9, 'x')")).await;
    assert!(said.contains("9 is applied, and no file here is"), "{said}");
}

#[tokio::test]
async fn a_table_in_another_schema_is_found_and_one_that_may_not_be_read_is_named() {
    let files = [("1_a.up.sql", A), ("2_b.up.sql", A)];
    let elsewhere = format!(
        "CREATE SCHEMA app; SET search_path = app; {GOLANG} INSERT INTO app.schema_migrations VALUES (1, false)"
    );
    let (plan, applied) = pending(&files, &elsewhere).await.unwrap();
    assert_eq!(ids(&plan), ["2_b.up.sql"]);
    let expected = Applied {
        table: Some("app.schema_migrations".to_owned()),
        steps: vec!["1_a.up.sql".to_owned()],
    };
    assert_eq!(applied, expected);
    let (folder, db) = (folder(&files), Db::empty().await);
    db.sql(&format!("{GOLANG} CREATE ROLE stranger LOGIN")).await;
    let mut plan = plan::read(&[folder.path().to_owned()]).unwrap();
    let client = db.database("stranger").connect_for_others().await.unwrap();
    let said = plan.leave_out_applied(&client).await.unwrap_err().to_string();
    assert!(
        said.contains("this role may not read it: GRANT SELECT ON public.schema_migrations"),
        "{said}"
    );
}

#[tokio::test]
async fn files_that_a_table_of_another_tool_names_are_that_tools() {
    let files = [("20260101000000_a.sql", A)];
    for (tool, before) in [
        (
            "Supabase",
            "CREATE SCHEMA supabase_migrations; CREATE TABLE supabase_migrations.schema_migrations (version text, statements text[], name text); INSERT INTO supabase_migrations.schema_migrations VALUES ('20260101000000')",
        ),
        (
            "Atlas",
            "CREATE TABLE atlas_schema_revisions (version text); INSERT INTO atlas_schema_revisions VALUES ('20260101000000')",
        ),
        (
            "goose",
            "CREATE TABLE goose_db_version (id int, version_id bigint, is_applied bool); INSERT INTO goose_db_version VALUES (1, 0, true), (2, 20260101000000, true)",
        ),
        (
            "node-pg-migrate",
            "CREATE TABLE pgmigrations (id int, name text, run_on timestamp); INSERT INTO pgmigrations VALUES (1, '20260101000000_a')",
        ),
    ] {
        let said = refused(&files, before).await;
        assert!(
            said.contains(&format!("this is {tool}'s (")) && said.contains("has its row"),
            "{said}"
        );
    }
    let empty = "CREATE TABLE atlas_schema_revisions (version text); INSERT INTO atlas_schema_revisions VALUES ('20250101000000')";
    left(&files, empty, Tool::Psql, &["20260101000000_a.sql"]).await;
}

#[test]
fn who_knows_what_is_applied_can_say_so() {
    let folder = folder(&[("1-a.sql", A), ("2-b.sql", A), ("3-c.sql", A)]);
    let read = || plan::read(&[folder.path().to_owned()]).unwrap();
    let mut plan = read();
    assert_eq!(plan.from("2-b.sql").unwrap(), ["1-a.sql"]);
    assert_eq!(ids(&plan), ["2-b.sql", "3-c.sql"]);
    let mut plan = read();
    let path = folder.path().join("2-b.sql");
    assert_eq!(plan.applied(&path.display().to_string()).unwrap(), "2-b.sql");
    assert_eq!(ids(&plan), ["1-a.sql", "3-c.sql"]);
    let said = plan.from("2-b.sql").unwrap_err().to_string();
    assert!(
        said.contains("2-b.sql is no step of ") && said.ends_with(": 1-a.sql, 3-c.sql"),
        "{said}"
    );
}
