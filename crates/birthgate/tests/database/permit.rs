//! Permits: transitions, quotas, keys, holders, break-glass.

use birthgate::{Error, RefusalCode, collection, permit};
use testkit::{Db, refusal, sqlstate};

const STATES: [&str; 7] =
    ["REQUESTED", "RESERVED", "CONSUMED", "FINALIZED", "FAILED", "EXPIRED", "CANCELLED"];

fn request(code: &str) -> permit::Request {
    permit::Request {
        collection: "thing".to_owned(),
        entity_code: Some(code.to_owned()),
        from_entity_code: None,
        kind: "birth".to_owned(),
        idempotency_key: None,
        ttl_seconds: None,
        holder: None,
        break_glass: None,
    }
}

/// The columns that a state has, so that no CHECK hides what the guard does. A permit ends from where it is.
fn columns_of(state: &str) -> String {
    let consumed = matches!(state, "CONSUMED" | "FINALIZED");
    let ended = matches!(state, "FAILED" | "EXPIRED" | "CANCELLED");
    let set = |is: bool, value: &str| if is { value.to_owned() } else { "NULL".to_owned() };
    format!(
        "state = '{state}', reserved_at = {}, consumed_at = {c}, consumed_by = {}, consumed_xid = {}, \
         incarnation = {}, finalized_at = {}, ended_at = {}, ended_why = {}",
        if ended { "reserved_at".to_owned() } else { set(state != "REQUESTED", "now()") },
        set(consumed, "'app'"),
        set(consumed, "pg_current_xact_id()"),
        set(consumed, "1"),
        set(state == "FINALIZED", "now()"),
        set(ended, "now()"),
        set(ended, "'why'"),
        c = set(consumed, "now()"),
    )
}

#[tokio::test]
async fn only_the_legal_transitions_are_possible_for_the_owner_too() {
    let db = Db::governed("statement").await;
    let dba = db.dba().await;
    dba.batch_execute("SET ROLE birthgate_owner").await.unwrap();
    let legal = |from: &str, to: &str| match from {
        "REQUESTED" => matches!(to, "RESERVED" | "CANCELLED" | "EXPIRED" | "FAILED"),
        "RESERVED" => matches!(to, "CONSUMED" | "CANCELLED" | "EXPIRED" | "FAILED"),
        "CONSUMED" => to == "FINALIZED",
        _ => false,
    };
    for (number, from) in STATES.iter().enumerate() {
        for (other, to) in STATES.iter().enumerate() {
            let code = format!("T-{number}-{other}");
            dba.batch_execute(&format!(
                "ALTER TABLE birthgate.birth_admission_permit DISABLE TRIGGER permit_guard_update;
                 INSERT INTO birthgate.birth_admission_permit (kind, state, collection_name, entity_code, requester, holder, requested_at, expires_at)
                 VALUES ('birth', 'REQUESTED', 'thing', '{code}', 'app', 'app', now(), now() + interval '1 hour');
                 UPDATE birthgate.birth_admission_permit SET {} WHERE entity_code = '{code}';
                 ALTER TABLE birthgate.birth_admission_permit ENABLE ALWAYS TRIGGER permit_guard_update",
                columns_of(from)
            ))
            .await
            .unwrap();
            let outcome = dba
                .batch_execute(&format!(
                    "UPDATE birthgate.birth_admission_permit SET {} WHERE entity_code = '{code}'",
                    columns_of(to)
                ))
                .await;
            match outcome {
                Ok(()) => assert!(legal(from, to), "{from} to {to} was possible"),
                Err(error) => {
                    assert!(!legal(from, to), "{from} to {to}: {error:?}");
                    assert_eq!(sqlstate(&error), "PB011", "{from} to {to}");
                }
            }
        }
    }
    let born_finalized = dba
        .batch_execute(
            "INSERT INTO birthgate.birth_admission_permit (kind, state, collection_name, entity_code, requester, holder, requested_at, expires_at, reserved_at)
             VALUES ('birth', 'RESERVED', 'thing', 'T', 'app', 'app', now(), now() + interval '1 hour', now())",
        )
        .await;
    assert_eq!(sqlstate(&born_finalized.unwrap_err()), "PB011");
}

