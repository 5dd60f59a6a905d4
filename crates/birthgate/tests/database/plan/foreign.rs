//! Files of tools that are not read: refused by the tool's name, never run.

use birthgate::Error;
use birthgate::plan::{self, Source, Tool, Unready};

use super::{folder, ids, read, refusal};

const UP: &str = "CREATE TABLE a (x int);";
const DOWN: &str = "DROP TABLE a;";

/// The tool that a file is refused for, or what marks its directions.
fn tool_of(text: &str) -> Option<String> {
    let (_folder, plan) = read(&[("0001_a.sql", text)]);
    match plan {
        Ok(_) => None,
        Err(Error::Unready(unready)) => match *unready {
            Unready::Foreign { tool, .. } => Some(tool.to_owned()),
            Unready::TwoDirections { up, down, .. } => Some(format!("{up} {down}")),
            other => panic!("{other:?}"),
        },
        Err(error) => panic!("{text}: {error}"),
    }
}

#[test]
fn a_mark_of_another_tool_refuses_the_file_by_that_tools_name() {
    let two = |up: &str, down: &str| format!("{up}\n{UP}\n{down}\n{DOWN}\n");
    for (tool, text) in [
        ("goose", two("-- +goose Up", "-- +goose Down")),
        ("goose", format!("--+goose Up\n{UP}")),
        ("goose", format!("-- +goose NO TRANSACTION\n-- +goose Up\n{UP}")),
        ("sql-migrate", two("-- +migrate Up", "-- +migrate Down")),
        ("sql-migrate", two("-- +migrate Up notransaction", "-- +migrate Down")),
        ("micrate", two("-- +micrate Up", "-- +micrate Down")),
        ("node-pg-migrate", two("-- Up Migration", "-- Down Migration")),
        ("node-pg-migrate", two("---- up migration", "  -- - DOWN migration of a")),
        (
            "Liquibase",
            format!("--liquibase formatted sql\n--changeset a:1\n{UP}\n--rollback {DOWN}"),
        ),
        ("Liquibase", format!("-- changeset someone:1 splitStatements:false\n{UP}")),
        ("Atlas", format!("-- atlas:txmode none\n{UP}")),
        ("graphile-migrate", format!("--! Previous: -\n--! Hash: sha1:aa\n\n{UP}")),
        ("graphile-migrate", format!("--!include functions/a.sql\n{UP}")),
        ("Drizzle", format!("{UP}\n--> statement-breakpoint\nCREATE TABLE b (x int);")),
        ("rambler", two("-- rambler up", "-- rambler down")),
        ("tern", two("", "---- create above / drop below ----")),
        ("MyBatis Migrations", two("-- // make a", "-- //@UNDO")),
        ("Play", two("# --- !Ups", "# --- !Downs")),
        ("Play", two("-- !Ups", "-- !Downs")),
        ("shmig", two("-- ==== UP ====", "-- ==== DOWN ====")),
        ("Migratus", format!("{UP}\n--;;\nCREATE TABLE b (x int);")),
        ("bun", format!("{UP}\n--bun:split\nCREATE TABLE b (x int);")),
        // Of tools that nobody has told us of.
        ("-- @UP -- @DOWN", two("-- @UP", "-- @DOWN")),
        ("--- migration: up --- migration: down", two("--- migration: up", "--- migration: down")),
        ("-- [deploy] -- [revert]", two("-- [deploy]", "-- [revert]")),
    ] {
        assert_eq!(tool_of(&text).as_deref(), Some(tool), "{text}");
        // With the other line ends and a byte order mark as well.
        let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        if !tool.starts_with('-') {
            assert_eq!(tool_of(&windows).as_deref(), Some(tool), "{windows}");
        }
    }
}

