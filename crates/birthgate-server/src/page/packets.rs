//! Packets: what was rehearsed, who has approved it, and how far its apply has come.

use axum::extract::{Path, State};
use birthgate::apply::journal::{self, Run};
use birthgate::evidence_log::{self, Entry};
use birthgate::states::States;
use maud::{Markup, html};

use super::evidence::{self, verdict};
use super::failure::Failure;
use super::layout::Column::{Number, Text};
use super::layout::{self, Kind, Tab, badge, time};
use super::{Here, Page, View, markdown, pictures};
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
    let states: Option<States> =
        revision.files.get("states.json").and_then(|text| serde_json::from_str(text).ok());
    let steps = Step::all(&revision, states.as_ref());
    let log = log(&page).await;
    let said = &revision.checkpoint;
    let id = &revision.evidence.id;
    let document = |name: &str| {
        let text = revision.files.get(name)?;
        // Its title and its id are said above.
        Some(text.split_once("\n\n")?.1.split_once("\n\n")?.1.to_owned())
    };
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
        div data-live="log" id="apply" { (apply(&revision, &steps, &log)) }
        h2 { "Steps" }
        (time_line(&steps))
        @if let Some(waited) = document("13-exit-hashes.md").and_then(|text| text.lines().find(|line| line.starts_with("Others waited")).map(str::to_owned)) {
            p.quiet { "While it was rehearsed: " (waited) }
        }
        @if let Some(text) = document("10-apply-packet.md") { h2 { "Doors" } (markdown::render(&text)) }
        h2 { "To approve it" }
        (signing(&revision, &steps))
    };
    Ok(layout::page(&said.r#macro, Tab::Packets, body))
}

/// A step, as the checkpoint and the states of the rehearsal tell it.
struct Step {
    id: String,
    /// Where it was seen, and why there.
    seen: String,
    way_back: String,
    /// Whether the apply stops before it until an owner has approved it by name.
    is_door: bool,
    duration_ms: Option<f64>,
    /// The tables that others would wait for, each with the lock.
    locks: Vec<(String, String)>,
}

impl Step {
    fn all(revision: &Revision, states: Option<&States>) -> Vec<Step> {
        // The packet's own word, as the document has it: step, transaction, stop, door, way back.
        let packet =
            revision.files.get("10-apply-packet.md").map(String::as_str).unwrap_or_default();
        let declared: Vec<Vec<String>> =
            packet.lines().filter(|line| line.starts_with('|')).map(markdown::cells).collect();
        let lines = revision.checkpoint.steps.iter();
        lines
            .map(|line| {
                let (id, rest) = line.split_once(": ").unwrap_or((line, ""));
                let (rest, way_back) =
                    rest.rsplit_once("; way back: ").unwrap_or((rest, "not said"));
                let (seen, duration) = rest.rsplit_once("; ").unwrap_or((rest, ""));
                let state =
                    states.and_then(|states| states.steps.iter().find(|step| step.id == id));
                let stops = |row: &Vec<String>| {
                    row.len() == 5 && row[0] == id && (row[2] == "before" || row[3] == "one-way")
                };
                let is_door = declared.iter().any(stops) || state.is_none_or(|step| !step.undone);
                let told = duration.strip_suffix(" ms").and_then(|ms| ms.parse().ok());
                let locks = state.map(|step| step.locks.clone()).unwrap_or_default();
                Step {
                    id: id.to_owned(),
                    seen: seen.to_owned(),
                    way_back: way_back.to_owned(),
                    is_door,
                    duration_ms: told.or(state.map(|step| step.duration_ms)),
                    locks: locks.into_iter().collect(),
                }
            })
            .collect()
    }

    fn class(&self) -> &'static str {
        match self.seen.as_str() {
            seen if seen.starts_with("seen in the live database on clones") => "clone",
            seen if seen.starts_with("seen in the live database") => "live",
            seen if seen.starts_with("seen in the sandbox") => "sandbox",
            _ => "unknown",
        }
    }

    /// What its bar is as long as: the root of its time, so that short ones are seen beside long ones.
    fn length(&self) -> f64 {
        self.duration_ms.unwrap_or(0.0).max(0.1).sqrt()
    }
}

