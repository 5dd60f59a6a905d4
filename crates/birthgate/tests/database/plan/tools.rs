//! Each tool's folder, as the tool reads it: which files, in which order, with which way back, and in which transaction.

use birthgate::plan::{self, Plan, Source, Tool};

use super::{folder, ids, read, refusal};

const A: &str = "CREATE TABLE a (x int);";
const B: &str = "DROP TABLE a;";
const TWO: &str = "CREATE TABLE b (x int); CREATE TABLE c (x int);";
const CONCURRENTLY: &str = "CREATE INDEX CONCURRENTLY i ON a (x);";

/// Each step: its id, whether there is a way back, whether it runs in a transaction.
fn steps(plan: &Plan) -> Vec<(&str, bool, bool)> {
    plan.steps
        .iter()
        .map(|step| (step.id.as_str(), step.undo.is_some(), step.transaction))
        .collect()
}

fn read_whole(files: &[(&str, &str)], tool: Tool) -> Plan {
    let (_folder, plan) = read(files);
    let plan = plan.unwrap();
    assert_eq!(plan.source, Source::Tool(tool), "{plan:?}");
    plan
}

#[test]
fn golang_migrate_sends_a_file_as_one_message() {
    let blocks = "BEGIN; CREATE TABLE d (x int); COMMIT; BEGIN; CREATE TABLE e (x int); COMMIT;";
    let plan = read_whole(
        &[
            ("10_d.up.sql", TWO),
            ("2_b.up.sql", CONCURRENTLY),
            ("2_other_name.down.sql", "DROP INDEX CONCURRENTLY i;"),
            ("1_a.up.sql", "BEGIN; CREATE TABLE a (x int); COMMIT;"),
            ("1_a.down.sql", B),
            ("11_e.up.sql", "CREATE TABLE x (y int); CREATE INDEX CONCURRENTLY i ON x (y);"),
            ("12_f.up.sql", blocks),
        ],
        Tool::GolangMigrate,
    );
    assert_eq!(
        steps(&plan),
        [
            ("1_a.up.sql", true, true),
            ("2_b.up.sql", true, false),
            ("10_d.up.sql", false, true),
            // PostgreSQL refuses it within a message of several statements.
            ("11_e.up.sql", false, true),
            ("12_f.up.sql", false, false),
        ]
    );
    let problems = plan.problems();
    assert!(
        problems[0].message.starts_with("CREATE INDEX CONCURRENTLY runs outside"),
        "{problems:?}"
    );
    assert!(refusal(&[("1_a.up.sql", A), ("01_b.up.sql", A)]).contains("is of the same version 1"));
}

#[test]
fn sqlx_runs_a_file_in_a_transaction_unless_its_first_words_say_no() {
    let files = [
        ("20260102_b.sql", TWO),
        ("20260103_c.sql", "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON a (x);"),
        ("20260101_a.sql", A),
        ("20260104_d.sql", CONCURRENTLY),
        ("20260105_e.up.sql", A),
        ("20260105_e.down.sql", B),
        ("notes.sql", A),
    ];
    let plan = read_whole(&files, Tool::Sqlx);
    assert_eq!(
        steps(&plan),
        [
            ("20260101_a.sql", false, true),
            ("20260102_b.sql", false, true),
            ("20260103_c.sql", false, false),
            ("20260104_d.sql", false, true),
            ("20260105_e.up.sql", true, true),
        ]
    );
    assert_eq!(plan.problems().len(), 1, "{:?}", plan.problems());
    assert!(plan.notes[0].starts_with("left out: notes.sql (sqlx reads"), "{:?}", plan.notes);
    // Not the first words of the file.
    let (_folder, plan) = read(&[("1_a.sql", "\n-- no-transaction\nSELECT 1;")]);
    assert_eq!(plan.unwrap().source, Source::Tool(Tool::Psql));
}