#[test]
fn what_stands_in_a_text_a_body_or_the_data_of_a_copy_is_no_mark() {
    let marks = "\n-- +goose Up\n-- Down Migration\n--> statement-breakpoint\n--! Hash: x\n";
    for text in [
        format!("INSERT INTO a VALUES ('it''s{marks}');"),
        format!("INSERT INTO a VALUES (E'it\\'s{marks}');"),
        format!("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$BEGIN{marks}END$$;"),
        format!("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $a$BEGIN $$ {marks}END$a$;"),
        format!("/* a /* comment */{marks}*/ {UP}"),
        format!("CREATE TABLE \"a{marks}\" (x int);"),
        format!("{UP} -- +goose Up\n"),
        format!("-- up to here it is simple\n{UP}\n-- now tear it down again\n{DOWN}"),
        format!("-- rollback\n{UP}\nROLLBACK;"),
        format!("-- Down migrations are not available.\n{UP}"),
        "-- Liquibase would have a changeset here: no\nSELECT 1;".to_owned(),
        "-- migrate: nothing\n-- atlas: a book\n--!\n--!!! beware\nSELECT 1;".to_owned(),
    ] {
        assert_eq!(tool_of(&text), None, "{text}");
    }
}

#[test]
fn a_mark_after_the_data_of_a_copy_is_still_one() {
    // The data has a quote that never ends.
    let text = "COPY a (x) FROM stdin;\nit's\n-- +goose Up\n\\.\n";
    let (_folder, plan) = read(&[("1_a.sql", text)]);
    assert!(!matches!(plan, Err(Error::Unready(_))), "{plan:?}");
    assert_eq!(tool_of(&format!("{text}\n-- +goose Down\n{DOWN}")).as_deref(), Some("goose"));
}

#[test]
fn the_error_has_the_place_the_mark_and_what_to_do() {
    assert_eq!(
        refusal(&[("1_a.sql", "-- one\n  -- +goose Up\nSELECT 1;")]),
        "1_a.sql:2:3: this is goose's (-- +goose Up), which birthgate does not read yet: give it the SQL that is to run as a file of its own"
    );
    assert!(
        refusal(&[("1_a.sql", "-- +goose Up\nSELEC 1;")])
            .starts_with("1_a.sql:1:1: this is goose's")
    );
}

#[test]
fn a_text_and_a_packets_file_are_refused_alike() {
    let goose = "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;";
    assert!(matches!(plan::of_text(goose, None), Err(Error::Unready(_))));
    let packet = "macro = \"M\"\n[[step]]\nid = \"a\"\ndo = \"a.sql\"\n";
    let (_folder, plan) = read(&[("packet.toml", packet), ("a.sql", goose)]);
    assert!(matches!(plan, Err(Error::Unready(_))), "{plan:?}");
}

#[test]
fn a_layout_of_another_tool_refuses_the_folder_by_that_tools_name() {
    for (tool, files) in [
        ("Prisma", &[("20260101_a/migration.sql", UP), ("migration_lock.toml", "")][..]),
        ("Prisma", &[("20260101_a/migration.sql", UP)][..]),
        ("Drizzle", &[("0000_a.sql", UP), ("meta/_journal.json", "{}")][..]),
        ("Drizzle", &[("2026_a/migration.sql", UP), ("2026_a/snapshot.json", "{}")][..]),
        ("Diesel or Hasura", &[("2026_a/up.sql", UP), ("2026_a/down.sql", DOWN)][..]),
        ("Atlas", &[("20260101_a.sql", UP), ("atlas.sum", "")][..]),
        ("graphile-migrate", &[("committed/000001.sql", UP), ("current.sql", "")][..]),
        ("PGmigrate", &[("001_a.sql", UP), ("migrations.yml", "")][..]),
        ("Alembic", &[("env.py", ""), ("versions/1.py", ""), ("x.sql", UP)][..]),
        ("Django", &[("0001_initial.py", ""), ("__init__.py", "")][..]),
        ("Rails", &[("20260101_a.rb", "")][..]),
        ("Liquibase", &[("db.changelog-master.xml", "")][..]),
    ] {
        let said = refusal(files);
        assert!(said.contains(&format!("this is {tool}'s (")), "{said}");
    }
    let supabase = folder(&[("supabase/migrations/20260101000000_a.sql", UP)]);
    let error = plan::read(&[supabase.path().join("supabase/migrations")]).unwrap_err();
    assert!(error.to_string().contains("this is Supabase's ("), "{error}");
}

