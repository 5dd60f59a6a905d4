//! Packets: what was rehearsed, who has approved it, and how far its apply has come.

use axum::extract::{Path, State};
use birthgate::apply::journal::{self, Run};
use birthgate::evidence::{StepSeen, Steps};
use birthgate::evidence_log::{self, Entry};
use birthgate::rehearsal::{Blocked, Door, Where};
use maud::{Markup, html};

use super::evidence::{self, verdict};
use super::failure::Failure;
use super::layout::Column::{Number, Text};
use super::layout::{self, Kind, Tab, badge, time};
use super::{Here, Page, View, approvals, pictures};
use crate::evidence::Revision;

/// The evidence log; why it cannot be read, where it cannot.
async fn log(page: &Page) -> Result<Vec<Entry>, Failure> {
    let client = page.pool.lend().await?;
    let entries = evidence_log::entries(&client, 0, None).await?;
    client.give_back();
    Ok(entries)
}

pub async fn list(State(page): Here) -> View {
    let all = crate::evidence::all(page.evidence.clone()).await?;
    let log = log(&page).await;
    let runs = log.as_ref().map(|log| journal::runs(log)).unwrap_or_default();
    let rehearsed = html! { @for one in all.iter().rev() { tr {
        th scope="row" { a href=(format!("/packets/{}", one.id)) { (one.id) } }
        td { (verdict(&one.status)) }
        td.number { (one.revision) }
        td { (time(&one.date)) }
        td { @match runs.iter().rev().find(|run| run.rehearsal == one.hash) {
            Some(run) => (state_of(run)),
            None => span.quiet { "not begun" },
        } }
    } } };
    let applied = html! { @for run in runs.iter().rev() { tr {
        th.number scope="row" { (run.number) }
        td { (run.packet) }
        td { (state_of(run)) @if let Some(why) = &run.why { span.quiet.block { (why) } } }
        td.number { (run.done.len()) }
        td { @match (&run.open, &run.next) {
            (Some(open), _) => { code { (open.step) } " since " (time(&open.since)) }
            (None, Some(next)) => code { (next) },
            (None, None) => "",
        } }
        td { (time(&run.began)) " by " (run.login) }
    } } };
    let columns =
        [Text("Rehearsal"), Text("Verdict"), Number("Revision"), Text("Date (UTC)"), Text("Apply")];
    let body = html! {
        h1 { "Packets" }
        div data-live="log" id="packets" {
            @if all.is_empty() { p { "Nothing was rehearsed with evidence yet: " code { "birthgate rehearse PACKET --rows all --evidence" } } }
            @else { (layout::table("Rehearsals, the newest first", &columns, rehearsed)) }
            @match &log {
                Err(failure) => p.problem { "The evidence log cannot be read: " (failure.said()) },
                Ok(_) if runs.is_empty() => p.quiet { "Nothing was applied here yet." },
                Ok(_) => (layout::table("Applies, the newest first", &[Number("Entry"), Text("Packet"), Text("State"), Number("Steps done"), Text("Next"), Text("Began (UTC)")], applied)),
            }
        }
    };
    Ok(layout::page("Packets", Tab::Packets, body))
}

fn state_of(run: &Run) -> Markup {
    match run.ended.as_deref() {
        Some(ended @ ("done" | "undone")) => badge(Kind::Good, ended),
        Some(ended @ "failed") => badge(Kind::Bad, ended),
        Some(ended) => badge(Kind::Wary, ended),
        // The journal alone cannot tell an apply that goes on from one that was broken off.
        None => badge(Kind::Quiet, "going on, or broken off"),
    }
}

