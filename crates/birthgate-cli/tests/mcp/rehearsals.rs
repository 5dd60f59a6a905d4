//! Rehearsals for agents: in the sandbox, honest, confined, and no more than allowed.

use serde_json::{Value, json};

use crate::estate::Estate;

fn reasons(said: &Value) -> String {
    said["reasons"].to_string()
}

#[test]
fn what_was_seen_in_the_sandbox_alone_is_no_pass_and_a_fail_is_a_fail() {
    let estate = Estate::new();
    estate
        .runtime
        .block_on(estate.db.sql("CREATE TABLE own (id int); ALTER TABLE own OWNER TO agent"));
    let mut client = estate.client("agent");
    let change =
        json!({ "sql": "ALTER TABLE own ADD note text", "undo": "ALTER TABLE own DROP note" });
    let said = client.call("rehearse_sql", change.clone());
    assert_eq!(said["verdict"], "INCOMPLETE", "{said}");
    assert!(reasons(&said).contains("in the sandbox only"), "{said}");
    assert_eq!(said["steps"][0]["undo"]["restores"], true);
    let wrong = json!({ "sql": "ALTER TABLE own ADD note text", "undo": "SELECT 1" });
    assert_eq!(client.call("rehearse_sql", wrong)["verdict"], "FAIL");
    let misspelt = client.call("rehearse_sql", json!({ "sql": "ALTER TABEL own" }));
    assert_eq!(misspelt["verdict"], "FAIL", "{misspelt}");
    assert!(reasons(&misspelt).contains("syntax error at or near"), "{misspelt}");
    // Rows that the sandbox lacks do not matter where no table is touched that has any.
    let new = json!({ "sql": "CREATE TABLE other (id int)", "undo": "DROP TABLE other" });
    let said = client.call("rehearse_sql", new);
    assert_eq!((&said["verdict"], &said["steps"][0]["where"]), (&json!("PASS"), &json!("sandbox")));
    drop(client);
    // An owner allows the live database: then all of it is seen.
    estate.configure("rehearse_live = true\n");
    let said = estate.client("agent").call("rehearse_sql", change);
    assert_eq!((&said["verdict"], &said["mutated"]), (&json!("PASS"), &json!("none")), "{said}");
    assert_eq!(said["steps"][0]["where"], "live");
}

#[test]
fn nothing_of_an_agent_runs_in_the_live_database_unless_allowed() {
    let estate = Estate::new();
    // A function that leaves a trace no ROLLBACK takes back, wherever it runs.
    estate.runtime.block_on(estate.db.sql(
        "CREATE SEQUENCE trace; GRANT USAGE ON SEQUENCE trace TO agent;
         ALTER TABLE thing OWNER TO agent",
    ));
    let called = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM trace";
    let runs = |client: &mut crate::client::Client| {
        client.call(
            "rehearse_sql",
            json!({ "sql": "SELECT nextval('trace')", "undo": "SELECT nextval('trace')" }),
        );
        let packet = "macro = \"TRACE\"\n[[watch]]\nquery = \"SELECT nextval('trace')\"\n[[step]]\nid = \"s\"\ndo = \"do.sql\"\n";
        let folder = estate.path().join("packets/trace");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("packet.toml"), packet).unwrap();
        std::fs::write(folder.join("do.sql"), "CREATE TABLE t ()").unwrap();
        client.call("rehearse_packet", json!({ "packet": "trace" }));
    };
    runs(&mut estate.client("agent"));
    assert_eq!(estate.runtime.block_on(estate.db.value::<i64>(called)), 0);
}

#[test]
fn it_runs_no_program_and_reads_no_file() {
    let estate = Estate::new();
    let mut client = estate.client("agent");
    let file = estate.path().join("escaped");
    for sql in [
        "COPY (SELECT 1) TO PROGRAM 'touch FILE'",
        "DO $$ BEGIN EXECUTE $q$COPY (SELECT 1) TO PROGRAM 'touch FILE'$q$; END $$",
        "COPY thing FROM '/etc/passwd'",
        "DO $$ BEGIN EXECUTE $q$COPY thing FROM '/etc/passwd'$q$; END $$",
        "DO $$ BEGIN RAISE EXCEPTION '%', pg_read_file('/etc/passwd'); END $$",
        "SELECT lo_import('/etc/passwd')",
        "DO $$ BEGIN PERFORM pg_catalog.birthgate_was_lo_import('/etc/passwd'); END $$",
        "CREATE EXTENSION file_fdw",
        "CREATE EXTENSION dblink",
        "CREATE FUNCTION f() RETURNS void AS '$libdir/plpgsql', 'plpgsql_call_handler' LANGUAGE c",
        "ALTER SYSTEM SET work_mem = '8MB'",
        "SET SESSION AUTHORIZATION postgres",
        "SET ROLE birthgate_sandbox",
    ] {
        let sql = sql.replace("FILE", file.to_str().unwrap());
        let said = client.call("rehearse_sql", json!({ "sql": sql }));
        let why = reasons(&said);
        let refused = [
            "permission denied",
            "must be superuser",
            "must have privileges",
            "it was not run",
            "COPY ",
            "privileges of",
        ];
        assert!(refused.iter().any(|words| why.contains(words)), "{sql}: {said}");
        assert!(!said.to_string().contains("root:x:"), "{sql}: {said}");
    }
    assert!(!file.exists());
}

