//! Each view shows what is there.

use birthgate::browse;

use crate::estate::{BIRTHS, EVIL, Estate, evidence};
use crate::http::get;

#[tokio::test]
async fn the_overview_says_what_may_be_done_and_what_stands_in_the_way() {
    let estate = Estate::new().await;
    let page = get(estate.address, "/").await;
    page.has(&[
        "<h3>rp_cleanup</h3><p><span class=\"badge bad\"><span aria-hidden=\"true\">✕</span> NO-GO</span>",
        "<h3>harmless</h3><p><span class=\"badge good\"><span aria-hidden=\"true\">✓</span> GO</span>",
        "<strong>too_many</strong> 7, at most 3: over",
        "as the baseline says",
        "251</strong> in the last minute",
        "Births in each of the last 60 minutes: 251 in all",
        "<a href=\"/permits?state=FINALIZED\">FINALIZED</a>",
        "governance",
        "4,711",
        "1,234",
        "no luck",
        "leads",
        "capture-only",
    ]);
    assert_eq!(page.body.matches("/permits?state=").count(), 7);
}

#[tokio::test]
async fn what_an_owner_has_stopped_is_no_go_whatever_was_counted() {
    let blocks = "SELECT birthgate.block_dimension_put('none_left', 'what is left', 'SELECT 0::bigint', 3, '1 hour', '{birth_admit:thing}')";
    let stop = "SET ROLE birthgate_owner; INSERT INTO birthgate.stop (collection_name, reason) VALUES ('thing', 'not before the audit is over')";
    for (sql, says) in
        [(blocks.to_owned(), "✓</span> GO"), (format!("{blocks}; {stop}"), "✕</span> NO-GO")]
    {
        let estate = Estate::new().await;
        estate.db.sql(&sql).await;
        let page = get(estate.address, "/").await;
        let action = page.body.split_once("<h3>birth_admit:thing</h3>").unwrap().1;
        assert!(action.split_once("</p>").unwrap().0.contains(says), "{sql}: {action}");
    }
}

#[tokio::test]
async fn paging_the_registry_meets_every_birth_once_and_in_order() {
    let estate = Estate::new().await;
    for (mut path, in_order_of_codes) in [
        ("/registry".to_owned(), false),
        ("/registry?collection=thing".to_owned(), false),
        ("/registry?code=A-&match=begins".to_owned(), true),
    ] {
        let (mut ids, mut codes) = (Vec::new(), Vec::new());
        loop {
            let page = get(estate.address, &path).await;
            page.has(&["Births"]);
            for row in page.body.split("<th class=\"number\" scope=\"row\">").skip(1) {
                ids.push(row[..row.find('<').unwrap()].parse::<i64>().unwrap());
                let code = row.split_once("<code>").unwrap().1;
                codes.push(code[..code.find('<').unwrap()].to_owned());
            }
            match page.body.split_once("\" rel=\"next\"") {
                Some((before, _)) => {
                    path = before.rsplit_once("href=\"").unwrap().1.replace("&amp;", "&");
                }
                None => break,
            }
        }
        let mut unique = codes.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), codes.len(), "{path}");
        assert_eq!(codes.len(), if in_order_of_codes { BIRTHS } else { BIRTHS + 1 }, "{path}");
        if !in_order_of_codes {
            assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
        }
    }
}

#[tokio::test]
async fn a_birth_and_its_permit_are_found_by_code() {
    let estate = Estate::new().await;
    let page = get(estate.address, "/registry?code=A-17").await;
    page.has(&["<code>A-17</code>", "thing", "finalized"]);
    let permit = page.body.split_once("href=\"/permits/").unwrap().1;
    let permit = &permit[..permit.find('"').unwrap()];
    get(estate.address, &format!("/permits/{permit}")).await.has(&[
        "requested by app",
        "reserved for app",
        "consumed by",
        "birth of <code>A-17</code>",
        "permit finalised",
    ]);
    get(estate.address, "/permits?code=A-17").await.has(&["<code>A-17</code>", "FINALIZED"]);
    let page = get(estate.address, "/permits?state=CANCELLED&collection=thing").await;
    page.has(&["<code>B-2</code>"]);
    assert!(!page.body.contains("<code>B-1</code>"));
    let permit = page.body.split_once("href=\"/permits/").unwrap().1;
    let permit = &permit[..permit.find('"').unwrap()];
    get(estate.address, &format!("/permits/{permit}")).await.has(&["nobody wants it"]);
}

