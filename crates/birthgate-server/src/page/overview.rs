//! The overview: what may be done, what stands in the way, and how the births go. Its live part is rendered once for all.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use birthgate::block::{self, Dimension};
use birthgate::browse::{self, Rate, Stop};
use birthgate::drift::{self, Baseline};
use birthgate::{evidence_log, handoff, permit};
use maud::{Markup, html};

use super::failure::Failure;
use super::layout::Column::{Number, Text};
use super::layout::{self, Kind, Tab, ago, badge, count, time};
use super::{Here, Live, Page, View, pictures};

pub struct Overview {
    now: String,
    dimensions: Vec<Dimension>,
    stops: Vec<Stop>,
    baseline: Option<Baseline>,
    funnel: Result<Vec<(String, i64)>, Failure>,
    rate: Rate,
    /// Whether a person has approved, so that governance is more than captured; `None` where the evidence log cannot be read.
    governance: Option<bool>,
    /// The number of the evidence log's newest entry; `None` where it cannot be read.
    pub log: Option<i64>,
}

pub async fn view(State(page): Here) -> View {
    // Only what is live can fail here, and says so itself: the page that is open comes back with the database.
    let overview = look(&page).await;
    if let Err(failure) = &overview {
        return Err(failure.clone());
    }
    let body = html! {
        h1 { "Overview" }
        p.quiet id="stream" data-live="overview" role="status" { "As of when this page was loaded." }
        div id="overview" { (live(&overview, &page)) }
    };
    Ok(layout::page("Overview", Tab::Overview, body))
}

/// Looks, or answers what was seen a moment ago.
pub async fn look(page: &Page) -> Result<Arc<Overview>, Failure> {
    page.overview.get(find_out(page)).await
}

async fn find_out(page: &Page) -> Result<Arc<Overview>, Failure> {
    let client = page.pool.lend().await?;
    let overview = Overview {
        now: browse::now(&client).await?,
        dimensions: block::list(&client).await?,
        stops: browse::stops(&client).await?,
        baseline: drift::baseline(&client).await?,
        funnel: page.funnel.get(async { Ok(permit::funnel(&client).await?) }).await,
        rate: browse::births_by_minute(&client).await?,
        governance: handoff::activation(&client).await.ok().map(|said| said.active.is_some()),
        log: evidence_log::head(&client).await.ok().map(|head| head.number),
    };
    client.give_back();
    Ok(Arc::new(overview))
}

/// The part that is live. What may be done, and whether the gate holds, is read aloud when it changes; numbers are not.
pub fn live(overview: &Result<Arc<Overview>, Failure>, page: &Page) -> Markup {
    let daemon = page.live.borrow().clone();
    match overview {
        Ok(overview) => html! {
            (actions(overview))
            div.beside-each-other {
                (births(overview))
                (funnel(overview))
                (gate(overview))
            }
            (services(&daemon, overview))
            (dimensions(overview))
        },
        Err(failure) => html! {
            p.problem { "The database cannot be asked now: " (failure.said()) }
            (services_only(&daemon))
        },
    }
}

/// GO or NO-GO of every action that something can block.
fn actions(overview: &Overview) -> Markup {
    let mut actions: BTreeMap<&str, Vec<&Dimension>> = BTreeMap::new();
    for dimension in &overview.dimensions {
        for action in &dimension.blocks {
            actions.entry(action).or_default().push(dimension);
        }
    }
    html! {
        section aria-labelledby="actions" aria-live="polite" {
            h2 id="actions" { "Actions" }
            @for stop in &overview.stops {
                p.problem { "An owner has stopped the collection " strong { (stop.collection_name) } ": " (stop.reason) " (" (stop.stopped_by) ", " (ago(&stop.since, &overview.now)) ")" }
            }
            @if actions.is_empty() {
                p.quiet { "No dimension blocks any action yet: rows of " code { "birthgate.block_rule" } " say which does." }
            }
            ul.cards { @for (action, dimensions) in &actions {
                @let blocking: Vec<&&Dimension> = dimensions.iter().filter(|one| one.state != "within").collect();
                @let is_stopped = overview.stops.iter().any(|stop| action.strip_prefix("birth_admit:") == Some(&stop.collection_name));
                li.card {
                    h3 { (action) }
                    @if blocking.is_empty() && !is_stopped {
                        p { (badge(Kind::Good, "GO")) }
                        p.quiet { (dimensions.len()) " within their bounds" }
                    } @else {
                        p { (badge(Kind::Bad, "NO-GO")) }
                        @if is_stopped { p { "An owner has stopped it." } }
                        ul.plain { @for one in blocking { li {
                            strong { (one.name) } " " (value(one)) ", at most " (count(one.bound)) ": " (one.state)
                            @if let Some(at) = &one.observed_at { " (counted " (ago(at, &overview.now)) ")" }
                            @if let Some(problem) = &one.problem { " — " (problem) }
                        } } }
                    }
                }
            } }
        }
    }
}

