//! A database with births, permits, dimensions and a baseline, evidence beside it, and the page of both.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use birthgate::block::{self, NewDimension};
use birthgate::code::SignedCode;
use birthgate::drift;
use birthgate::evidence::{Checkpoint, Decision, Held, Proof, StepSeen, Steps};
use birthgate::rehearsal::{Blocked, Door, Where};
use birthgate::states::{States, StepStates};
use birthgate_server::page::{Live, PageConfig, ServiceLive, SinkLive, router};
use sha2::{Digest, Sha256};
use testkit::Db;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How many things are born, besides one of an unfriendly name.
pub const BIRTHS: usize = 250;
pub const EVIL: &str = "<script>alert(1)</script>";

pub struct Estate {
    pub db: Db,
    pub address: SocketAddr,
    pub folder: tempfile::TempDir,
    /// How the daemon is.
    pub live: watch::Sender<Live>,
}

impl Estate {
    /// With the page open to this machine.
    pub async fn new() -> Estate {
        Estate::with_token(None).await
    }

    pub async fn with_token(token: Option<&str>) -> Estate {
        let db = Db::governed("statement").await;
        db.connect("app")
            .await
            .batch_execute(&format!(
                "SELECT birthgate.permit_hold('thing', 'A-' || n) FROM generate_series(1, {BIRTHS}) AS n;
                 INSERT INTO thing (code) SELECT 'A-' || n FROM generate_series(1, {BIRTHS}) AS n;
                 INSERT INTO thing (code) SELECT '{EVIL}' FROM birthgate.permit_hold('thing', '{EVIL}');
                 SELECT birthgate.permit_hold('thing', 'B-1');
                 SELECT birthgate.permit_cancel(birthgate.permit_hold('thing', 'B-2'), 'nobody wants it')"
            ))
            .await
            .unwrap();
        let mut dba = db.dba().await;
        for (name, query) in [("too_many", "SELECT 7::bigint"), ("none_left", "SELECT 0::bigint")] {
            let dimension = NewDimension {
                name,
                description: "what the test says",
                query: Some(query),
                bound: 3,
                max_age_seconds: 3_600.0,
                blocks: if name == "too_many" {
                    &["rp_cleanup", "both"]
                } else {
                    &["harmless", "both"]
                },
            };
            block::put(&dba, &dimension).await.unwrap();
        }
        drift::take_baseline(&dba, None).await.unwrap();
        block::refresh(&mut dba).await.unwrap();
        Estate::on(db, token).await
    }

