//! Open pages are told what is new, and none holds anything up.

use std::time::{Duration, Instant};

use crate::estate::Estate;
use crate::http::{Events, get};

/// Reads until an event has this.
async fn reads(events: &mut Events, part: &str) {
    for _ in 0..30 {
        if events.next().await.contains(part) {
            return;
        }
    }
    panic!("no event has {part:?}");
}

#[tokio::test]
async fn a_birth_reaches_an_open_page() {
    let estate = Estate::new().await;
    let mut events = Events::open(estate.address).await;
    reads(&mut events, "251 in all").await;
    estate.bear("C-1").await;
    reads(&mut events, "252 in all").await;
    // And so does what the daemon says.
    estate.live.send_modify(|live| live.sinks[0].problem = Some("nobody answers".to_owned()));
    reads(&mut events, "nobody answers").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_browser_holds_up_nobody_and_many_cost_one() {
    let estate = Estate::new().await;
    // These never read.
    let mut dead = Vec::new();
    for _ in 0..150 {
        dead.push(Events::open(estate.address).await);
    }
    let mut alive = Vec::new();
    for _ in 0..50 {
        alive.push(Events::open(estate.address).await);
    }
    for events in &mut alive {
        reads(events, "251 in all").await;
    }
    estate.bear("C-1").await;
    let began = Instant::now();
    for events in &mut alive {
        reads(events, "252 in all").await;
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    get(estate.address, "/registry").await.has(&["C-1"]);
    let transactions =
        "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
    let before: i64 = estate.db.value(transactions).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let after: i64 = estate.db.value(transactions).await;
    // A look is a dozen statements; 200 pages that looked by themselves would make thousands.
    assert!(after - before < 150, "{} transactions in 4 s", after - before);
    let sessions: i64 = estate
        .db
        .value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'birthgate page' AND datname = current_database()")
        .await;
    assert!(sessions <= 4, "{sessions} connections");
    drop((dead, alive));
}

/// The memory of this process, in KiB.
fn memory() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes 70 s"]
async fn with_200_pages_and_100_births_a_second_memory_stays_flat() {
    let estate = Estate::new().await;
    let mut pages = Vec::new();
    for number in 0..200 {
        let mut events = Events::open(estate.address).await;
        // Every fourth reads; the others are dead.
        pages.push(tokio::spawn(async move {
            let mut read = 0;
            loop {
                if number % 4 > 0 {
                    std::future::pending::<()>().await;
                }
                events.next().await;
                read += 1;
                if read == 55 {
                    return read;
                }
            }
        }));
    }
    let app = estate.db.connect("app").await;
    let began = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let mut settled = 0;
    for birth in 0..6_000 {
        ticks.tick().await;
        let sql = format!(
            "INSERT INTO thing (code) SELECT 'X-{birth}' FROM birthgate.permit_hold('thing', 'X-{birth}')"
        );
        app.batch_execute(&sql).await.unwrap();
        if birth == 2_000 {
            settled = memory();
        }
    }
    let (took, grown) = (began.elapsed(), memory() - settled);
    println!("6,000 births in {took:?}, memory {settled} KiB, then {grown} KiB more");
    assert!(grown < 8 * 1024, "{grown} KiB more");
    for (number, page) in pages.into_iter().enumerate() {
        match number % 4 {
            0 => assert_eq!(
                tokio::time::timeout(Duration::from_secs(30), page).await.unwrap().unwrap(),
                55
            ),
            _ => page.abort(),
        }
    }
}

#[tokio::test]
async fn the_page_says_that_the_database_is_away_and_comes_back_with_it() {
    let estate = Estate::new().await;
    get(estate.address, "/").await.has(&["rp_cleanup"]);
    let name: String = estate.db.value("SELECT current_database()::text").await;
    // From another database, since nobody may be connected to one that lets nobody in.
    let other = testkit::Db::empty().await;
    other.sql(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")).await;
    let answers = async |path, status| get(estate.address, path).await.status == status;
    // What was seen of it is shown for a moment longer.
    testkit::until("the database is away", async || answers("/", 503).await).await;
    for path in ["/", "/registry", "/permits", "/drift"] {
        let answer = get(estate.address, path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert!(
            answer.body.contains("The database cannot be asked now")
                && answer.body.contains("<nav")
        );
    }
    get(estate.address, "/evidence").await.has(&["orders-2026-01-31-r1"]);
    other.sql(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await;
    testkit::until("the database is back", async || answers("/", 200).await).await;
    get(estate.address, "/").await.has(&["rp_cleanup"]);
    get(estate.address, "/registry").await.has(&["A-99"]);
}
