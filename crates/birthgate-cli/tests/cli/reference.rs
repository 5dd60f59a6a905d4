//! The pages of `docs/reference` are made from the code: `BIRTHGATE_UPDATE_REFERENCE=1 ./test` writes them.

use std::fmt::Write as _;

use birthgate::RefusalCode;
use birthgate::handoff::CloudEvent;
use serde_json::Value;
use testkit::{Server, connect};

/// Fails unless the page is as the code has it.
pub fn agrees(name: &str, title: &str, text: &str) {
    let file = format!("{}/../../docs/reference/{name}.md", env!("CARGO_MANIFEST_DIR"));
    let page = format!("# {title}\n\n{}\n", text.trim_end());
    if std::env::var_os("BIRTHGATE_UPDATE_REFERENCE").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == page, "{file} is not as the code has it: BIRTHGATE_UPDATE_REFERENCE=1 ./test");
}

#[test]
fn of_the_commands() {
    let mut text = "Exit codes: 0 yes, PASS, GO · 1 could not find out · 2 usage · 3 no: refused, FAIL, NO-GO, drift, STALE · 4 INCOMPLETE.\n\
        `--format json` prints one document; [its schemas](../schemas).\n\n"
        .to_owned();
    let mut command = birthgate_cli::command().disable_help_subcommand(true).term_width(100);
    command.build();
    describe(&mut command, "", &mut text);
    agrees("commands", "Commands", &text);
}

fn describe(command: &mut clap::Command, parents: &str, text: &mut String) {
    let name = format!("{parents}{}", command.get_name());
    let help = command.render_long_help().to_string();
    let help: String = help.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    // What every command takes is said once.
    let own = if parents.is_empty() {
        help.as_str()
    } else {
        help.split("\nConnection:").next().unwrap_or_default()
    };
    let examples = help.split_once("\nExamples:").filter(|_| !own.contains("\nExamples:"));
    let examples = examples.map(|(_, rest)| format!("\nExamples:{rest}")).unwrap_or_default();
    writeln!(text, "## {name}\n\n```text\n{}\n{examples}```\n", own.trim_end()).unwrap();
    for inner in command.get_subcommands_mut().filter(|inner| !inner.is_hide_set()) {
        describe(inner, &format!("{name} "), text);
    }
}

#[test]
fn of_the_sqlstates() {
    let mut text = "Class `PB`. Each comes with a DETAIL and a HINT; drivers give the code apart from the message, and only the code is to be relied on.\n\n\
        | code | meaning | what is likely behind it | what to do |\n| --- | --- | --- | --- |\n"
        .to_owned();
    for code in RefusalCode::ALL {
        let said = code.explanation();
        writeln!(text, "| `{code}` | {} | {} | {} |", said.meaning, said.cause, said.next).unwrap();
    }
    agrees("sqlstates", "SQLSTATEs", &text);
}

#[test]
fn of_the_events() {
    let schema = serde_json::to_value(schemars::schema_for!(CloudEvent)).unwrap();
    let mut text = "[CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md), one for each birth and each change; \
        [the JSON Schema](../schemas/event.json), [how they are delivered](../handoff.md).\n"
        .to_owned();
    fields("An event", &schema, &mut text);
    let types = schema["$defs"].as_object().unwrap();
    for (name, of) in types.iter().filter(|(_, of)| of.get("properties").is_some()) {
        fields(name, of, &mut text);
    }
    agrees("events", "Events", &text);
}

fn fields(title: &str, schema: &Value, text: &mut String) {
    let said = schema["description"].as_str().unwrap_or_default();
    writeln!(text, "\n## {title}\n\n{said}\n\n| field | what it is |\n| --- | --- |").unwrap();
    for (name, of) in schema["properties"].as_object().unwrap() {
        writeln!(
            text,
            "| `{name}` | {} |",
            of["description"].as_str().unwrap_or_default().replace('\n', " ")
        )
        .unwrap();
    }
}

/// What is written above each function in the .sql files.
fn comments() -> std::collections::BTreeMap<String, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../birthgate/sql");
    let mut found = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".sql") || !name.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let mut comment: Vec<String> = Vec::new();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            if let Some(said) = line.strip_prefix("-- ") {
                comment.push(said.to_owned());
                continue;
            }
            if let Some(rest) = line.strip_prefix("CREATE OR REPLACE FUNCTION birthgate.") {
                let name = rest.split('(').next().unwrap().to_owned();
                found.insert(name, comment.join(" "));
            }
            comment.clear();
        }
    }
    found
}

#[test]
fn of_the_database() {
    let server = Server::own(&[]);
    let name = server.make_database(true);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(connect(server.config(&name, "postgres")));
    let said = comments();
    let mut text = "What roles other than `birthgate_owner` may call, in the schema `birthgate`. An argument with a default may be left out.\n\n\
        | function | answers | who | what it does |\n| --- | --- | --- | --- |\n"
        .to_owned();
    let rows = runtime.block_on(client.query(FUNCTIONS, &[])).unwrap();
    assert!(rows.len() > 20);
    for row in rows {
        let name: String = row.get("name");
        let comment = said.get(&name).filter(|comment| !comment.is_empty());
        let comment = comment.unwrap_or_else(|| panic!("{name} has no comment above it"));
        let (arguments, result, who): (String, String, String) =
            (row.get("arguments"), row.get("result"), row.get("who"));
        writeln!(
            text,
            "| `{name}({arguments})` | `{result}` | {who} | {} |",
            comment.replace('|', "\\|")
        )
        .unwrap();
    }
    agrees("functions", "SQL functions", &text);

    runtime.block_on(birthgate::drift::take_baseline(&client, None)).unwrap();
    let mut text = "Those that Birthgate brings; an estate adds its own (rows of `birthgate.block_dimension`). A dimension that is over its bound, \
        unknown, or was counted too long ago blocks what it is listed for.\n\n| dimension | bound | counts |\n| --- | --- | --- |\n"
        .to_owned();
    for one in runtime.block_on(birthgate::block::list(&client)).unwrap() {
        writeln!(text, "| `{}` | {} | {} |", one.name, one.bound, one.description).unwrap();
    }
    agrees("dimensions", "BLOCK dimensions", &text);
}

const FUNCTIONS: &str = "SELECT p.proname::text AS name, replace(pg_get_function_arguments(p.oid), '::text', '') AS arguments, pg_get_function_result(p.oid) AS result,
       string_agg(DISTINCT replace(r.rolname, 'birthgate_', ''), ', ') AS who
  FROM pg_proc p, aclexplode(p.proacl) a JOIN pg_roles r ON r.oid = a.grantee
 WHERE p.pronamespace = 'birthgate'::regnamespace AND r.rolname IN ('birthgate_admitter', 'birthgate_registrar', 'birthgate_auditor', 'birthgate_breakglass')
 GROUP BY p.oid ORDER BY p.proname COLLATE \"C\", arguments";
