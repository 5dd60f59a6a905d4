//! The fingerprint: equal objects are equal on every version, and a difference is named.

use birthgate::fingerprint::{self, Fingerprint, Scope};
use testkit::Db;

/// The objects of the rehearsals' fixture, but for the view, whose text is another from PostgreSQL 16 on.
const OBJECTS: [&str; 12] = [
    "table public.parent",
    "public.child",
    "public.numbered",
    "public.ident",
    "public.holes",
    "sequence public.loose",
    "sequence public.numbered_id_seq",
    "public.late",
    "table public.secured",
    "function public.secret",
    "function public.spends()",
    "procedure public.commits",
];

async fn take(db: &Db, scope: &Scope) -> Fingerprint {
    fingerprint::take(&db.dba().await, scope).await.unwrap()
}

async fn fixture() -> Db {
    let db = Db::empty().await;
    db.sql(include_str!("rehearsal/fixture.sql")).await;
    db
}

#[tokio::test]
async fn equal_objects_are_equal_in_every_database_and_version() {
    let scope = Scope::Objects(OBJECTS.map(str::to_owned).to_vec());
    let (one, other) = (fixture().await, fixture().await);
    // As if objects had come in another order: other OIDs, a dropped column.
    other.sql("CREATE TABLE dropped (a int); DROP TABLE dropped; ALTER TABLE holes ADD COLUMN c int; ALTER TABLE holes DROP COLUMN c").await;
    let (one, other) = (take(&one, &scope).await, take(&other, &scope).await);
    assert_eq!(one.diff(&other), []);
    assert_eq!(one.root, other.root);
    assert!(one.absent.is_empty(), "{:?}", one.absent);
    assert_eq!(one.root, include_str!("rehearsal/fixture.root").trim(), "{one:#?}");
}

#[tokio::test]
async fn a_difference_is_named_by_object_and_attribute() {
    let db = fixture().await;
    let scope = Scope::Objects(OBJECTS.map(str::to_owned).to_vec());
    for (sql, says) in [
        (
            "ALTER TABLE parent DISABLE TRIGGER noted",
            "trigger noted on public.parent: enabled was always, is no",
        ),
        (
            "ALTER TABLE holes ADD COLUMN c int",
            "table public.holes: column c was nothing, is integer",
        ),
        (
            "ALTER TABLE child ALTER CONSTRAINT child_parent_id_fkey NOT DEFERRABLE",
            "constraint child_parent_id_fkey on public.child: deferrable was true, is false",
        ),
        ("DROP INDEX holes_a", "index public.holes_a is gone"),
        ("DROP TABLE late", "table public.late is gone"),
        (
            "ALTER FUNCTION secret() RESET ALL",
            "function public.secret(): settings was {search_path=pg_catalog}, is nothing",
        ),
        ("GRANT SELECT ON secured TO PUBLIC", "table public.secured: acl was "),
        (
            "ALTER SEQUENCE loose INCREMENT 3",
            "sequence public.loose: sequence was bigint 1 1 1 9223372036854775807 1 f, is bigint 1 3 1 9223372036854775807 1 f",
        ),
    ] {
        let before = take(&db, &scope).await;
        db.sql(sql).await;
        let after = take(&db, &scope).await;
        let said: Vec<String> = before.diff(&after).iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|one| one.starts_with(says)), "{sql}: {said:#?}");
        assert_ne!(before.root, after.root, "{sql}");
    }
    let absent = take(&db, &scope).await;
    assert_eq!(absent.absent, ["public.late"]);
}

#[tokio::test]
async fn what_is_no_object_does_not_change_it() {
    let db = fixture().await;
    let before = take(&db, &Scope::All).await;
    db.sql("INSERT INTO numbered (note) VALUES ('x'); SELECT nextval('loose'); DELETE FROM holes; ANALYZE").await;
    db.sql("VACUUM FULL holes").await;
    db.sql("REINDEX TABLE parent").await;
    // Other tests make roles and databases meanwhile.
    let own = |difference: &fingerprint::Difference| {
        !["role", "database", "password"].iter().any(|kind| difference.object.starts_with(kind))
    };
    let differences: Vec<_> =
        before.diff(&take(&db, &Scope::All).await).into_iter().filter(own).collect();
    assert_eq!(differences, []);
}

#[tokio::test]
async fn the_gate_s_fingerprint_sees_what_weakens_it() {
    let db = Db::governed("statement").await;
    let take = async || take(&db, &Scope::Gate).await;
    for sql in [
        "ALTER TABLE thing DISABLE TRIGGER zz_birthgate_gate",
        "ALTER TABLE birthgate.birth_admission_permit ENABLE TRIGGER permit_guard_update",
        "ALTER FUNCTION birthgate.guard_delete() SECURITY INVOKER",
        "GRANT INSERT ON birthgate.birth_registry TO PUBLIC",
        "CREATE TRIGGER later AFTER INSERT ON thing FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    ] {
        let before = take().await;
        db.sql(sql).await;
        assert_ne!(before.root, take().await.root, "{sql}");
    }
    let before = take().await;
    db.sql("CREATE TABLE unrelated (a int)").await;
    assert_eq!(before.root, take().await.root);
}
