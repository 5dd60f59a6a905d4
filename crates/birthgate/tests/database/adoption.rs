//! Registries of other makes: what stands in the way of adopting them is found, and what does not, rehearsed.

use birthgate::adoption::{self, Adoption};
use birthgate::plan;
use birthgate::registry;
use birthgate::rehearsal::{self, Mutated, Rows, Verdict};
use testkit::Db;

async fn examine(db: &Db, registry: &str) -> Adoption {
    adoption::examine(&db.dba().await, registry, None).await.unwrap()
}

#[tokio::test]
async fn what_stands_in_the_way_is_found_and_explained() {
    for (sql, says) in [
        // Other names: a table of slugs.
        ("CREATE TABLE reg (pk bigint, code text, kind text, state text, created_at timestamptz)", &["no column id; perhaps pk", "perhaps code is meant", "perhaps kind", "perhaps state", "perhaps created_at"][..]),
        // Other types: keys that are no text.
        ("CREATE TABLE reg (id uuid, entity_code bigint, collection_name text, status int, born_at date)", &["id is uuid", "entity_code is bigint", "status is integer", "born_at is date"]),
        // Rows that are nobody's births, or somebody's twice.
        ("CREATE TABLE reg (id bigint, entity_code text, collection_name text, status text, born_at timestamptz);
          INSERT INTO reg VALUES (1, 'a', 'x', 'born'), (2, 'a', 'x', 'born'), (3, 'b', NULL, 'born'), (4, NULL, 'x', NULL), (5, 'c', 'x', 'archived')",
         &["2 rows have a NULL", "1 entities are listed more than once", "2 rows have another status than born or finalized (archived)"]),
        ("CREATE TABLE reg (id bigint, entity_code text, collection_name text, status text, born_at timestamptz, origin text); ALTER TABLE reg ENABLE ROW LEVEL SECURITY", &["row level security", "columns that the adoption adds: origin"]),
        ("CREATE VIEW reg AS SELECT 1::bigint AS id", &["not an ordinary table", "no column entity_code (text)"]),
    ] {
        let db = Db::empty().await;
        db.sql(sql).await;
        let found = examine(&db, "reg").await;
        for text in says {
            assert!(found.findings.iter().any(|one| one.contains(text)), "{text}: {found:#?}");
        }
        assert!(found.findings.len() >= says.len(), "{found:#?}");
        let folder = tempfile::tempdir().unwrap();
        assert!(found.write_packet(folder.path()).is_err());
    }
}

#[tokio::test]
async fn the_packet_of_an_adoption_passes_and_does_what_adopting_does() {
    for (registry, sql) in [
        // Varying characters, more columns than are needed, a key of both columns from the start.
        ("\"Master\".\"Births\"", "CREATE SCHEMA \"Master\"; CREATE TABLE \"Master\".\"Births\" (id serial PRIMARY KEY, entity_code varchar(40) NOT NULL, collection_name varchar(40) NOT NULL, status text NOT NULL DEFAULT 'born', born_at timestamptz NOT NULL DEFAULT now(), owner text, UNIQUE (entity_code, collection_name));
          INSERT INTO \"Master\".\"Births\" (entity_code, collection_name) SELECT 'e' || n, 'c' FROM generate_series(1, 50) AS n"),
        // No key at all but its number, and a trigger of its own.
        ("public.reg", "CREATE TABLE reg (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, entity_code text, collection_name text, status text DEFAULT 'born', born_at timestamptz DEFAULT now());
          CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$; CREATE TRIGGER noted BEFORE INSERT ON reg FOR EACH ROW EXECUTE FUNCTION noted();
          INSERT INTO reg (entity_code, collection_name) VALUES ('a', 'x'), ('a', 'y')"),
    ] {
        let db = Db::empty().await;
        db.sql(sql).await;
        let before = db.seen_from_outside().await;
        let found = examine(&db, registry).await;
        assert!(found.findings.is_empty(), "{found:#?}");
        let folder = tempfile::tempdir().unwrap();
        found.write_packet(folder.path()).unwrap();
        let plan = plan::read(&[folder.path().to_owned()]).unwrap();
        let options = rehearsal::Options { rows: Rows::All, ..crate::rehearsal::options() };
        let said = rehearsal::rehearse(&db.database("postgres"), &plan, &options).await.unwrap();
        assert_eq!((said.verdict, said.mutated), (Verdict::Pass, Mutated::None), "{said:#?}");
        assert_eq!(before, db.seen_from_outside().await);

        for step in &plan.steps {
            let client = db.dba().await;
            match step.transaction {
                true => client.batch_execute(&step.does.text).await.unwrap(),
                false => client.batch_execute(step.does.text_of(&step.does.statements[0])).await.unwrap(),
            }
        }
        let births: i64 = db.value("SELECT count(*) FROM birthgate.birth_registry").await;
        assert_eq!(births, registry::count(&db.dba().await).await.unwrap());
        assert_eq!(Some(births), found.rows);
        assert_eq!(registry::reconcile(&db.dba().await, None).await.unwrap(), []);
    }
}