fn value(dimension: &Dimension) -> String {
    dimension.value.map_or_else(|| "unknown".to_owned(), count)
}

fn dimensions(overview: &Overview) -> Markup {
    let rows = html! { @for one in &overview.dimensions { tr {
        th scope="row" { (one.name) span.quiet.block { (one.description) } }
        td.number { (value(one)) }
        td.number { (count(one.bound)) }
        td { @match one.state.as_str() {
            "within" => (badge(Kind::Good, "within")),
            "over" => (badge(Kind::Bad, "over")),
            other => (badge(Kind::Wary, other)),
        } }
        td { @match &one.observed_at { Some(at) => (ago(at, &overview.now)), None => "never" } }
        td { (one.blocks.join(", ")) }
    } } };
    let columns = [
        Text("Dimension"),
        Number("Value"),
        Number("At most"),
        Text("State"),
        Text("Counted"),
        Text("Blocks"),
    ];
    html! {
        section aria-labelledby="dimensions" {
            h2 id="dimensions" { "Dimensions" }
            (layout::table("BLOCK dimensions, as they were counted last", &columns, rows))
        }
    }
}

fn births(overview: &Overview) -> Markup {
    let rate = &overview.rate;
    let counted = |minute: usize| minute < rate.counted || rate.minutes[minute] > 0;
    let values: Vec<Option<i64>> = (0..rate.minutes.len())
        .rev()
        .map(|minute| counted(minute).then(|| rate.minutes[minute]))
        .collect();
    let (sum, most) = (rate.minutes.iter().sum(), rate.minutes.iter().copied().max().unwrap_or(0));
    let this = rate.minutes.first().copied().unwrap_or(0);
    let said = format!(
        "Births in each of the last 60 minutes: {} in all, at most {} in one, {} in this one",
        count(sum),
        count(most),
        count(this)
    );
    html! {
        section aria-labelledby="births" {
            h2 id="births" { "Births" }
            p.figure { strong { (count(this)) } " in the last minute" }
            (pictures::columns(&values, &said))
            p.axis aria-hidden="true" { span { "60 min ago" } span { "now" } }
            p.quiet {
                (count(sum)) " in "
                @if rate.counted < 60 { "the last " (rate.counted) " minutes: further back is not counted" }
                @else { "the last hour" }
                ", at most " (count(most)) " in a minute. " a href="/registry" { "Registry" }
            }
        }
    }
}

fn funnel(overview: &Overview) -> Markup {
    html! {
        section aria-labelledby="funnel" {
            h2 id="funnel" { "Permits" }
            @match &overview.funnel {
                Ok(states) => {
                    @let most = states.iter().map(|(_, permits)| *permits).max().unwrap_or(0);
                    table.funnel {
                        caption { "Permits in each of the seven states" }
                        thead.hidden { tr { th scope="col" { "State" } th scope="col" { "Picture" } th scope="col" { "Permits" } } }
                        tbody { @for (state, permits) in states { tr {
                            th scope="row" { a href=(format!("/permits?state={state}")) { (state) } }
                            td { (pictures::bar(class_of(state), 0.0, *permits as f64, most as f64)) }
                            td.number { (count(*permits)) }
                        } } }
                    }
                }
                Err(failure) => p.quiet { "They could not be counted: " (failure.said()) },
            }
        }
    }
}

