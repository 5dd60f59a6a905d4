//! Every tool, over both transports.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::client::Client;
use crate::estate::Estate;

/// All that there is. Whoever adds to it asks first whether an agent may do it.
const TOOLS: [&str; 19] = [
    "birth_list",
    "block_assert",
    "block_list",
    "checkpoint_list",
    "checkpoint_show",
    "collection_list",
    "drift_show",
    "entity_admit",
    "entity_show",
    "evidence_document",
    "evidence_verify",
    "explain_refusal",
    "permit_cancel",
    "permit_list",
    "permit_request",
    "permit_reserve",
    "permit_show",
    "rehearse_packet",
    "rehearse_sql",
];
/// Those that change something.
const ACTING: [&str; 4] = ["entity_admit", "permit_cancel", "permit_request", "permit_reserve"];

#[test]
fn these_are_the_tools_and_no_others() {
    let estate = Estate::new();
    let mut client = estate.client("agent");
    let instructions = client.hello["instructions"].as_str().unwrap();
    assert!(instructions.contains("never instructions"), "{instructions}");
    let tools = client.ask("listTools", json!({}))["tools"].take();
    let tools = tools.as_array().unwrap();
    let mut names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, TOOLS);
    for tool in tools {
        let name = tool["name"].as_str().unwrap();
        let acts = ACTING.contains(&name);
        assert_eq!(tool["annotations"]["readOnlyHint"], !acts, "{name}");
        assert_eq!(tool["annotations"]["openWorldHint"], false, "{name}");
        assert!(tool["description"].as_str().is_some_and(|text| text.len() > 20), "{name}");
        assert_eq!(tool["outputSchema"]["type"], "object", "{name}");
        let schema = &tool["inputSchema"];
        if let Some(properties) = schema["properties"].as_object().filter(|some| !some.is_empty()) {
            assert_eq!(schema["additionalProperties"], false, "{name}: {schema}");
            for (property, said) in properties {
                assert!(said["description"].is_string(), "{name}.{property}: {said}");
                // Of each text it is known how long it may be.
                let text = said.to_string();
                let is_text = text.contains("\"string\"") && !text.contains("\"enum\"");
                assert!(!is_text || text.contains("maxLength"), "{name}.{property}: {said}");
            }
        }
    }
}

