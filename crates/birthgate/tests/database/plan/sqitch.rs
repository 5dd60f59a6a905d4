//! sqitch: its plan, its three scripts, what was reworked, and what its table says.

use birthgate::plan::{self, Plan, Source, Tool, Verify};
use birthgate::rehearsal::{self, Live, Options, Verdict};
use testkit::Db;

use super::{folder, ids, read};

const STAMP: &str = "2026-01-01T00:00:00Z A <a@b.c>";

/// A project whose plan has these lines, with an empty script of each kind for each file named.
fn project(lines: &[&str], scripts: &[(&str, &str)]) -> tempfile::TempDir {
    let changes: Vec<String> = lines.iter().map(|line| format!("{line} {STAMP} # why\n")).collect();
    let text = format!("%syntax-version=1.0.0\n%project=shop\n\n{}", changes.concat());
    let mut files = vec![("sqitch.plan", text.as_str())];
    files.extend(scripts);
    folder(&files)
}

fn plan_of(folder: &tempfile::TempDir) -> Plan {
    let plan = plan::read(&[folder.path().to_owned()]).unwrap();
    assert_eq!(plan.source, Source::Tool(Tool::Sqitch));
    plan
}

const TABLE: &str = "CREATE SCHEMA sqitch; CREATE TABLE sqitch.changes (change_id text PRIMARY KEY DEFAULT gen_random_uuid(), script_hash text, change text NOT NULL, project text NOT NULL, committed_at timestamptz DEFAULT clock_timestamp());";

async fn pending(folder: &tempfile::TempDir, deployed: &str) -> birthgate::Result<Plan> {
    let db = Db::empty().await;
    db.sql(TABLE).await;
    db.sql(&format!("INSERT INTO sqitch.changes (change, project) VALUES {deployed}")).await;
    let mut plan = plan_of(folder);
    plan.leave_out_applied(&db.dba().await).await?;
    Ok(plan)
}

const WRAPPED: &str = "-- Deploy\nBEGIN;\nCREATE TABLE a (x int);\nCOMMIT;\n";

#[test]
fn a_change_has_its_three_scripts() {
    let folder = project(
        &["dir/first", "second [dir/first]", "@v1"],
        &[
            ("deploy/dir/first.sql", WRAPPED),
            ("revert/dir/first.sql", "BEGIN; DROP TABLE a; COMMIT;"),
            ("verify/dir/first.sql", "BEGIN; SELECT x FROM a WHERE false; ROLLBACK;"),
            ("deploy/second.sql", "CREATE INDEX CONCURRENTLY i ON a (x);"),
            ("verify/second.sql", "VACUUM a;"),
            ("deploy/forgotten.sql", WRAPPED),
        ],
    );
    let plan = plan_of(&folder);
    assert_eq!(ids(&plan), ["dir/first", "second"]);
    let [first, second] = &plan.steps[..] else { panic!("{plan:?}") };
    assert_eq!((first.transaction, first.undo.is_some()), (true, true));
    assert_eq!((second.transaction, second.undo.is_some()), (false, false));
    let Some(Verify::Quiet(verify)) = &first.verify else { panic!("{first:?}") };
    assert_eq!(verify.statements.len(), 1);
    assert!(second.verify.is_none());
    assert_eq!(
        plan.notes,
        [
            "verify/second.sql is not run: it cannot be rolled back (VACUUM)",
            "left out: deploy/forgotten.sql (sqitch reads the scripts of the changes in its plan)",
        ]
    );
}

const REWORKED: &[&str] = &["first", "@v1", "@v1.1", "second", "@v2", "first [first@v2]"];

fn reworked() -> tempfile::TempDir {
    project(
        REWORKED,
        &[
            (
                "deploy/first@v1.1.sql",
                "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
            ),
            ("deploy/second.sql", WRAPPED),
            (
                "deploy/first.sql",
                "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2';",
            ),
            (
                "revert/first.sql",
                "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
            ),
            ("revert/first@v1.1.sql", "DROP FUNCTION f();"),
        ],
    )
}

#[test]
fn what_was_reworked_is_read_from_the_file_of_its_tag() {
    let folder = reworked();
    let plan = plan_of(&folder);
    assert_eq!(ids(&plan), ["first@v1.1", "second", "first"]);
    assert!(plan.steps[0].does.text.starts_with("CREATE FUNCTION"), "{plan:?}");
    assert!(plan.steps[0].undo.as_ref().unwrap().text.starts_with("DROP"), "{plan:?}");
    assert!(plan.steps[2].does.text.starts_with("CREATE OR REPLACE"), "{plan:?}");
    // Without a tag between, sqitch does not take it.
    let folder = project(&["first", "first"], &[("deploy/first.sql", WRAPPED)]);
    let said = plan::read(&[folder.path().to_owned()]).unwrap_err().to_string();
    assert!(said.contains("sqitch.plan:5:1: this change is planned already"), "{said}");
}