#[tokio::test]
async fn every_state_is_seen_by_an_independent_trigger() {
    let db = Db::governed("statement").await;
    db.sql(
        "CREATE TABLE seen (n bigint GENERATED ALWAYS AS IDENTITY, code text, state text);
         GRANT ALL ON seen TO PUBLIC;
         CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen (code, state) VALUES (NEW.entity_code, NEW.state); RETURN NULL; END $$;
         CREATE TRIGGER see AFTER INSERT OR UPDATE ON birthgate.birth_admission_permit FOR EACH ROW EXECUTE FUNCTION see();
         ALTER TABLE birthgate.birth_admission_permit ENABLE ALWAYS TRIGGER see",
    )
    .await;
    let app = db.connect("app").await;
    app.batch_execute(
        "INSERT INTO thing (code) SELECT 'A-1' FROM birthgate.permit_hold('thing', 'A-1')",
    )
    .await
    .unwrap();
    app.batch_execute(
        "BEGIN;
         SELECT birthgate.permit_reserve_many(birthgate.permit_request_many('thing', ARRAY(SELECT 'B-' || g FROM generate_series(1, 500) g)));
         INSERT INTO thing (code) SELECT 'B-' || g FROM generate_series(1, 500) g;
         COMMIT",
    )
    .await
    .unwrap();
    let ways: Vec<String> = db
        .value("SELECT array_agg(DISTINCT way) FROM (SELECT string_agg(state, ' ' ORDER BY n) AS way FROM seen GROUP BY code) AS w")
        .await;
    assert_eq!(ways, ["REQUESTED RESERVED CONSUMED FINALIZED"]);
    let codes: i64 = db.value("SELECT count(DISTINCT code) FROM seen").await;
    assert_eq!(codes, 501);
}

#[tokio::test]
async fn a_key_answers_its_permit_and_no_other_request() {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    let keyed = |code: &str| permit::Request { idempotency_key: Some("k".into()), ..request(code) };
    let id = permit::request(&app, &keyed("A-1")).await.unwrap();
    assert_eq!(permit::request(&app, &keyed("A-1")).await.unwrap(), id);
    assert_eq!(refusal(permit::request(&app, &keyed("A-2")).await), RefusalCode::KeyReused);
    assert_eq!(refusal(permit::request(&app, &request("A-1")).await), RefusalCode::PermitActive);
    // Another login's keys are another's.
    collection::grant(&db.dba().await, "thing", "other_app", None).await.unwrap();
    let other = db.connect("other_app").await;
    permit::request(&other, &keyed("A-2")).await.unwrap();
}

#[tokio::test]
async fn a_quota_holds_for_two_at_once() {
    let db = Db::governed("statement").await;
    collection::grant(&db.dba().await, "thing", "app", Some(2)).await.unwrap();
    let app = db.connect("app").await;
    permit::request(&app, &request("A-1")).await.unwrap();
    // Eight at once for the last place.
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let client = db.connect("app").await;
        tasks
            .spawn(async move { permit::request(&client, &request(&format!("B-{number}"))).await });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for outcome in outcomes.into_iter().filter(Result::is_err) {
        assert_eq!(refusal(outcome), RefusalCode::QuotaReached);
    }
}

