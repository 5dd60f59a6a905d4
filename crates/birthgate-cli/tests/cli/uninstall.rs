//! What `uninstall` leaves, and how that is taken away.

use serde_json::Value;

use crate::commands::User;
use crate::run::birthgate;

impl User {
    /// Everything on the server that has Birthgate's name.
    fn remains(&self) -> String {
        self.text(
            "SELECT concat_ws(' ', (SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname LIKE 'birthgate%'),
                    (SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname LIKE 'birthgate%'))",
        )
    }
}

#[test]
fn what_is_left_is_said_and_can_be_taken_away() {
    let user = User::new();
    user.run_as("postgres", &["init"]).expect(0);
    let ended = user.run_as("postgres", &["uninstall"]).expect(0);
    assert!(ended.stdout.contains("Left: the schema birthgate_evidence"), "{}", ended.stdout);
    assert!(ended.stdout.contains("birthgate uninstall --evidence"), "{}", ended.stdout);
    assert_eq!(user.remains(), "birthgate_evidence");
    // Without one of the two there is nothing to uninstall any more.
    user.run_as("postgres", &["uninstall"]).expect(1);
    let left = user.json_as("postgres", &["uninstall", "--evidence"]);
    assert_eq!(left["left"]["evidence"], false, "{left}");
    assert_eq!(user.remains(), "");

    user.run_as("postgres", &["init"]).expect(0);
    let ended = user.run_as("postgres", &["uninstall", "--evidence", "--roles"]).expect(0);
    assert!(ended.stdout.contains("Nothing of Birthgate is left."), "{}", ended.stdout);
    assert_eq!(user.remains(), "");
}

#[test]
fn roles_that_another_database_uses_stay_and_are_named() {
    let user = User::new();
    user.sql("CREATE DATABASE other");
    let other = user.url_of("postgres", "other");
    user.run_as("postgres", &["init"]).expect(0);
    birthgate(&["--database-url", &other, "init"]).expect(0);
    user.sql("GRANT birthgate_admitter TO app");

    let ended = user.run_as("postgres", &["uninstall", "--evidence"]).expect(0);
    assert!(ended.stdout.contains("Left: the roles birthgate_admitter, "), "{}", ended.stdout);
    assert!(ended.stdout.contains("Members of birthgate_admitter: app."), "{}", ended.stdout);
    assert!(ended.stdout.contains("used in other."), "{}", ended.stdout);
    let ended = user.run_as("postgres", &["uninstall", "--roles"]).expect(3);
    assert!(ended.stderr.contains("not every role could be dropped"), "{}", ended.stderr);
    // The other database's rights are whole.
    birthgate(&["--database-url", &other, "collection", "list"]).expect(0);

    birthgate(&["--database-url", &other, "uninstall", "--evidence", "--roles"]).expect(0);
    assert_eq!(user.remains(), "");
    assert_eq!(
        user.text("SELECT count(*)::text FROM pg_auth_members WHERE member = 'app'::regrole"),
        "0"
    );
}

/// In a database where only rehearsals were written down, the log alone holds roles.
#[test]
fn roles_are_dropped_where_birthgate_was_never_installed() {
    let user = User::new();
    user.sql("CREATE DATABASE other");
    let other = user.url_of("postgres", "other");
    birthgate(&["--database-url", &other, "init"]).expect(0);
    user.sql(
        "CREATE SCHEMA kept AUTHORIZATION app; GRANT USAGE ON SCHEMA kept TO birthgate_auditor",
    );
    birthgate(&["--database-url", &other, "uninstall", "--evidence", "--roles"]).expect(3);
    let left = user.json_as("postgres", &["uninstall", "--roles"]);
    assert_eq!(
        (&left["uninstalled"], &left["left"]["roles"]),
        (&Value::from(false), &Value::from(Vec::<Value>::new()))
    );
    assert_eq!(
        user.text("SELECT nspacl::text FROM pg_namespace WHERE nspname = 'kept'"),
        "{app=UC/app}"
    );
}

#[test]
fn who_installed_without_being_superuser_uninstalls() {
    let user = User::new();
    user.sql("CREATE ROLE maker LOGIN CREATEROLE");
    user.sql("CREATE DATABASE made OWNER maker");
    let made = user.url_of("maker", "made");
    birthgate(&["--database-url", &made, "init"]).expect(0);
    birthgate(&["--database-url", &made, "uninstall", "--evidence", "--roles"]).expect(0);
    assert_eq!(user.remains(), "");
}