#[tokio::test]
async fn what_is_deployed_is_left_out_and_what_was_reworked_since_is_not() {
    let folder = reworked();
    for (deployed, left) in [
        ("('first', 'shop')", vec!["second", "first"]),
        ("('first', 'shop'), ('second', 'shop')", vec!["first"]),
        ("('first', 'shop'), ('second', 'shop'), ('first', 'shop')", vec![]),
        // Another project has changes of these names.
        ("('first', 'other'), ('second', 'other')", vec!["first@v1.1", "second", "first"]),
    ] {
        assert_eq!(ids(&pending(&folder, deployed).await.unwrap()), left, "{deployed}");
    }
}

#[tokio::test]
async fn a_change_before_the_last_that_is_deployed_is_passed_over_and_said() {
    let scripts: Vec<(String, &str)> =
        ["a", "b", "c"].iter().map(|name| (format!("deploy/{name}.sql"), WRAPPED)).collect();
    let scripts: Vec<(&str, &str)> =
        scripts.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let folder = project(&["a", "b", "c"], &scripts);
    let plan = pending(&folder, "('a', 'shop'), ('c', 'shop')").await.unwrap();
    assert!(plan.steps.is_empty());
    assert!(plan.notes[0].starts_with("b stands in the plan before the last change"), "{plan:?}");
}

#[tokio::test]
async fn what_a_change_requires_of_another_project_is_asked_for() {
    let scripts = [("deploy/a.sql", WRAPPED)];
    let needs = project(&["a [users:login]"], &scripts);
    let said = pending(&needs, "('x', 'shop')").await.unwrap_err().to_string();
    assert!(
        said.contains("a requires users:login, which is not deployed, says sqitch.changes"),
        "{said}"
    );
    assert_eq!(ids(&pending(&needs, "('login', 'users')").await.unwrap()), ["a"]);
    let conflicts = project(&["a [!old]"], &scripts);
    let said = pending(&conflicts, "('old', 'shop')").await.unwrap_err().to_string();
    assert!(said.contains("a conflicts with old, which is deployed"), "{said}");
}

#[test]
fn sqitch_conf_says_where_the_files_are() {
    let text = format!("%project=p\n\na {STAMP}\n");
    let (_folder, plan) = read(&[
        (
            "sqitch.conf",
            "[core]\n\tengine = pg\n\ttop_dir = ./sql\n\textension = ddl\n[engine \"pg\"]\n\tplan_file = plans/my.plan # here\n[engine \"mysql\"]\n\ttop_dir = no\n",
        ),
        ("plans/my.plan", &text),
        ("sql/deploy/a.ddl", WRAPPED),
        ("sql/revert/a.ddl", "DROP TABLE a;"),
    ]);
    let plan = plan.unwrap();
    assert_eq!(ids(&plan), ["a"]);
    assert!(plan.steps[0].undo.is_some());
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);
}

/// What a rehearsal says of a change with this verify.
async fn verdict(verify: &str, live: Live) -> (Verdict, String) {
    let folder = project(
        &["a"],
        &[
            ("deploy/a.sql", "BEGIN; CREATE TABLE a (x int); COMMIT;"),
            ("revert/a.sql", "BEGIN; DROP TABLE a; COMMIT;"),
            ("verify/a.sql", verify),
        ],
    );
    let db = Db::empty().await;
    let options = Options { live, ..crate::rehearsal::options() };
    let said =
        rehearsal::rehearse(&db.database("postgres"), &plan_of(&folder), &options).await.unwrap();
    (said.verdict, format!("{:?}", said.reasons))
}

#[tokio::test]
async fn a_verify_of_sqitch_is_run_and_leaves_nothing() {
    for live in [Live::First, Live::AfterSandbox] {
        let quiet = "BEGIN; INSERT INTO a VALUES (1); SELECT x FROM a WHERE false; DO $$BEGIN ASSERT (SELECT count(*) = 1 FROM a); END$$; ROLLBACK;";
        assert_eq!(verdict(quiet, live).await.0, Verdict::Pass, "{live:?}");
        let (verdict, said) = verdict("SELECT y FROM a WHERE false;", live).await;
        assert_eq!(verdict, Verdict::Fail, "{live:?} {said}");
        assert!(said.contains("column \\\"y\\\" does not exist"), "{said}");
    }
}