pub async fn one(State(page): Here, Path(id): Path<String>) -> View {
    let revision = evidence::revision(&page, id).await?;
    let log = log(&page).await;
    let judged = approvals::judge(&page, &revision, log.as_deref().unwrap_or_default()).await;
    let said = &revision.checkpoint;
    let id = &revision.evidence.id;
    let steps = revision.steps.as_ref();
    let body = html! {
        h1 { (said.r#macro) }
        p { (verdict(&said.final_status)) " revision " (said.revision) ", rehearsed " (time(&said.date)) ". "
            a href=(format!("/evidence/{id}")) { "Its evidence" } }
        (evidence::flaws(&revision.flaws))
        dl.facts {
            dt { "Changed in the live database" } dd { (said.live_mutation) }
            dt { "Recommendation" } dd { (said.recommendation) }
            @if !said.reasons.is_empty() { dt { "Reasons" } dd { ul.plain { @for why in &said.reasons { li { (why) } } } } }
            dt { "What blocks it" } dd { ul.plain { @for one in &said.blockers { li { (one) } } } }
            dt { "Digest of the packet" } dd { code.hash { (said.packet_digest) } }
            @if let Some(next) = &said.next { dt { "Next macro" } dd { (next) } }
        }
        div data-live="log" id="apply" {
            h2 { "Approvals" }
            @match &log {
                Ok(log) => { (approvals::list(&revision, log, &judged)) (apply(&revision, log)) }
                Err(failure) => p.problem { "The evidence log cannot be read: " (failure.said()) },
            }
        }
        h2 { "Steps" }
        @match steps {
            Some(steps) => (time_line(steps)),
            None => {
                p.quiet { "Locks, and who waited, were not recorded by the version of Birthgate that wrote this evidence. What it says of each step:" }
                ul { @for line in &said.steps { li { (line) } } }
            }
        }
        h2 { "To approve it" }
        (signing(&revision))
    };
    Ok(layout::page(&said.r#macro, Tab::Packets, body))
}

/// What a step's bar is.
fn class(step: &StepSeen) -> &'static str {
    match step.seen {
        Where::Live => "live",
        Where::Clone => "clone",
        Where::Sandbox => "sandbox",
        Where::Nowhere => "unknown",
    }
}

/// What its bar is as long as: the root of its time, so that short ones are seen beside long ones.
fn length(step: &StepSeen) -> f64 {
    step.duration_ms.max(0.1).sqrt()
}

fn time_line(seen: &Steps) -> Markup {
    let steps = &seen.steps;
    let whole: f64 = steps.iter().map(length).sum();
    let mut before = 0.0;
    let mut bars = Vec::new();
    for step in steps {
        bars.push(pictures::bar(class(step), before, length(step), whole));
        before += length(step);
    }
    let rows = html! { @for (step, bar) in steps.iter().zip(&bars) { tr {
        th scope="row" { code { (step.id) } @if let Some(why) = &step.stops { span.block { (badge(Kind::Wary, "STOP before it")) } span.quiet.block { (why) } } }
        td.picture { (bar) }
        td.number { @match step.seen { Where::Nowhere => "not seen", _ => (format!("{:.1}", step.duration_ms)) } }
        td { @if step.locks.is_empty() { span.quiet { "none" } } @else {
            ul.plain { @for held in &step.locks { li { (held.object) ": " span.lock { (held.mode) } } } }
        } }
        td { @match step.blocked.as_deref() {
            None => span.quiet { "not run where anybody waits" },
            Some([]) => span.quiet { "nobody was seen to" },
            Some(blocked) => (waited(blocked)),
        } }
        td { @match &step.door {
            Door::TwoWay => (badge(Kind::Good, "two-way")),
            Door::ShutBy { step } => (badge(Kind::Wary, &format!("shut for good by {step}"))),
            Door::OneWay => (badge(Kind::Wary, "one-way")),
            Door::Unknown => (badge(Kind::Quiet, "not tried")),
        } }
        td { @match step.seen {
            Where::Live => "in the live database",
            Where::Clone => "in the live database, on clones",
            Where::Sandbox => "in the sandbox",
            Where::Nowhere => "not seen",
        } span.quiet.block { (step.why) } }
    } } };
    let columns = [
        Text("Step"),
        Text("When"),
        Number("ms"),
        Text("Locks"),
        Text("Who waited"),
        Text("Way back"),
        Text("Seen"),
    ];
    html! {
        (layout::table("The steps one after the other, by the root of their time", &columns, rows))
        ul.legend aria-label="What the bars say" {
            @for (class, what) in [("live", "in the live database, rolled back"), ("clone", "there, on exact clones"), ("sandbox", "in a sandbox"), ("unknown", "not seen")] {
                li { svg.key viewBox="0 0 10 10" aria-hidden="true" { rect.(class) width="10" height="10" {} } " " (what) }
            }
        }
        p.quiet {
            "A lock is held from its step to the end. Who waits was looked at every 20 ms; in all, "
            @match seen.blocked.as_slice() {
                [] => "nobody was seen to wait.",
                [longest, ..] => { (sessions(seen.blocked.len())) " waited, at most " (format!("{:.0}", longest.waited_ms)) " ms." }
            }
        }
    }
}

/// How many sessions are named of those that waited for a step.
const NAMED: usize = 8;

/// Who waited for a step, the longest first.
fn waited(blocked: &[Blocked]) -> Markup {
    html! { ul.plain {
        @for one in blocked.iter().take(NAMED) { li {
            strong { (format!("{:.0} ms", one.waited_ms)) } " " (one.role)
            @if !one.application.is_empty() { " (" (one.application) ")" }
            ", process " (one.pid)
            span.quiet.block { @match &one.object {
                Some(object) => { "for " (object) ": " (one.mode) },
                None => "for the end of a transaction, as for a row",
            } }
        } }
        @if blocked.len() > NAMED { li.quiet { "and " (blocked.len() - NAMED) " more" } }
    } }
}

fn sessions(count: usize) -> String {
    match count {
        1 => "1 session".to_owned(),
        count => format!("{count} sessions"),
    }
}

/// How far it has come.
fn apply(revision: &Revision, log: &[Entry]) -> Markup {
    let steps = revision.steps.as_ref().map(|seen| seen.steps.as_slice()).unwrap_or_default();
    let runs = journal::runs(log);
    let runs: Vec<&Run> =
        runs.iter().filter(|run| run.digest == revision.checkpoint.packet_digest).collect();
    html! {
        h2 { "Apply" }
        @if runs.is_empty() { p { "It has not begun." } }
        @for run in runs {
            h3 { "Entry " (run.number) ": " (state_of(run)) }
            p { "Began " (time(&run.began)) " as " (run.login) "; " (run.done.len()) @if !steps.is_empty() { " of " (steps.len()) } " steps are done." }
            @if !steps.is_empty() { (pictures::bar("good", 0.0, run.done.len() as f64, steps.len() as f64)) }
            @if let Some(why) = &run.why { p.problem { (why) } }
            ol.steps { @for step in steps {
                @let done = run.done.contains(&step.id);
                @let open = run.open.as_ref().filter(|open| open.step == step.id);
                li { code { (step.id) } " "
                    @if done { (badge(Kind::Good, "done")) }
                    @else if let Some(open) = open { (badge(Kind::Wary, &format!("{} begun", open.action))) " " (time(&open.since)) }
                    @else if run.next.as_ref() == Some(&step.id) { (badge(Kind::Wary, "next")) }
                    @else { (badge(Kind::Quiet, "to come")) }
                }
            } }
        }
    }
}

/// The commands that sign it.
fn signing(revision: &Revision) -> Markup {
    let folder = quoted(&revision.evidence.folder.display().to_string());
    let steps = revision.steps.iter().flat_map(|seen| &seen.steps);
    let doors = steps.filter(|step| step.stops.is_some());
    let doors: String = doors.map(|step| format!(" --door {}", quoted(&step.id))).collect();
    html! {
        @if revision.checkpoint.final_status != "PASS" { p { (badge(Kind::Wary, "not a PASS")) " It is not to be applied as it is." } }
        p { "The first command writes what is to be signed, an owner signs it with the key that they have, and the third keeps it in the evidence log. " code { "PACKET" } " is the packet's folder." }
        pre tabindex="0" { (format!("birthgate approve PACKET --rehearsal {folder}{doors}\nssh-keygen -Y sign -n birthgate -f ~/.ssh/id_ed25519 packet.approval\nbirthgate approve PACKET --rehearsal {folder} --add packet.approval.sig")) }
        @if revision.steps.is_none() { p.quiet { "Which steps the apply stops before was not recorded: the text that the first command writes names the doors that it opens." } }
        @if !doors.is_empty() { p.quiet { "Each " code { "--door" } " opens a step before which the apply stops, for the packet or for want of a way back. Leave out what is to wait for another approval." } }
    }
}

/// A word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    match text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}