fn time_line(steps: &[Step]) -> Markup {
    let whole: f64 = steps.iter().map(Step::length).sum();
    let mut before = 0.0;
    let mut bars = Vec::new();
    for step in steps {
        bars.push(pictures::bar(step.class(), before, step.length(), whole));
        before += step.length();
    }
    let rows = html! { @for (step, bar) in steps.iter().zip(&bars) { tr {
        th scope="row" { code { (step.id) } @if step.is_door { span.block { (badge(Kind::Wary, "STOP before it")) } } }
        td.picture { (bar) }
        td.number { @match step.duration_ms { Some(ms) => (format!("{ms:.1}")), None => "not seen" } }
        td { @if step.locks.is_empty() { span.quiet { "none" } } @else {
            ul.plain { @for (table, mode) in &step.locks { li { (table) ": " span.lock { (mode) } } } }
        } }
        td { @match step.way_back.as_str() {
            "two-way" => (badge(Kind::Good, "two-way")),
            "not tried" => (badge(Kind::Quiet, "not tried")),
            door => (badge(Kind::Wary, door)),
        } }
        td { (step.seen) }
    } } };
    let columns = [
        Text("Step"),
        Text("When"),
        Number("ms"),
        Text("Locks against others, held so long"),
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
    }
}

/// Approvals, and how far it has come.
fn apply(revision: &Revision, steps: &[Step], log: &Result<Vec<Entry>, Failure>) -> Markup {
    let log = match log {
        Ok(log) => log,
        Err(failure) => {
            return html! { h2 { "Approvals and apply" } p.problem { "The evidence log cannot be read: " (failure.said()) } };
        }
    };
    let hash = revision.evidence.hash.as_str();
    let approvals: Vec<&Entry> = log
        .iter()
        .filter(|entry| entry.kind == "approval" && entry.json()["rehearsal"] == hash)
        .collect();
    let flaws = evidence_log::verify(log);
    let runs = journal::runs(log);
    let runs: Vec<&Run> =
        runs.iter().filter(|run| run.digest == revision.checkpoint.packet_digest).collect();
    html! {
        h2 { "Approvals" }
        @for flaw in &flaws { p.problem { "The evidence log is not as it was written: " (flaw) } }
        @if approvals.is_empty() { p { (badge(Kind::Wary, "nobody has approved this rehearsal")) } }
        @for entry in approvals {
            @let said = entry.json();
            details.approval {
                summary { (badge(Kind::Quiet, "signed")) " " strong { (said["principal"].as_str().unwrap_or("unknown")) } " " (time(&entry.at)) " (entry " (entry.number) ")" }
                pre tabindex="0" { (said["text"].as_str().unwrap_or_default()) }
            }
        }
        p.quiet { "Whether a signature holds is judged with the owners' file, which this page does not read: " code { "birthgate apply PACKET --dry-run" } }
        h2 { "Apply" }
        @if runs.is_empty() { p { "It has not begun." } }
        @for run in runs {
            h3 { "Entry " (run.number) ": " (state_of(run)) }
            p { "Began " (time(&run.began)) " as " (run.login) "; " (run.done.len()) " of " (steps.len()) " steps are done." }
            (pictures::bar("good", 0.0, run.done.len() as f64, steps.len() as f64))
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
fn signing(revision: &Revision, steps: &[Step]) -> Markup {
    let folder = quoted(&revision.evidence.folder.display().to_string());
    let doors = steps.iter().filter(|step| step.is_door);
    let doors: String = doors.map(|step| format!(" --door {}", quoted(&step.id))).collect();
    html! {
        @if revision.checkpoint.final_status != "PASS" { p { (badge(Kind::Wary, "not a PASS")) " It is not to be applied as it is." } }
        p { "The first command writes what is to be signed, an owner signs it with the key that they have, and the third keeps it in the evidence log. " code { "PACKET" } " is the packet's folder." }
        pre tabindex="0" { (format!("birthgate approve PACKET --rehearsal {folder}{doors}\nssh-keygen -Y sign -n birthgate -f ~/.ssh/id_ed25519 packet.approval\nbirthgate approve PACKET --rehearsal {folder} --add packet.approval.sig")) }
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
