//! What Prometheus is told.

use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use birthgate::exposition::{Exposition, labels};
use birthgate::{Database, Result, block, drift, handoff, permit};
use tokio::sync::Mutex;

use super::{ServiceStatus, State};

/// For how long what the database said is told again: scraping more often asks it no more often.
const FRESH: Duration = Duration::from_secs(5);
/// How long the database may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// What the database said last, and when.
pub(super) type Scraped = Mutex<Option<(Instant, String)>>;

/// Everything there is to tell.
pub(super) async fn text(state: &State, scraped: &Scraped) -> String {
    let mut metrics = Exposition::default();
    let leads = f64::from(u8::from(state.standing.borrow().leads));
    metrics.one("leads", "gauge", "Whether this process leads.", leads);
    services(state, &mut metrics);
    let watched = state.handoff.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(watched) = watched {
        handoff::metrics(
            &watched.view.borrow(),
            &watched.governance.borrow(),
            &watched.sinks,
            &mut metrics,
        );
    }
    metrics.text() + &database(state, scraped).await
}

fn services(state: &State, metrics: &mut Exposition) {
    let all: Vec<ServiceStatus> = state.services();
    let mut add = |name, kind, help, value: &dyn Fn(&ServiceStatus) -> f64| {
        let of = |one: &ServiceStatus| labels([("service", Some(&one.name.to_string()))]);
        let samples: Vec<_> = all.iter().map(|one| (of(one), value(one))).collect();
        metrics.add(name, kind, help, &samples);
    };
    let counter = "counter";
    add("service_runs_total", counter, "Runs that ended.", &|one| one.runs as f64);
    add("service_failures_total", counter, "Runs that failed.", &|one| one.failures as f64);
    add("service_running", "gauge", "Whether it is at it.", &|one| {
        f64::from(u8::from(one.running))
    });
    add("service_duration_seconds", "gauge", "How long the last run took.", &|one| one.seconds);
    let help = "When the last run that went well ended.";
    add("service_success_timestamp_seconds", "gauge", help, &|one| {
        one.succeeded.map_or(0.0, seconds)
    });
}

fn seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// What the database says; asked by one scrape at a time.
async fn database(state: &State, scraped: &Scraped) -> String {
    let mut scraped = scraped.lock().await;
    if let Some((at, text)) = &*scraped
        && at.elapsed() < FRESH
    {
        return text.clone();
    }
    let mut metrics = Exposition::default();
    let asked = tokio::time::timeout(ANSWER, ask(&state.database, &mut metrics)).await;
    let is_up = matches!(asked, Ok(Ok(())));
    let help = "Whether the database answered.";
    metrics.one("database_up", "gauge", help, f64::from(u8::from(is_up)));
    scraped.insert((Instant::now(), metrics.text())).1.clone()
}

async fn ask(database: &Database, metrics: &mut Exposition) -> Result<()> {
    let client = database.connect_in_background(super::NAME, ANSWER).await?;
    let funnel = permit::funnel(&client).await?;
    let permits: Vec<_> = funnel
        .iter()
        .map(|(state, count)| (labels([("state", Some(state))]), *count as f64))
        .collect();
    let dimensions = block::list(&client).await?;
    let value = |one: &block::Dimension| one.value.map(|value| value as f64);
    let of = |one: &block::Dimension| labels([("dimension", Some(&one.name))]);
    let values: Vec<_> = dimensions.iter().filter_map(|one| Some((of(one), value(one)?))).collect();
    let within: Vec<_> = dimensions
        .iter()
        .map(|one| (of(one), f64::from(u8::from(one.state == "within"))))
        .collect();
    let baseline = drift::baseline(&client).await?;
    metrics.add("permits", "gauge", "Permits by state, without the archive.", &permits);
    metrics.add("dimension", "gauge", "What was counted last.", &values);
    let help = "Whether it is known, fresh and within its bound.";
    metrics.add("dimension_within", "gauge", help, &within);
    let has_baseline = f64::from(u8::from(baseline.is_some()));
    metrics.one("drift_baseline", "gauge", "Whether the gate has a baseline.", has_baseline);
    Ok(())
}