    /// Of any database with Birthgate in it.
    pub async fn on(db: Db, token: Option<&str>) -> Estate {
        let folder = tempfile::tempdir().unwrap();
        evidence(folder.path(), "orders-2026-01-31-r1", true);
        let (live, receiver) = watch::channel(Live {
            leads: true,
            sinks: vec![SinkLive {
                name: "governance".to_owned(),
                delivered: 4_711,
                problem: None,
                behind: Some(1_234),
            }],
            services: vec![ServiceLive {
                name: "expiry".to_owned(),
                running: false,
                last: None,
                problem: Some("no luck".to_owned()),
            }],
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = PageConfig {
            database: db.database("postgres"),
            evidence: folder.path().to_owned(),
            token_sha256: token.map(|token| format!("{:x}", Sha256::digest(token))),
            hosts: vec![address.to_string()],
            // With a token it is as it is served elsewhere: behind TLS, and here without the owners.
            behind_tls: token.is_some(),
            allowed_signers: token.is_none().then(|| folder.path().join("allowed_signers")),
            live: receiver,
        };
        let page = router(config, axum::Router::new());
        tokio::spawn(async move { axum::serve(listener, page).await });
        Estate { db, address, folder, live }
    }

    /// Bears one more thing.
    pub async fn bear(&self, code: &str) {
        let sql = format!(
            "INSERT INTO thing (code) SELECT '{code}' FROM birthgate.permit_hold('thing', '{code}')"
        );
        self.db.connect("app").await.batch_execute(&sql).await.unwrap();
    }
}

/// A folder of evidence as a rehearsal would write it, or would have before it recorded steps as data.
pub fn evidence(root: &Path, id: &str, has_steps: bool) {
    let mut files = BTreeMap::new();
    for (name, body) in [
        ("00-summary.md", "**PASS** of `this` & <b>that</b>\n\n- one\n- two"),
        (
            "10-apply-packet.md",
            "Digest\n\n| step | transaction | stop | door | way back as seen |\n| --- | --- | --- | --- | --- |\n| add-key | yes |  | two-way | two-way |\n| drop-key | yes | before | two-way | one-way |",
        ),
        ("13-exit-hashes.md", "The whole database.\n\nOthers waited 12 ms at most (1 of them)."),
    ] {
        files.insert(name.to_owned(), format!("# {} It\n\n`{id}`\n\n{body}\n", &name[..2]));
    }
    files.insert("checkpoint.md".to_owned(), "# Checkpoint: ORDERS\n\nAll of it.\n".to_owned());
    let step = |id: &str, ms, lock: &str, stops: Option<&str>| StepSeen {
        id: id.to_owned(),
        seen: Where::Live,
        why: "its locks are short".to_owned(),
        duration_ms: ms,
        door: Door::TwoWay,
        stops: stops.map(str::to_owned),
        locks: vec![Held {
            object: "public.orders".to_owned(),
            mode: lock.to_owned(),
            blocks: "INSERT, UPDATE, DELETE".to_owned(),
        }],
        blocked: Some(Vec::new()),
    };
    let waited = Blocked {
        pid: 4_242,
        role: "till".to_owned(),
        application: format!("till 7 {EVIL}"),
        object: Some("public.orders".to_owned()),
        mode: "RowExclusiveLock".to_owned(),
        waited_ms: 12.4,
    };
    let add =
        StepSeen { blocked: Some(vec![waited.clone()]), ..step("add-key", 2.5, "ShareLock", None) };
    let drop = StepSeen {
        seen: Where::Sandbox,
        why: "it would hurt; much".to_owned(),
        door: Door::ShutBy { step: "drop-key".to_owned() },
        blocked: None,
        ..step("drop-key", 0.5, "AccessExclusiveLock", Some("the packet stops before it"))
    };
    let steps = Steps { steps: vec![add, drop], blocked: vec![waited] };
    let states =
        steps.steps.iter().map(|step| StepStates { id: step.id.clone(), ..StepStates::default() });
    let states =
        States { steps: states.collect(), code: Some(SignedCode::default()), ..States::default() };
    files.insert("states.json".to_owned(), serde_json::to_string_pretty(&states).unwrap());
    if has_steps {
        files.insert(Steps::FILE.to_owned(), serde_json::to_string_pretty(&steps).unwrap());
    }
    let checkpoint = Checkpoint {
        id: id.to_owned(),
        revision: 1,
        previous: None,
        date: "2026-01-31T10:00:00Z".to_owned(),
        tags: vec![],
        r#macro: "ORDERS".to_owned(),
        next: Some("ORDERS_2".to_owned()),
        final_status: "PASS".to_owned(),
        execution_mode: "direct".to_owned(),
        live_mutation: "NONE.".to_owned(),
        proof: Proof { entry: "a".to_owned(), exit: "a".to_owned(), equal: true, watch: vec![] },
        reasons: vec![],
        recommendation: "APPLY — OWNER-GATED.".to_owned(),
        decisions: vec![Decision {
            about: "pilot".to_owned(),
            decision: "FEASIBLE".to_owned(),
            reasons: vec![],
        }],
        blockers: vec!["authority: an owner".to_owned()],
        steps: vec![
            "add-key: seen in the live database (its locks are short); 2.5 ms; way back: two-way".to_owned(),
            "drop-key: seen in the sandbox (it would hurt; much); 0.5 ms; way back: shut for good by drop-key".to_owned(),
        ],
        packet_digest: "d1gest".to_owned(),
        files: files.iter().map(|(name, text)| (name.clone(), sha256(text))).collect(),
    };
    let text = serde_json::to_string_pretty(&checkpoint).unwrap() + "\n";
    files.insert("checkpoint.sha256".to_owned(), format!("{}  checkpoint.json\n", sha256(&text)));
    files.insert("checkpoint.json".to_owned(), text);
    let folder = root.join(id);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

fn sha256(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}
