//! The estate's promises: every number, at a small scale, and at full scale in `./test --all`.

use std::collections::BTreeMap;

use testkit::Db;

#[tokio::test]
async fn every_number_is_as_promised() {
    let scale = if std::env::var_os("BIRTHGATE_TEST_ALL").is_some() { 1.0 } else { 0.01 };
    let db = Db::empty().await;
    let client = db.dba().await;
    estate_kb_3a66::build(&client, scale, &mut |_, _, _| {}).await.unwrap();
    let rows = client.query(estate_kb_3a66::COUNTS_SQL, &[]).await.unwrap();
    let counts: BTreeMap<String, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let births = i64::try_from(estate_kb_3a66::expected_births(scale)).unwrap();
    let changelog = i64::try_from(estate_kb_3a66::expected_changelog(scale)).unwrap();
    if scale == 1.0 {
        assert_eq!((births, changelog), (1_126_728, 70_434));
    }
    for (name, expected) in [
        ("births", births),
        ("registry_changelog", changelog),
        ("null_collections", 0),
        ("composite_violations", 0),
        ("foreign_keys", 0),
        ("check_constraints", 0),
        ("not_born", 0),
        ("unique_entity_code", 1),
        ("functions_naming_old_target", 2),
        ("births_without_row", 6),
        ("orphan_critical", 59),
        ("orphan_critical_catalog", 54),
        ("orphan_critical_pivots", 5),
        ("phantom_real", 6),
        ("fs_no_registry", 16),
        ("dot_pivot_update", 1),
        ("dot_tools_unborn", 0),
        ("os_proposal_approvals", 0),
        ("ddl_guard_enabled", 1),
        ("schedulers", 0),
        ("permit_tables", 0),
    ] {
        assert_eq!(counts.get(name), Some(&expected), "{name}");
    }
}
