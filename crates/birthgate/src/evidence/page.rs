//! The page that stands alone: what would happen to the database, with a picture of the time line.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Sources;
use super::checkpoint::{Checkpoint, door, place, told};
use super::documents::{sessions, waited, waits};
use crate::rehearsal::{StepReport, Where};

const STYLE: &str = include_str!("page.css");
/// The picture's measures, in its own units.
const WIDTH: f64 = 1000.0;
const ROW: f64 = 30.0;
const NAMES: f64 = 250.0;
/// What the last bar leaves to its text.
const RIGHT: f64 = 230.0;

/// The page, as one document without anything from elsewhere.
pub(super) fn page(sources: Sources<'_>, checkpoint: &Checkpoint) -> String {
    let said = sources.rehearsal;
    let word = checkpoint.final_status.as_str();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (word) " · " (checkpoint.r#macro) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.verdict.(word.to_lowercase()) { (word) }
                    h1 { (checkpoint.r#macro) }
                    p.quiet { (checkpoint.date) " · revision " (checkpoint.revision) " · " (checkpoint.execution_mode) }
                }
                section {
                    h2 { "What this says" }
                    p {
                        "A change of " (said.steps.len()) " steps was run and undone. "
                        @match word {
                            "PASS" => "Every step, and every undo that there is, was seen to do what it should.",
                            "FAIL" => "Something of it does not hold.",
                            _ => "Not everything could be seen.",
                        }
                    }
                    p { strong { "Changed in the live database: " } (checkpoint.live_mutation) }
                    p { strong { "To do: " } (checkpoint.recommendation) }
                    @if !said.reasons.is_empty() {
                        ul { @for reason in &said.reasons { li { (told(reason)) } } }
                    }
                }
                section {
                    h2 { "What would happen, step by step" }
                    (picture(&said.steps))
                    p.quiet {
                        span.key.live { } " in the live database, rolled back "
                        span.key.clone { } " there, on exact clones "
                        span.key.sandbox { } " in a sandbox "
                        span.key.hurts { } " others would wait"
                    }
                    p {
                        @if said.blocked.is_empty() { "Nobody waited for this rehearsal." }
                        @else { (sessions(said.blocked.len())) " waited for this rehearsal, at most " (format!("{:.0}", said.blocked_ms)) " ms." }
                    }
                }
                section {
                    h2 { "The steps" }
                    div.wide { table {
                        thead { tr { th { "step" } th { "seen" } th { "ms" } th { "rows" } th { "who would wait" } th { "who waited" } th { "way back" } } }
                        tbody { @for step in &said.steps { tr {
                            td { code { (step.id) } } td { (place(step)) } td.number { (format!("{:.1}", step.duration_ms)) }
                            td.number { (step.rows) } td { (waits(step)) } td { (waited(step)) } td { (door(step)) }
                        } } }
                    } }
                }
                section {
                    h2 { "Decisions" }
                    @for one in &checkpoint.decisions {
                        h3 { (one.about) ": " (one.decision) }
                        ul { @for why in &one.reasons { li { (why) } } }
                    }
                }
                section {
                    h2 { "Proof that nothing was changed" }
                    p { "Fingerprint of the whole database: " code { (checkpoint.proof.entry) } " before, " code { (checkpoint.proof.exit) } " after." }
                    @if !checkpoint.proof.watch.is_empty() {
                        div.wide { table {
                            thead { tr { th { "watched" } th { "before" } th { "inside the sandbox" } th { "after" } } }
                            tbody { @for row in &checkpoint.proof.watch { tr { @for value in row { td { (value) } } } } }
                        } }
                    }
                }
                section {
                    h2 { "What blocks it" }
                    ul { @for one in &checkpoint.blockers { li { (one) } } }
                }
                footer.quiet { "Packet " code { (checkpoint.packet_digest) } " · evidence " code { (checkpoint.id) } }
            }
        }
    }
    .into_string()
}

/// The time line: each step as a bar after the one before it, by the root of its time, so that short ones are
/// seen beside long ones.
fn picture(steps: &[StepReport]) -> Markup {
    let width = |step: &StepReport| step.duration_ms.max(0.1).sqrt();
    let total: f64 = steps.iter().map(width).sum::<f64>().max(1.0);
    let scale = (WIDTH - NAMES - RIGHT) / total;
    let height = ROW * steps.len() as f64 + 10.0;
    let mut at = NAMES;
    let rows = steps.iter().enumerate().map(|(row, step)| {
        let (x, y, wide) = (at, row as f64 * ROW + 8.0, (width(step) * scale).max(3.0));
        at += width(step) * scale;
        let class = match step.seen {
            Where::Live => "live",
            Where::Clone => "clone",
            Where::Sandbox => "sandbox",
            Where::Nowhere => "nowhere",
        };
        let mut locks: Vec<&str> = step
            .locks
            .iter()
            .filter(|lock| lock.hurts() && !lock.is_index())
            .map(|lock| lock.mode.as_str())
            .collect();
        // The strongest sorts first; the table below has them all.
        locks.sort_unstable();
        locks.truncate(1);
        html! {
            @if row % 2 == 1 { rect.band x="0" y=(format!("{:.1}", y - 4.0)) width=(WIDTH) height=(ROW) {} }
            text.name x="4" y=(format!("{:.1}", y + 15.0)) { (shorten(&step.id, 32)) }
            rect.(class).hurts[!locks.is_empty()] x=(format!("{x:.1}")) y=(format!("{:.1}", y + 2.0)) width=(format!("{wide:.1}")) height=(ROW - 12.0) rx="2" {
                title { (step.id) ": " (place(step)) }
            }
            text.lock x=(format!("{:.1}", x + wide + 5.0)) y=(format!("{:.1}", y + 15.0)) {
                (format!("{:.1} ms", step.duration_ms)) @if !locks.is_empty() { " · " (locks.join(", ")) }
            }
        }
    });
    let rows: Vec<Markup> = rows.collect();
    html! {
        div.wide {
            svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label="The steps one after the other, where each was seen and how long it took" {
                @for row in &rows { (row) }
            }
        }
    }
}

fn shorten(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => format!("{}…", text.chars().take(most - 1).collect::<String>()),
        false => text.to_owned(),
    }
}
