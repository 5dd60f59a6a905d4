//! An agent can do nothing that its database role cannot.

use serde_json::json;

use crate::estate::Estate;

#[test]
fn a_role_without_a_grant_is_refused_by_the_database() {
    let estate = Estate::new();
    let mut client = estate.client("ungranted");
    let request =
        json!({ "collection": "thing", "entity_code": "X-1", "idempotency_key": "a-key-of-mine" });
    let refused = client.refused("permit_request", request);
    assert_eq!(refused["code"], "PB016");
    let explained = client.call("explain_refusal", json!({ "code": "PB016" }));
    assert_eq!(explained["codes"][0]["next"], refused["what_next"]);
    let admit = json!({ "collection": "thing", "row": { "code": "X-1" }, "idempotency_key": "another-key" });
    client.refused("entity_admit", admit);
    // A permit of somebody else is not its to spend or end.
    let theirs: i64 = estate.runtime.block_on(async {
        let app = estate.db.connect("app").await;
        let row = app.query_one("SELECT birthgate.permit_request('thing', 'Y-1')", &[]).await;
        row.unwrap().get(0)
    });
    client.refused("permit_reserve", json!({ "id": theirs }));
    client.refused("permit_cancel", json!({ "id": theirs, "why": "I want it" }));
    let state = format!("SELECT state FROM birthgate.birth_admission_permit WHERE id = {theirs}");
    let state: String = estate.runtime.block_on(estate.db.value(&state));
    assert_eq!(state, "REQUESTED");
}

#[test]
fn a_role_that_may_nothing_is_told_so() {
    let estate = Estate::new();
    let mut client = estate.client("stranger");
    for (tool, arguments) in [
        ("block_list", json!({})),
        ("permit_list", json!({})),
        ("birth_list", json!({})),
        ("collection_list", json!({})),
    ] {
        let refused = client.refused(tool, arguments);
        assert_eq!(refused["code"], "42501", "{tool}: {refused}");
    }
    // What needs no database is there all the same.
    client.call("explain_refusal", json!({}));
}