fn class_of(state: &str) -> &'static str {
    match state {
        "FINALIZED" => "good",
        "FAILED" => "bad",
        "EXPIRED" | "CANCELLED" => "wary",
        _ => "value",
    }
}

fn gate(overview: &Overview) -> Markup {
    let observed = overview.dimensions.iter().find(|one| one.name == "gate_drift");
    html! {
        section aria-labelledby="gate" aria-live="polite" {
            h2 id="gate" { "Gate" }
            @match (&overview.baseline, observed) {
                (None, _) => {
                    p { (badge(Kind::Wary, "no baseline")) }
                    p.quiet { "Nothing says what the gate has to be like: " code { "birthgate drift baseline" } }
                }
                (Some(baseline), observed) => {
                    p { @match observed.map(|one| (one.state.as_str(), one.value)) {
                        Some(("within", _)) => (badge(Kind::Good, "as the baseline says")),
                        Some((_, Some(objects))) if objects > 0 => (badge(Kind::Bad, &format!("drift: {objects} differ"))),
                        Some((state, _)) => (badge(Kind::Wary, &format!("not known: {state}"))),
                        None => (badge(Kind::Wary, "not watched")),
                    } }
                    p.quiet {
                        "Last found to hold " (ago(&baseline.seen_at, &overview.now)) "; baseline of " (time(&baseline.taken_at)) ". "
                        a href="/drift" { "Drift" }
                    }
                }
            }
        }
    }
}

fn services(daemon: &Live, overview: &Overview) -> Markup {
    let ago = |last: &Option<String>| {
        last.as_ref().map_or_else(|| "not yet".to_owned(), |last| ago(last, &overview.now))
    };
    html! {
        section aria-labelledby="daemon" {
            h2 id="daemon" { "Daemon" }
            p { @if daemon.leads { (badge(Kind::Good, "leads")) } @else { (badge(Kind::Quiet, "stands by")) span.quiet { " another one leads, or none does" } } }
            @match overview.governance {
                Some(true) => p { (badge(Kind::Good, "governance is active")) },
                Some(false) => p { (badge(Kind::Quiet, "capture-only")) span.quiet { " no person has approved governance yet" } },
                None => p.quiet { "Whether governance is active is in the evidence log, which this role may not read." },
            }
            (sinks(daemon))
            @if !daemon.services.is_empty() {
                @let rows = html! { @for one in &daemon.services { tr {
                    th scope="row" { (one.name) }
                    td { (state(one.running, &one.problem)) }
                    td { (ago(&one.last)) }
                } } };
                (layout::table("Services", &[Text("Service"), Text("State"), Text("Last run")], rows))
            }
        }
    }
}

/// What is known of the daemon while the database is away.
fn services_only(daemon: &Live) -> Markup {
    html! {
        section aria-labelledby="daemon" {
            h2 id="daemon" { "Daemon" }
            (sinks(daemon))
        }
    }
}

fn state(running: bool, problem: &Option<String>) -> Markup {
    match (problem, running) {
        (Some(problem), _) => html! { (badge(Kind::Bad, "problem")) " " (problem) },
        (None, true) => badge(Kind::Good, "runs"),
        (None, false) => badge(Kind::Quiet, "waits"),
    }
}

fn sinks(daemon: &Live) -> Markup {
    let rows = html! { @for one in &daemon.sinks { tr {
        th scope="row" { (one.name) }
        td.number { (count(i64::try_from(one.delivered).unwrap_or(i64::MAX))) }
        td.number { @match one.behind {
            Some(behind) => (count(i64::try_from(behind).unwrap_or(i64::MAX))),
            None => "not known",
        } }
        td { @match &one.problem {
            Some(problem) => { (badge(Kind::Bad, "problem")) " " (problem) }
            None => (badge(Kind::Good, "takes all")),
        } }
    } } };
    html! {
        @if daemon.sinks.is_empty() { p.quiet { "No sink of the handoff is served by this daemon." } }
        @else { (layout::table("Handoff", &[Text("Sink"), Number("Delivered"), Number("Behind"), Text("State")], rows)) }
    }
}