#[test]
fn dbmate_has_both_directions_in_one_file() {
    let plan = read_whole(
        &[
            ("10_c.sql", "-- migrate:up\nCREATE TABLE c (x int);\n"),
            (
                "2_b.sql",
                "--  a note\n\n--migrate:up transaction:false\nCREATE INDEX CONCURRENTLY i ON a (x);\n--   migrate:down transaction:false\nDROP INDEX CONCURRENTLY i;\n",
            ),
            (
                "1_a.sql",
                "-- migrate:up\nCREATE TABLE a (x int);\n\n-- migrate:down\nDROP TABLE a;\n",
            ),
            ("schema.sql", A),
        ],
        Tool::Dbmate,
    );
    // By name: "10" comes before "2".
    let expected = [("10_c.sql", false, true), ("1_a.sql", true, true), ("2_b.sql", true, false)];
    assert_eq!(steps(&plan), expected);
    assert_eq!(plan.steps[1].does.statements.len(), 1);
    assert_eq!(plan.steps[1].does.statements[0].place.line, 2);
    assert_eq!(plan.steps[1].undo.as_ref().unwrap().statements[0].place.line, 5);
    assert!(plan.notes.iter().any(|note| note.starts_with("10_c.sql has no `-- migrate:down`")));
    assert!(plan.notes.iter().any(|note| note.starts_with("left out: schema.sql (dbmate reads")));
}

#[test]
fn what_dbmate_refuses_is_refused_with_the_place() {
    let up = "-- migrate:up\nSELECT 1;\n";
    for (text, line, says) in [
        (
            "SELECT 1;\n-- migrate:up\nSELECT 2;\n-- migrate:down\n",
            1,
            "takes no statement in front",
        ),
        (
            "-- migrate:up\nSELECT 1;\n-- migrate:up\nSELECT 2;\n-- migrate:down\n",
            3,
            "may do so once",
        ),
        ("-- migrate:down\nSELECT 1;\n-- migrate:up\nSELECT 2;\n", 1, "after its `-- migrate:up`"),
        ("SELECT 1;\n", 1, "takes no statement"),
        ("-- nothing\n", 1, "wants a `-- migrate:up`"),
    ] {
        let (_folder, plan) = read(&[("1_a.sql", up), ("2_b.sql", text)]);
        let said = plan.unwrap_err().to_string();
        assert!(
            said.contains(&format!("2_b.sql:{line}:1: dbmate ")) && said.contains(says),
            "{said}"
        );
    }
}

#[test]
fn flyway_reads_below_its_folder_by_version_and_heeds_the_conf_beside_a_file() {
    let plan = read_whole(
        &[
            ("V10__d.sql", A),
            ("sub/V1_1__b.sql", A),
            ("sub/V1_1__b.sql.conf", "# why\nexecuteInTransaction=false\n"),
            ("V1__a.sql", A),
            ("sub/deeper/V2.0__c.SQL", CONCURRENTLY),
            ("undo/U10__undo_it.sql", B),
            ("R__zebra.sql", "CREATE OR REPLACE VIEW z AS SELECT 1;"),
            ("R__a_view.sql", "CREATE OR REPLACE VIEW v AS SELECT 1;"),
            ("V3__mixed.sql", "CREATE TABLE m (x int); CREATE INDEX CONCURRENTLY i ON m (x);"),
            ("V4__detach.sql", "ALTER TABLE p DETACH PARTITION q CONCURRENTLY;"),
            ("V5__off.sql", A),
            ("V5__off.sql.conf", "shouldExecute=false"),
            ("V6__unique.sql", "CREATE UNIQUE INDEX CONCURRENTLY i ON a (x);\nVACUUM a;"),
            ("afterMigrate.sql", "SELECT 1;"),
            ("B9__base.sql", A),
            ("V7__code.java", ""),
            ("V8.sql", A),
        ],
        Tool::Flyway,
    );
    assert_eq!(
        steps(&plan),
        [
            ("V1__a.sql", false, true),
            // Several statements would be by themselves; one is the same in a transaction.
            ("sub/V1_1__b.sql", false, false),
            ("sub/deeper/V2.0__c.SQL", false, false),
            ("V3__mixed.sql", false, true),
            ("V4__detach.sql", false, true),
            ("V6__unique.sql", false, false),
            ("V10__d.sql", true, true),
            ("R__a_view.sql", false, true),
            ("R__zebra.sql", false, true),
        ]
    );
    let notes = plan.notes.join("\n");
    for said in [
        "V3__mixed.sql has statements that run outside of a transaction and others: Flyway refuses that",
        "V4__detach.sql: Flyway runs DETACH PARTITION CONCURRENTLY in a transaction, unless V4__detach.sql.conf says",
        "V5__off.sql is left out: its .conf says so",
        "callbacks of Flyway are not run: afterMigrate.sql",
        "B9__base.sql is left out",
        "left out: V8.sql (Flyway reads",
        "left out, since it is no SQL: V7__code.java",
    ] {
        assert!(notes.contains(said), "{said}: {notes}");
    }
    // Two that PostgreSQL cannot run there, as Flyway would have them.
    assert_eq!(plan.problems().len(), 2, "{:?}", plan.problems());
}