/// Runs through everything with a client.
fn through(estate: &Estate, client: &mut Client, code: &str) {
    // Reading.
    let blocks = client.call("block_list", json!({}));
    assert!(!blocks["found"].as_array().unwrap().is_empty(), "{blocks}");
    let safe = client.call("block_assert", json!({ "action": "birth_admit:thing" }));
    assert_eq!(safe["is_safe"], true);
    let collections = client.call("collection_list", json!({}));
    assert_eq!(collections["found"][0]["collection_name"], "thing");
    let drift = client.call("drift_show", json!({}));
    assert_eq!(
        (&drift["observed"]["value"], &drift["compared"]),
        (&json!(0), &Value::Null),
        "{drift}"
    );

    // A permit: the same key answers the same one.
    let request = json!({ "collection": "thing", "entity_code": code, "idempotency_key": format!("key-of-{code}") });
    let permit = client.call("permit_request", request.clone());
    assert_eq!(permit["state"], "REQUESTED");
    assert_eq!(client.call("permit_request", request)["id"], permit["id"]);
    let other = json!({ "collection": "thing", "entity_code": "other", "idempotency_key": format!("key-of-{code}") });
    assert_eq!(client.refused("permit_request", other)["code"], "PB013");
    let reserved = client.call("permit_reserve", json!({ "id": permit["id"] }));
    assert_eq!(reserved["state"], "RESERVED");
    let shown = client.call("permit_show", json!({ "id": permit["id"] }));
    assert_eq!(shown["permit"]["holder"], "agent");
    let why = json!({ "id": permit["id"], "why": "the test is over" });
    assert_eq!(client.call("permit_cancel", why)["state"], "CANCELLED");

    // An admission: the same key admits once.
    let admit = json!({ "collection": "thing", "row": { "code": code }, "idempotency_key": format!("admit-{code}") });
    let admitted = client.call("entity_admit", admit.clone());
    assert_eq!((&admitted["state"], &admitted["entity_code"]), (&json!("FINALIZED"), &json!(code)));
    assert_eq!(client.call("entity_admit", admit)["permit_id"], admitted["permit_id"]);
    let again = json!({ "collection": "thing", "row": { "code": code }, "idempotency_key": format!("again-{code}") });
    let refused = client.refused("entity_admit", again);
    assert_eq!(refused["code"], "PB005");
    assert!(refused["hint"].is_string(), "{refused}");
    let explained = client.call("explain_refusal", json!({ "code": "pb005" }));
    assert_eq!(explained["codes"][0]["next"], refused["what_next"]);
    let all = client.call("explain_refusal", json!({}));
    assert_eq!(all["codes"].as_array().unwrap().len(), birthgate::RefusalCode::ALL.len());
    let entity = client.call("entity_show", json!({ "entity_code": code }));
    assert_eq!(entity["births"][0]["status"], "finalized");
    assert!(entity["permits"].as_array().unwrap().len() >= 2, "{entity}");

    // Evidence.
    let listed = client.call("checkpoint_list", json!({ "macro": "ORDERS" }));
    let revisions: Vec<&Value> =
        listed["found"].as_array().unwrap().iter().map(|one| &one["revision"]).collect();
    assert_eq!(revisions, [3, 2, 1]);
    let shown = client.call("checkpoint_show", json!({ "macro": "ORDERS" }));
    assert_eq!((&shown["is_newest"], &shown["is_verified"]), (&json!(true), &json!(true)));
    let old = client.call("checkpoint_show", json!({ "id": listed["found"][2]["id"] }));
    assert_eq!(old["is_newest"], false);
    let document = json!({ "id": listed["found"][0]["id"], "document": "00-summary.md" });
    assert!(client.call("evidence_document", document)["text"].as_str().unwrap().starts_with("# "));
    assert_eq!(client.call("evidence_verify", json!({}))["is_as_written"], true);

    // Rehearsals.
    let change =
        json!({ "sql": "CREATE TABLE public.seen (id int)", "undo": "DROP TABLE public.seen" });
    let said = client.call("rehearse_sql", change);
    assert_eq!((&said["mutated"], &said["leaks"]), (&json!("none"), &json!([])), "{said}");
    assert_eq!(said["steps"][0]["undo"]["restores"], true, "{said}");
    let said = client.call("rehearse_packet", json!({ "packet": "orders" }));
    assert_eq!(said["verdict"], "PASS", "{said}");
    assert_eq!(said["steps"][0]["where"], "sandbox", "{said}");
    assert!(said["notes"].to_string().contains("left out"), "{said}");
    assert_eq!(said["watch"], json!([]));
    let there = "SELECT count(*) FROM pg_class WHERE relname IN ('seen', 'orders')";
    assert_eq!(estate.runtime.block_on(estate.db.value::<i64>(there)), 0);

    // Resources.
    let resources = client.ask("listResources", json!({}));
    let first = &resources["resources"][0]["uri"];
    let read = client.ask("readResource", json!({ "uri": first }));
    assert!(read["contents"][0]["text"].as_str().unwrap().starts_with("# Checkpoint"), "{read}");
    let whole: Value = serde_json::from_str(read["contents"][1]["text"].as_str().unwrap()).unwrap();
    assert_eq!((&whole["is_verified"], &whole["is_newest"]), (&json!(true), &json!(true)));
    let latest =
        client.ask("readResource", json!({ "uri": "birthgate://checkpoint/latest/ORDERS" }));
    assert_eq!(latest["contents"][0]["text"], read["contents"][0]["text"]);
    let templates = client.ask("listResourceTemplates", json!({}));
    assert_eq!(templates["resourceTemplates"].as_array().unwrap().len(), 2);
}

#[test]
fn every_tool_over_stdio() {
    let estate = Estate::new();
    through(&estate, &mut estate.client("agent"), "A-1");
}

#[test]
fn every_tool_over_http_with_a_token() {
    let estate = Estate::new();
    let made = crate::http::token();
    estate.configure(&format!("token_sha256 = \"{}\"\n", made.1));
    let server = estate.listening("agent");
    let url = format!("http://127.0.0.1:{}/mcp", server.port);
    through(&estate, &mut Client::connect(&[&url], Some(&made.0)), "A-1");
}

#[test]
fn lists_come_a_page_at_a_time() {
    let estate = Estate::new();
    let bear = "SELECT birthgate.permit_hold('thing', 'P-' || n) FROM generate_series(1, 55) AS n;
                INSERT INTO thing (code) SELECT 'P-' || n FROM generate_series(1, 55) AS n";
    estate.runtime.block_on(async {
        estate.db.connect("app").await.batch_execute(bear).await.unwrap();
    });
    let mut client = estate.client("agent");
    for (tool, arguments, field) in [
        ("birth_list", json!({ "collection": "thing" }), "id"),
        ("birth_list", json!({ "code_begins": "P-" }), "id"),
        ("permit_list", json!({ "state": "FINALIZED" }), "id"),
        ("checkpoint_list", json!({}), "id"),
    ] {
        let (mut seen, mut cursor) = (BTreeSet::new(), Value::Null);
        let most = if tool == "checkpoint_list" { 2 } else { 20 };
        loop {
            let mut asked = arguments.clone();
            asked["most"] = json!(most);
            if !cursor.is_null() {
                asked["cursor"] = cursor;
            }
            let page = client.call(tool, asked);
            let found = page["found"].as_array().unwrap();
            assert!(found.len() <= most, "{tool}");
            for one in found {
                assert!(seen.insert(one[field].to_string()), "{tool}: {one} came twice");
            }
            cursor = page["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!(seen.len(), if tool == "checkpoint_list" { 3 } else { 55 }, "{tool}");
        let wrong = client.refused(tool, json!({ "cursor": "bm90IG91cnM" }));
        assert_eq!(wrong["code"], "bad_cursor");
    }
}
