//! What stands in the way: each blocker is found by looking, says what it blocks, and is gone once it is cleared.

use birthgate::apply::Ended;
use birthgate::preflight::{self, Blocker, Kind, Ospa, Subjects};
use birthgate::{block, collection, decision, drift, entity, leader, registry};
use testkit::{Db, Server};

use crate::signed::{self, Key, Prepared, owners};

struct Case {
    db: Db,
    prepared: Prepared,
}

impl Case {
    async fn look(&self, with_rehearsal: bool, with_owners: bool) -> Vec<Blocker> {
        let client = self.db.dba().await;
        let ospa = Ospa::default();
        let subjects = Subjects {
            packet: &self.prepared.packet,
            path: "./packet",
            rehearsed: with_rehearsal.then_some(&self.prepared.rehearsed),
            owners: with_owners.then_some(&self.prepared.owners),
            ospa: &ospa,
        };
        preflight::look(&client, subjects).await.unwrap()
    }

    /// The blockers of a kind before an action, as far as their first words go.
    async fn before(&self, action: &str) -> Vec<String> {
        let found = self.look(true, true).await;
        let of = found.iter().filter(|one| one.blocks.iter().any(|known| known == action));
        of.map(|one| format!("{:?}: {}", one.kind, one.what)).collect()
    }

    async fn has(&self, action: &str, words: &str) -> bool {
        self.before(action).await.iter().any(|what| what.contains(words))
    }
}

/// The seed's five blockers of authority, one after the other, on its estate.
#[tokio::test]
async fn each_blocker_is_found_and_cleared() {
    // The estate's roles would be drift in every database of a server that others use.
    let server = tokio::task::spawn_blocking(|| Box::leak(Box::new(Server::own(&[])))).await;
    let db = Db::empty_on(server.unwrap()).await;
    estate_kb_3a66::build(&db.dba().await, 0.01, &mut |_, _, _| {}).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("packet");
    estate_kb_3a66::write_packet(&path).unwrap();
    let database = db.database("postgres");
    let (packet, rehearsed) =
        signed::rehearse(&database, &path.join("packet.toml"), &folder.path().join("evidence"))
            .await;
    let key = Key::ed25519("ada");
    let prepared = Prepared { folder, packet, rehearsed, owners: owners(&[&key]), key };
    let case = Case { db, prepared };

    let none = case.look(false, false).await;
    assert!(
        none.iter()
            .any(|one| one.kind == Kind::Engineering && one.what.contains("was not rehearsed"))
    );
    let no_owners = case.look(true, false).await;
    assert!(
        no_owners
            .iter()
            .any(|one| one.kind == Kind::Authority && one.what == "there are no owners")
    );

    // Nothing blocks the engineering; every blocker is authority.
    let start = case.look(true, true).await;
    assert!(start.iter().all(|one| one.kind == Kind::Authority), "{start:#?}");
    let blocks = |words: &str| -> Vec<String> {
        start
            .iter()
            .filter(|one| one.what.contains(words))
            .flat_map(|one| one.blocks.clone())
            .collect()
    };
    assert_eq!(blocks("owner approval"), ["apply"]);
    assert_eq!(blocks("registrar credentials"), ["birth"]);
    assert_eq!(blocks("scheduler"), ["drift"]);
    assert_eq!(blocks("human OSPA"), ["activation"]);
    assert_eq!(blocks("the door drop-code-unique"), ["apply:drop-code-unique"]);
    assert_eq!(blocks("the door pivot-births"), ["apply:pivot-births"]);
    assert!(start.iter().all(|one| !one.clear.is_empty()));

    // Something changes, and is named; brought back, it is gone.
    case.db.sql("ALTER TABLE dot_tools DISABLE TRIGGER trg_birth_gate").await;
    assert!(case.has("apply", "Engineering: STALE: since the rehearsal this changed: trigger trg_birth_gate on public.dot_tools").await);
    case.db.sql("ALTER TABLE dot_tools ENABLE TRIGGER trg_birth_gate").await;
    assert!(!case.has("apply", "STALE").await);

    // Signed, opened, applied.
    let client = case.db.dba().await;
    case.prepared.approve(&client, &["drop-code-unique", "pivot-births"]).await;
    assert_eq!(case.before("apply").await, Vec::<String>::new());
    assert_eq!(case.before("apply:pivot-births").await, Vec::<String>::new());
    let applied = case.prepared.apply(&database).await.unwrap();
    assert_eq!(applied.ended, Ended::Done, "{applied:?}");
    assert!(case.has("birth", "no login may register").await);
    case.db.sql(estate_kb_3a66::story::REGISTRAR).await;
    assert_eq!(case.before("birth").await, Vec::<String>::new());
    case.db.sql("INSERT INTO os_proposal_approvals (proposal, approved_by, approver_kind) VALUES (gen_random_uuid(), 'bot', 'agent')").await;
    assert!(case.has("activation", "human OSPA").await, "an agent is no person");
    case.db.sql("INSERT INTO os_proposal_approvals (proposal, approved_by, approver_kind) VALUES (gen_random_uuid(), 'ada', 'human')").await;
    assert_eq!(case.before("activation").await, Vec::<String>::new());

    // What is left is the cleanup's: an identity decision, phantoms, dimensions.
    for words in [
        "54 rows of dot_iu_command_catalog",
        "4 births of information_unit",
        "2 births of knowledge_document",
        "the dimension orphan_critical is unknown",
    ] {
        assert!(case.has("rp_cleanup", words).await, "{words}");
    }
    let identity = decision::Identity::Own;
    let binding =
        birthgate::declaration::Binding::make(&client, std::time::Duration::from_secs(60))
            .await
            .unwrap();
    let text = decision::declaration("dot_iu_command_catalog", &identity, &binding);
    let signed = [case.prepared.key.sign(&text)];
    decision::decide(
        &database,
        "dot_iu_command_catalog",
        &identity,
        &case.prepared.owners,
        &signed,
    )
    .await
    .unwrap();
    assert!(!case.has("rp_cleanup", "identity decision").await);
    for finding in registry::reconcile(&client, None).await.unwrap() {
        collection::grant(&client, &finding.collection_name, "postgres", None).await.unwrap();
        for code in finding.examples.iter().flatten() {
            entity::end(&client, entity::End::Retire, &finding.collection_name, code, None, false)
                .await
                .unwrap();
        }
    }
    assert!(!case.has("rp_cleanup", "lack their row").await);

    // The baseline, and a scheduler that counts.
    assert!(case.has("drift", "no baseline").await);
    drift::take_baseline(&client, None).await.unwrap();
    assert!(!case.has("drift", "no baseline").await);
    let mut counting = case.db.dba().await;
    assert!(case.has("drift", "no daemon leads").await);
    assert!(leader::take(&counting).await.unwrap());
    assert!(case.has("drift", "a daemon leads, but not every dimension is counted").await);
    block::refresh(&mut counting).await.unwrap();
    let tools = tempfile::tempdir().unwrap();
    estate_kb_3a66::write_tools(tools.path()).unwrap();
    block::scan(&counting, "fs_no_registry", tools.path(), "dot_tools", "name").await.unwrap();
    assert_eq!(case.before("drift").await, Vec::<String>::new());
    case.db.sql("ALTER TABLE dot_tools DISABLE TRIGGER zz_birthgate_gate").await;
    assert!(
        case.has("drift", "gate drift").await
            && case.has("birth", "the gate of dot_tools is broken").await
    );
}