#[test]
fn its_sql_reads_no_file_of_the_machine() {
    let estate = Estate::new();
    let mut client = estate.client("agent");
    let file = estate.path().join("secret.sql");
    std::fs::write(&file, "CONFIDENTIAL words").unwrap();
    for command in ["i", "ir", "include"] {
        let sql = format!("\\{command} {}", file.display());
        let said =
            client.ask("callTool", json!({ "name": "rehearse_sql", "arguments": { "sql": sql } }));
        assert!(!said.to_string().contains("CONFIDENTIAL"), "{said}");
    }
    let folder = estate.path().join("packets/sly");
    std::fs::create_dir_all(&folder).unwrap();
    let packet = "macro = \"SLY\"\n[[step]]\nid = \"s\"\ndo = \"do.sql\"\n";
    std::fs::write(folder.join("packet.toml"), packet).unwrap();
    std::fs::write(folder.join("do.sql"), format!("\\i {}\n", file.display())).unwrap();
    let said = client
        .ask("callTool", json!({ "name": "rehearse_packet", "arguments": { "packet": "sly" } }));
    assert!(!said.to_string().contains("CONFIDENTIAL"), "{said}");
}

#[test]
fn it_ends_in_time_and_there_is_one_at_a_time() {
    let estate = Estate::new();
    estate.configure("rehearse_time = \"20s\"\n");
    let server = estate.listening("agent");
    let url = format!("http://127.0.0.1:{}/mcp", server.port);
    let endless = std::thread::spawn({
        let url = url.clone();
        move || {
            let mut client = crate::client::Client::connect(&[&url], None);
            // It may find another one going on before it has its turn.
            loop {
                let endless = json!({ "sql": "DO $$ BEGIN LOOP END LOOP; END $$" });
                let refused = client.refused("rehearse_sql", endless);
                if refused["code"] != "busy" {
                    return refused;
                }
            }
        }
    });
    let mut client = crate::client::Client::connect(&[&url], None);
    let quick = json!({ "sql": "SELECT 1" });
    crate::until("the other is busy", || {
        let said = client.ask("callTool", json!({ "name": "rehearse_sql", "arguments": quick }));
        said["structuredContent"]["code"] == "busy"
    });
    assert_eq!(endless.join().unwrap()["code"], "too_long");
    crate::until("it is free again", || {
        let said = client.ask("callTool", json!({ "name": "rehearse_sql", "arguments": quick }));
        said["isError"] == false
    });
}

#[test]
fn a_packet_is_below_its_folder_and_so_is_all_that_it_names() {
    let estate = Estate::new();
    let mut client = estate.client("agent");
    let outside = estate.path().join("outside.sql");
    std::fs::write(&outside, "\\secret of this machine").unwrap();
    for packet in ["../evidence", "/etc", "orders/../../evidence", ".", "orders/../orders"] {
        assert_eq!(
            client.refused("rehearse_packet", json!({ "packet": packet }))["code"],
            "bad_input",
            "{packet}"
        );
    }
    assert_eq!(
        client.refused("rehearse_packet", json!({ "packet": "nothing" }))["code"],
        "not_found"
    );
    let folder = estate.path().join("packets/sly");
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(&outside, folder.join("link.sql")).unwrap();
    std::os::unix::fs::symlink(
        estate.path().join("packets/orders"),
        estate.path().join("packets/link"),
    )
    .unwrap();
    for file in ["../../outside.sql", outside.to_str().unwrap(), "link.sql"] {
        let packet = format!("macro = \"SLY\"\n[[step]]\nid = \"s\"\ndo = \"{file}\"\n");
        std::fs::write(folder.join("packet.toml"), packet).unwrap();
        let refused = client.refused("rehearse_packet", json!({ "packet": "sly" }));
        assert!(refused.to_string().contains("not where files may be read"), "{refused}");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
    // A link to what is below it is as good as the packet.
    client.call("rehearse_packet", json!({ "packet": "link" }));
}
