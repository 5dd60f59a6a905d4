//! What a database lacks is said, with what mends it, and what is mended is said no more.

use serde_json::Value;

use crate::commands::User;

/// What was found of the lines that hold this.
fn found<'a>(findings: &'a Value, what: &str) -> Vec<&'a str> {
    let all = findings.as_array().unwrap().iter();
    let lines = all.filter(|one| one["what"].as_str().unwrap().contains(what));
    lines.map(|one| one["found"].as_str().unwrap()).collect()
}

#[test]
fn what_is_lacking_is_said_and_how_it_is_mended() {
    let user = User::new();
    let look = |role: &str, code: i32| {
        let owners = std::env::temp_dir().join("birthgate-no-owners");
        let arguments =
            ["doctor", "--format", "json", "--allowed-signers", owners.to_str().unwrap()];
        user.run_as(role, &arguments).expect(code).json()["result"].take()
    };
    // Nothing is installed, and nothing is wrong.
    let begun = look("postgres", 0);
    assert_eq!(found(&begun, "Birthgate is not installed here"), ["absent"]);
    assert_eq!(found(&begun, "for the sandbox"), ["good"]);
    assert_eq!(found(&begun, "make the same objects of the same DDL"), ["good"], "{begun:#}");
    assert_eq!(found(&begun, "there are no owners"), ["absent"]);
    assert_eq!(found(&begun, "this login is a superuser"), ["limited"]);
    // Whoever may not install it is told so.
    let other = look("app", 3);
    assert_eq!(found(&other, "may not make roles"), ["lacking"]);
    assert_eq!(found(&other, "does not see who other sessions are"), ["limited"]);

    user.run_as("postgres", &["init"]).expect(0);
    user.sql("CREATE ROLE thing_owner; ALTER TABLE thing OWNER TO app");
    user.run_as("postgres", &["collection", "govern", "public.thing", "--code", "code"]).expect(0);
    let governed = look("postgres", 0);
    assert_eq!(found(&governed, "thing: detect-only: app owns the table"), ["limited"]);
    for what in ["the gate has no baseline", "there is no DDL guard", "no daemon leads"] {
        assert_eq!(found(&governed, what), ["absent"], "{governed:#}");
    }
    user.sql("ALTER TABLE thing OWNER TO thing_owner");
    user.run_as("postgres", &["drift", "guard", "on"]).expect(0);
    user.run_as("postgres", &["drift", "baseline"]).expect(0);
    let whole = look("postgres", 0);
    for what in
        ["thing: enforced", "the gate has a baseline", "the DDL guard stands", "the evidence log's"]
    {
        assert_eq!(found(&whole, what), ["good"], "{whole:#}");
    }
    // What is weakened is lacking.
    user.sql("ALTER EVENT TRIGGER birthgate_ddl_end DISABLE");
    // It only looks.
    user.sql("ALTER DATABASE postgres SET default_transaction_read_only = on");
    let weakened = look("postgres", 3);
    assert_eq!(found(&weakened, "the DDL guard is weakened"), ["lacking"], "{weakened:#}");
    // For people, with the way out.
    let shown = user.run_as("postgres", &["doctor"]).expect(3);
    assert!(shown.stdout.contains("→ birthgate drift guard on"), "{}", shown.stdout);
}