#[tokio::test]
async fn what_was_renamed_leads_to_what_it_became() {
    let estate = Estate::new().await;
    let new = "a&b \"<c>";
    let app = estate.db.connect("app").await;
    app.batch_execute(&format!("SELECT birthgate.rename('thing', 'A-17', '{new}')")).await.unwrap();
    let link = "renamed to <a href=\"/registry?code=a%26b+%22%3Cc%3E&amp;collection=thing\"><code>a&amp;b &quot;&lt;c&gt;</code></a>";
    let path = "/registry?code=a%26b+%22%3Cc%3E&collection=thing";
    for path in ["/registry?code=A-17", "/registry?code=A-17&match=begins", "/registry?before=100"]
    {
        get(estate.address, path).await.has(&[link]);
    }
    let page = get(estate.address, path).await;
    page.has(&["a&amp;b &quot;&lt;c&gt;</code>", "finalized"]);
    let permit = page.body.split_once("href=\"/permits/").unwrap().1;
    let permit = &permit[..permit.find('"').unwrap()];
    let page = get(estate.address, &format!("/permits/{permit}")).await;
    page.has(&[&format!("<code>A-17</code> of thing retired: {link}")]);
}

#[tokio::test]
async fn what_has_an_unfriendly_name_is_shown_and_not_run() {
    let estate = Estate::new().await;
    for path in [
        "/registry",
        "/permits",
        "/registry?code=%3Cscript%3E&match=begins",
        "/permits?code=%3Cscript%3E",
    ] {
        let page = get(estate.address, path).await;
        assert_eq!(page.status, 200);
        assert!(!page.body.contains(EVIL), "{path}");
        assert!(page.body.contains("&lt;script&gt;"), "{path}");
    }
    get(estate.address, "/evidence/orders-2026-01-31-r1/00-summary.md").await.has(&[
        "<strong>PASS</strong>",
        "&amp; &lt;b&gt;that&lt;/b&gt;",
        "<li>two</li>",
    ]);
}

#[tokio::test]
async fn a_packet_is_shown_with_its_steps_locks_doors_and_the_commands_that_sign_it() {
    let estate = Estate::new().await;
    get(estate.address, "/packets").await.has(&["/packets/orders-2026-01-31-r1", "PASS"]);
    get(estate.address, "/packets/orders-2026-01-31-r1").await.has(&[
        "ORDERS",
        "as it was written",
        "AccessExclusiveLock",
        "shut for good by drop-key",
        "<strong>12 ms</strong> till (till 7 &lt;script&gt;alert(1)&lt;/script&gt;), process 4242",
        "for public.orders: RowExclusiveLock",
        "not run where anybody waits",
        "1 session waited, at most 12 ms",
        "the packet stops before it",
        "STOP before it",
        "nobody has approved this rehearsal",
        "--door drop-key\nssh-keygen -Y sign -n birthgate",
    ]);
}

#[tokio::test]
async fn evidence_from_before_steps_were_recorded_is_shown_and_says_so() {
    let estate = Estate::new().await;
    evidence(estate.folder.path(), "older-2025-01-31-r1", false);
    get(estate.address, "/packets/older-2025-01-31-r1").await.has(&[
        "were not recorded by the version of Birthgate",
        "add-key: seen in the live database (its locks are short); 2.5 ms",
        "Which steps the apply stops before was not recorded",
    ]);
}

#[tokio::test]
async fn an_apply_is_shown_by_its_journal() {
    let estate = Estate::new().await;
    let dba = estate.db.dba().await;
    let hash = birthgate::evidence::list(estate.folder.path()).unwrap()[0].hash.clone();
    let log = [
        (
            "approval",
            serde_json::json!({ "packet": "ORDERS", "digest": "d1gest", "rehearsal": hash, "principal": "ada", "text": "what ada signed" }),
        ),
        (
            "apply",
            serde_json::json!({ "packet": "ORDERS", "digest": "d1gest", "rehearsal": hash, "approvals": [1] }),
        ),
    ];
    let mut run = 0;
    for (kind, body) in log {
        run = birthgate::evidence_log::append(&dba, kind, &body).await.unwrap();
    }
    let step =
        serde_json::json!({ "run": run, "step": "add-key", "action": "do", "state": "done" });
    birthgate::evidence_log::append(&dba, "step", &step).await.unwrap();
    get(estate.address, "/packets/orders-2026-01-31-r1").await.has(&[
        "not verified</span> recorded as of <strong>ada</strong>",
        "what ada signed",
        "No signature was verified",
        "1 of 2 steps are done",
    ]);
    get(estate.address, "/packets").await.has(&["going on, or broken off"]);
}

#[tokio::test]
async fn evidence_that_was_changed_is_said_to_be() {
    let estate = Estate::new().await;
    let path = "/evidence/orders-2026-01-31-r1";
    get(estate.address, "/evidence").await.has(&["as written", path]);
    get(estate.address, path).await.has(&[
        "Checkpoint: ORDERS",
        "as it was written",
        "10 apply packet",
    ]);
    std::fs::write(estate.folder.path().join("orders-2026-01-31-r1/00-summary.md"), "better")
        .unwrap();
    get(estate.address, "/evidence").await.has(&["changed"]);
    get(estate.address, path).await.has(&["not as it was written", "it was changed"]);
}