#[test]
fn what_flyway_fills_in_or_decides_is_not_guessed() {
    let said = refusal(&[("V1__a.sql", "CREATE TABLE ${schema}.a (x int);")]);
    assert!(said.starts_with("V1__a.sql:1:14: Flyway fills in ${schema}"), "{said}");
    let off = [("V1__a.sql", "SELECT '${x}';"), ("V1__a.sql.conf", "placeholderReplacement=false")];
    assert_eq!(ids(&read_whole(&off, Tool::Flyway)), ["V1__a.sql"]);
    let said = refusal(&[("V1__a.sql", A), ("V1__a.sql.conf", "shouldExecute=${env}==prod")]);
    assert!(said.contains("Flyway decides by shouldExecute=${env}==prod"), "{said}");
    assert!(
        refusal(&[("V1__a.sql", A), ("x/V1.0__b.sql", A)]).contains("is of the same version 1")
    );
}

#[test]
fn refinery_goes_forward_with_both_of_its_prefixes() {
    let files = [
        ("V1__a.sql", A),
        ("U2__late.sql", TWO),
        ("sub/V3__c.sql", A),
        ("mod.rs", ""),
        ("refinery.toml", ""),
        ("V2.1__no.sql", A),
    ];
    let plan = read_whole(&files, Tool::Refinery);
    assert_eq!(
        steps(&plan),
        [("V1__a.sql", false, true), ("U2__late.sql", false, true), ("sub/V3__c.sql", false, true)]
    );
    assert!(
        plan.notes[0].starts_with("left out: V2.1__no.sql (refinery reads"),
        "{:?}",
        plan.notes
    );
}

#[test]
fn files_of_no_tool_are_read_as_psql_reads_them() {
    let plan = read_whole(
        &[
            ("2-b.sql", CONCURRENTLY),
            ("10 c.sql", "BEGIN ISOLATION LEVEL SERIALIZABLE; CREATE TABLE c (x int); COMMIT;"),
            ("1-a.sql", A),
            ("1-a.undo.sql", B),
            ("3-two.sql", TWO),
            (
                "seed.sql",
                "START TRANSACTION; CREATE TABLE d (x int); INSERT INTO d VALUES (1); END;",
            ),
            ("z.down.sql", B),
            ("deeper/x.sql", A),
        ],
        Tool::Psql,
    );
    assert_eq!(
        steps(&plan),
        [
            // What has no number comes first.
            ("seed.sql", false, true),
            ("1-a.sql", true, false),
            ("2-b.sql", false, false),
            ("3-two.sql", false, false),
            // What its BEGIN says besides is not to be lost.
            ("10 c.sql", false, false),
        ]
    );
    assert_eq!(plan.steps[0].does.statements.len(), 2);
    assert!(plan.notes[0].starts_with("left out: deeper/x.sql, z.down.sql ("), "{:?}", plan.notes);
}

#[test]
fn files_that_are_named_are_run_in_that_order() {
    let folder = folder(&[("1-a.sql", A), ("2-b.sql", A), ("2-b.undo.sql", B)]);
    let path = |name: &str| folder.path().join(name);
    let plan = plan::read(&[path("2-b.sql"), path("1-a.sql"), path("2-b.undo.sql")]).unwrap();
    assert_eq!(steps(&plan), [("2-b.sql", true, false), ("1-a.sql", false, false)]);
    // A way back by itself is what is to be seen.
    let plan = plan::read(&[path("2-b.undo.sql")]).unwrap();
    assert_eq!(ids(&plan), ["2-b.undo.sql"]);
}