#[tokio::test]
async fn what_is_revoked_is_cancelled_unless_it_is_being_spent() {
    let db = Db::governed("statement").await;
    let root = db.dba().await;
    collection::grant(&root, "thing", "other_app", None).await.unwrap();
    let (app, other) = (db.connect("app").await, db.connect("other_app").await);
    permit::request(&app, &request("REQUESTED")).await.unwrap();
    for (client, code) in [(&app, "RESERVED"), (&app, "SPENT"), (&other, "ANOTHER")] {
        let id = permit::request(client, &request(code)).await.unwrap();
        permit::reserve(client, id).await.unwrap();
    }
    app.batch_execute("BEGIN; INSERT INTO thing (code) VALUES ('SPENT')").await.unwrap();
    assert_eq!(collection::revoke(&root, "thing", "app").await.unwrap(), 2);
    app.batch_execute("COMMIT").await.unwrap();
    let states = "SELECT string_agg(entity_code || ' ' || state, ', ' ORDER BY id) FROM birthgate.birth_admission_permit";
    assert_eq!(
        db.value::<String>(states).await,
        "REQUESTED CANCELLED, RESERVED CANCELLED, SPENT FINALIZED, ANOTHER RESERVED"
    );
    assert_eq!(refusal(permit::request(&app, &request("AGAIN")).await), RefusalCode::NotGranted);
    assert_eq!(refusal(collection::revoke(&root, "thing", "app").await), RefusalCode::NotGranted);
    other.batch_execute("INSERT INTO thing (code) VALUES ('ANOTHER')").await.unwrap();
}

#[tokio::test]
async fn without_a_grant_or_a_gate_there_is_no_permit() {
    let db = Db::governed("statement").await;
    db.sql("GRANT birthgate_admitter TO other_app").await;
    let other = db.connect("other_app").await;
    assert_eq!(refusal(permit::request(&other, &request("A-1")).await), RefusalCode::NotGranted);
    let app = db.connect("app").await;
    let unknown = permit::Request { collection: "nothing".into(), ..request("A-1") };
    assert_eq!(refusal(permit::request(&app, &unknown).await), RefusalCode::NotGoverned);
}

#[tokio::test]
async fn an_overdue_permit_is_expired_and_replaced() {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    let short = permit::Request { ttl_seconds: Some(1.05), ..request("A-1") };
    let id = permit::request(&app, &short).await.unwrap();
    permit::reserve(&app, id).await.unwrap();
    db.sql(
        "DO $$ BEGIN WHILE (SELECT expires_at > clock_timestamp() FROM birthgate.birth_admission_permit) LOOP PERFORM pg_sleep(0.02); END LOOP; END $$",
    )
    .await;
    let late = app.batch_execute("INSERT INTO thing (code) VALUES ('A-1')").await.unwrap_err();
    assert_eq!(sqlstate(&late), "PB002");
    permit::request(&app, &request("A-1")).await.unwrap();
    let states: Vec<String> =
        db.value("SELECT array_agg(state ORDER BY id) FROM birthgate.birth_admission_permit").await;
    assert_eq!(states, ["EXPIRED", "REQUESTED"]);
}

#[tokio::test]
async fn a_permit_is_ended_by_its_own_people_only() {
    let db = Db::governed("statement").await;
    collection::grant(&db.dba().await, "thing", "other_app", None).await.unwrap();
    let app = db.connect("app").await;
    let other = db.connect("other_app").await;
    let id = permit::request(&app, &request("A-1")).await.unwrap();
    assert_eq!(refusal(permit::cancel(&other, id, None).await), RefusalCode::PermitOfAnother);
    assert_eq!(refusal(permit::reserve(&other, id).await), RefusalCode::PermitOfAnother);
    permit::cancel(&app, id, None).await.unwrap();
    permit::cancel(&app, id, None).await.unwrap();
    assert_eq!(refusal(permit::reserve(&app, id).await), RefusalCode::IllegalTransition);
    assert_eq!(refusal(permit::cancel(&app, 999, None).await), RefusalCode::NoSuchPermit);

    // A permit for another role is spent by that role.
    let for_other = permit::Request { holder: Some("other_app".into()), ..request("A-2") };
    let id = permit::request(&app, &for_other).await.unwrap();
    permit::reserve(&app, id).await.unwrap();
    let mine = app.batch_execute("INSERT INTO thing (code) VALUES ('A-2')").await.unwrap_err();
    assert_eq!(sqlstate(&mine), "PB003");
    other.batch_execute("INSERT INTO thing (code) VALUES ('A-2')").await.unwrap();
}