#[tokio::test]
async fn drift_is_explained() {
    let estate = Estate::new().await;
    get(estate.address, "/drift")
        .await
        .has(&["the gate holds", "every object is as the baseline says"]);
    // Another page, so that nothing is kept from the look before.
    let estate = Estate::new().await;
    estate.db.sql("ALTER TABLE thing DISABLE TRIGGER USER").await;
    get(estate.address, "/drift").await.has(&[
        "objects differ",
        "DISABLE TRIGGER",
        "ENABLE ALWAYS TRIGGER",
    ]);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_what_makes_no_sense_is_refused() {
    let estate = Estate::new().await;
    for path in [
        "/nothing",
        "/permits/999999",
        "/evidence/..%2f..%2fetc",
        "/evidence/%2e%2e",
        "/packets/..%2f..%2fetc",
        "/evidence/orders-2026-01-31-r1/..%2f..%2f..%2fetc%2fpasswd",
        "/evidence/orders-2026-01-31-r1/checkpoint.json",
        "/assets/..%2fpage.rs",
    ] {
        assert_eq!(get(estate.address, path).await.status, 404, "{path}");
    }
    for path in [
        "/permits/x",
        "/permits/-1",
        "/permits?state=NONE",
        "/permits?before=1%20OR%201",
        "/registry?nothing=1",
        "/registry?code=a&code=b",
        "/registry?code=%00a",
    ] {
        assert_eq!(get(estate.address, path).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn the_pages_connection_cannot_write() {
    let estate = Estate::new().await;
    let client = estate.db.dba().await;
    browse::read_only(&client, "birthgate page").await.unwrap();
    for statement in [
        "INSERT INTO thing (code) VALUES ('Z-1')",
        "CREATE TABLE z (i int)",
        "SELECT birthgate.permit_hold('thing', 'Z-1')",
    ] {
        let error = client.batch_execute(statement).await.unwrap_err();
        assert_eq!(testkit::sqlstate(&error), "25006", "{statement}");
    }
    // The connections that the page has are such.
    get(estate.address, "/").await.has(&[]);
    let sessions: i64 = estate
        .db
        .value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'birthgate page' AND datname = current_database()")
        .await;
    assert!((1..=4).contains(&sessions), "{sessions}");
}

#[tokio::test]
async fn no_query_of_the_page_scans_the_registry() {
    let estate = Estate::new().await;
    let rows = "INSERT INTO birthgate.birth_registry (entity_code, collection_name, origin) SELECT 'L-' || n, 'old_' || n % 10, 'legacy' FROM generate_series(1, 60000) AS n";
    estate
        .db
        .sql(&format!("SET session_replication_role = replica; SET ROLE birthgate_owner; {rows}"))
        .await;
    estate.db.sql("VACUUM ANALYZE birthgate.birth_registry").await;
    let scans = "SELECT coalesce(seq_tup_read, 0) FROM pg_stat_user_tables WHERE relid = 'birthgate.birth_registry'::regclass";
    let before: i64 =
        estate.db.value(&format!("{scans} AND pg_stat_clear_snapshot() IS NOT NULL")).await;
    for path in [
        "/",
        "/registry",
        "/registry?collection=old_3",
        "/registry?collection=nobody",
        "/registry?code=L-5999",
        "/registry?code=L-59&match=begins",
        "/registry?code=L-5&match=begins&collection=old_3",
        "/permits?code=L-1",
        "/permits/1",
    ] {
        assert_eq!(get(estate.address, path).await.status, 200, "{path}");
    }
    // Statistics are told when a session has been quiet for a while.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    get(estate.address, "/permits/1").await.has(&[]);
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let after: i64 = estate.db.value(scans).await;
    // What scanned it while it was small may be told only now.
    assert!(after - before < 60_000, "the registry was scanned: {} rows were read", after - before);
}

#[tokio::test]
async fn an_adopted_registry_is_shown_whatever_its_columns_are() {
    let estate = Estate::on(testkit::Db::birth().await, None).await;
    estate
        .db
        .sql(
            "CREATE TABLE public.old_registry (id serial PRIMARY KEY, entity_code varchar(40) NOT NULL UNIQUE, collection_name text, status text NOT NULL, born_at timestamp);
             INSERT INTO old_registry (entity_code, collection_name, status, born_at)
             SELECT 'OLD-' || n, CASE WHEN n > 1 THEN 'orders' END, 'born', CASE n WHEN 2 THEN 'infinity' WHEN 3 THEN NULL ELSE localtimestamp END
               FROM generate_series(1, 5) AS n",
        )
        .await;
    let mut dba = estate.db.dba().await;
    birthgate::registry::adopt(&mut dba, "public.old_registry", None).await.unwrap();
    get(estate.address, "/")
        .await
        .has(&["in the last minute", "Births in each of the last 60 minutes: 3 in all"]);
    get(estate.address, "/registry").await.has(&["OLD-1", "OLD-5", "legacy", "unknown"]);
    get(estate.address, "/registry?collection=orders").await.has(&["OLD-5"]);
    get(estate.address, "/registry?code=OLD-2").await.has(&["OLD-2"]);
    get(estate.address, "/registry?code=OLD&match=begins").await.has(&["OLD-1", "OLD-5"]);
    get(estate.address, "/permits?code=OLD-1").await.has(&["No such permit"]);
}
