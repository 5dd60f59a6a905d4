//! Drift: the baseline, what was observed last, and what differs now, which is found out for all readers at once.

use std::sync::Arc;

use axum::extract::State;
use birthgate::block;
use birthgate::browse;
use birthgate::drift::{self, Drift, Explained};
use maud::html;

use super::failure::Failure;
use super::layout::{self, Kind, Tab, ago, badge, time};
use super::{Here, Page, View};

/// What was found when the gate was compared.
pub struct Looked {
    at: String,
    drift: Drift,
    /// `None` where this role may not read what it takes.
    explained: Option<Explained>,
}

async fn look(page: &Page) -> Result<Arc<Looked>, Failure> {
    let client = page.pool.lend().await?;
    let at = browse::now(&client).await?;
    let drift = drift::look(&client).await?;
    let differs = !drift.differences.is_empty();
    let explained = if differs { drift::explain(&client, &drift).await.ok() } else { None };
    client.give_back();
    Ok(Arc::new(Looked { at, drift, explained }))
}

pub async fn view(State(page): Here) -> View {
    let client = page.pool.lend().await?;
    let now = browse::now(&client).await?;
    let baseline = drift::baseline(&client).await?;
    let observed = block::list(&client).await?.into_iter().find(|one| one.name == "gate_drift");
    client.give_back();
    let Some(baseline) = baseline else {
        let body = html! {
            h1 { "Drift" }
            p { (badge(Kind::Wary, "no baseline")) }
            p { "Nothing says yet what the gate has to be like. Take it as it is now: " code { "birthgate drift baseline" } }
        };
        return Ok(layout::page("Drift", Tab::Drift, body));
    };
    let looked = page.drift.get(look(&page)).await;
    let body = html! {
        h1 { "Drift" }
        h2 { "Baseline" }
        dl.facts {
            dt { "Taken" } dd { (time(&baseline.taken_at)) " by " (baseline.taken_by) }
            dt { "Last found to hold" } dd { (time(&baseline.seen_at)) " (" (ago(&baseline.seen_at, &now)) ")" }
            dt { "PostgreSQL" } dd { (baseline.major) }
            dt { "Root" } dd { code.hash { (baseline.root) } }
        }
        h2 { "Observed last" }
        @match &observed {
            Some(one) => p {
                @match (one.state.as_str(), one.value) {
                    ("within", _) => (badge(Kind::Good, "the gate holds")),
                    (_, Some(objects)) if objects > 0 => (badge(Kind::Bad, &format!("{objects} differ"))),
                    (state, _) => (badge(Kind::Wary, state)),
                }
                @if let Some(at) = &one.observed_at { " " (time(at)) " (" (ago(at, &now)) ")" }
                @if let Some(problem) = &one.problem { " " (problem) }
                @if !one.blocks.is_empty() { " Blocks: " (one.blocks.join(", ")) "." }
            },
            None => p { "The dimension gate_drift is gone: " code { "birthgate drift baseline" } " makes it." },
        }
        h2 { "Now" }
        @match &looked {
            Ok(looked) => (now_of(looked)),
            Err(failure) => {
                p.problem { "It could not be compared: " (failure.said()) }
                p { "As the monitor: " code { "birthgate drift check" } }
            }
        }
    };
    Ok(layout::page("Drift", Tab::Drift, body))
}

fn now_of(looked: &Looked) -> maud::Markup {
    let drift = &looked.drift;
    html! {
        p.quiet { "Compared " (time(&looked.at)) "." }
        @if drift.differences.is_empty() && drift.circumstances.is_empty() {
            p { (badge(Kind::Good, "every object is as the baseline says")) }
        } @else {
            @if drift.objects() > 0 { p { (badge(Kind::Bad, &format!("{} objects differ", drift.objects()))) } }
            @else { p { (badge(Kind::Bad, "it is not what the baseline was taken of")) } }
            @for one in &drift.circumstances { p.problem { (one) } }
        }
        @match &looked.explained {
            Some(said) => {
                p { "It changed after " (time(&said.after)) ". Who could have: " (said.who_could.join(", ")) "." }
                ul.cards.long { @for one in &said.findings { li.card {
                    h3 { (one.object) }
                    ul.plain { @for what in &one.what { li { (what) } } }
                    dl.facts {
                        dt { "Probably" } dd { (one.cause) }
                        @if !one.seen.is_empty() { dt { "Recorded" } dd { ul.plain { @for seen in &one.seen { li { (seen) } } } } }
                        dt { "What brings it back" } dd { code { (one.restore) } }
                    }
                } } }
                @if let Some(unseen) = &said.unseen { p.quiet { "Where nothing is recorded: " (unseen) "." } }
            }
            None if !drift.differences.is_empty() => {
                ul { @for one in &drift.differences { li { (one.to_string()) } } }
                p { "What probably did it, and what brings it back: " code { "birthgate drift explain" } }
            }
            None => {}
        }
    }
}