#[tokio::test]
async fn breaking_the_glass_takes_a_role_a_reason_and_is_short() {
    let db = Db::governed("statement").await;
    let app = db.connect("app").await;
    let broken = |reason: &str, ttl| permit::Request {
        break_glass: Some(reason.to_owned()),
        ttl_seconds: ttl,
        ..request("A-1")
    };
    let reason = "the registry is on fire";
    assert_eq!(
        refusal(permit::request(&app, &broken(reason, None)).await),
        RefusalCode::NotGranted
    );
    db.sql("GRANT birthgate_breakglass TO app").await;
    let short = permit::request(&app, &broken("short", None)).await;
    assert_eq!(refusal(short), RefusalCode::BadArgument);
    let long = permit::request(&app, &broken(reason, Some(3600.0))).await;
    assert_eq!(refusal(long), RefusalCode::BadArgument);

    // It skips the dimensions, not an owner's stop.
    db.sql(
        "SELECT birthgate.block_dimension_put('fire', 'fires', 'SELECT 1::bigint', 0, '1 hour', '{birth_admit:thing}')",
    )
    .await;
    let id = permit::request(&app, &request("B-1")).await.unwrap();
    assert_eq!(refusal(permit::reserve(&app, id).await), RefusalCode::Blocked);
    let id = permit::request(&app, &broken(reason, None)).await.unwrap();
    permit::reserve(&app, id).await.unwrap();
    permit::cancel(&app, id, None).await.unwrap();
    db.sql("SET ROLE birthgate_owner; INSERT INTO birthgate.stop VALUES ('thing', 'audit until tomorrow')").await;
    let id = permit::request(&app, &broken(reason, None)).await.unwrap();
    assert_eq!(refusal(permit::reserve(&app, id).await), RefusalCode::Blocked);
}

#[tokio::test]
async fn two_users_of_one_permit() {
    let db = Db::governed("statement").await;
    for (isolation, loser) in [("READ COMMITTED", "PB001"), ("REPEATABLE READ", "40001")] {
        let code = format!("T-{loser}");
        let (first, second) = (db.connect("app").await, db.connect("app").await);
        first
            .batch_execute(&format!("SELECT birthgate.permit_hold('thing', '{code}')"))
            .await
            .unwrap();
        db.sql("ALTER TABLE thing DROP CONSTRAINT IF EXISTS thing_code_key").await;
        for client in [&first, &second] {
            client
                .batch_execute(&format!("BEGIN ISOLATION LEVEL {isolation}; SELECT 1 FROM thing"))
                .await
                .unwrap();
        }
        let insert = format!("INSERT INTO thing (code) VALUES ('{code}')");
        first.batch_execute(&insert).await.unwrap();
        let waiting = tokio::spawn(async move { second.batch_execute(&insert).await });
        db.sql(
            "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT granted AND datname = current_database()) LOOP PERFORM pg_stat_clear_snapshot(); PERFORM pg_sleep(0.01); END LOOP; END $$",
        )
        .await;
        first.batch_execute("COMMIT").await.unwrap();
        let error = waiting.await.unwrap().unwrap_err();
        assert_eq!(sqlstate(&error), loser, "{isolation}");
    }
}

#[tokio::test]
async fn fifty_clients_want_one_entity() {
    let db = Db::governed("statement").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let client = db.connect("app").await;
        tasks.spawn(async move {
            client
                .batch_execute("INSERT INTO thing (code) SELECT 'A-1' FROM birthgate.permit_hold('thing', 'A-1')")
                .await
                .map_err(|source| Error::database("admitting", source))
        });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for error in outcomes.into_iter().filter_map(Result::err) {
        // Whoever looked just before the first one committed meets the table's own key.
        let is_own_key =
            matches!(&error, Error::Database { source, .. } if sqlstate(source) == "23505");
        let code = error.refusal();
        let is_refused = matches!(code, Some(RefusalCode::PermitActive | RefusalCode::AlreadyBorn));
        assert!(is_refused || is_own_key, "{error}");
    }
    let births: i64 = db.value("SELECT count(*) FROM birthgate.birth_registry").await;
    assert_eq!(births, 1);
}