#[test]
fn two_directions_that_only_the_names_tell_are_not_both_run() {
    for names in [
        ["1_a_up.sql", "1_a_down.sql"],
        ["001.do.a.sql", "001.undo.a.sql"],
        ["20260101-a-up.sql", "20260101-a-down.sql"],
        ["deploy-1.sql", "revert-1.sql"],
    ] {
        let said = refusal(&[(names[0], UP), (names[1], DOWN)]);
        assert!(said.contains("two directions"), "{said}");
    }
    // Who names one of them wants that one.
    let folder = folder(&[("1_a_up.sql", UP), ("1_a_down.sql", DOWN)]);
    let plan = plan::read(&[folder.path().join("1_a_up.sql")]).unwrap();
    assert_eq!(ids(&plan), ["1_a_up.sql"]);
}

#[test]
fn atlas_beside_the_files_of_a_tool_that_is_read_is_in_nobodys_way() {
    let (_folder, plan) = read(&[
        ("1_a.up.sql", "-- atlas:nolint destructive\nCREATE TABLE a (x int);"),
        ("1_a.down.sql", DOWN),
        ("atlas.sum", ""),
    ]);
    let plan = plan.unwrap();
    assert_eq!(plan.source, Source::Tool(Tool::GolangMigrate));
    assert_eq!(ids(&plan), ["1_a.up.sql"]);
}

#[test]
fn a_folder_that_is_two_tools_is_refused_until_one_is_named() {
    let files = [
        ("1_a.sql", "-- migrate:up\nCREATE TABLE a (x int);\n-- migrate:down\nDROP TABLE a;"),
        ("V1__a.sql", UP),
        ("V1__a.sql.conf", "executeInTransaction=false"),
    ];
    assert!(refusal(&files).contains("these are files of dbmate and of Flyway: name the tool"));
    let folder = folder(&files);
    let plan = plan::read_as(&[folder.path().to_owned()], "flyway".parse().unwrap()).unwrap();
    assert_eq!(ids(&plan), ["V1__a.sql"]);
}

#[test]
fn whatever_lies_in_a_folder_is_read_or_named() {
    let (_folder, plan) = read(&[
        ("1_a.up.sql", UP),
        ("1_a.down.sql", DOWN),
        ("2_b.down.sql", DOWN),
        ("seed.sql", UP),
        ("old/0_z.up.sql", UP),
        ("3_c.up.sql.gz", ""),
        ("4_d.up.go", ""),
        ("README.md", ""),
        (".keep", ""),
    ]);
    let plan = plan.unwrap();
    assert_eq!(ids(&plan), ["1_a.up.sql"]);
    assert_eq!(
        plan.notes,
        [
            "left out: 2_b.down.sql, 3_c.up.sql.gz, old/0_z.up.sql, seed.sql (golang-migrate reads 12_name.up.sql and 12_name.down.sql of the folder itself)",
            "left out, since it is no SQL: 4_d.up.go",
            "read as golang-migrate reads it; sqlx names its files alike, and no table of its own was seen",
        ]
    );
    let (_folder, plan) = read(&[
        ("users/sqitch.plan", "%project=users\n"),
        ("shop/sqitch.plan", "%project=shop\n"),
        ("shop/deploy/a.sql", UP),
    ]);
    let said = plan.unwrap_err().to_string();
    assert!(said.ends_with("holds projects of sqitch; name one: shop, users"), "{said}");
    let (_folder, plan) = read(&[("a/1.sql", UP), ("b/2.sql", UP)]);
    let said = plan.unwrap_err().to_string();
    assert!(
        said.ends_with("holds no .sql file itself; name one of those below it: a, b"),
        "{said}"
    );
}
