//! The documents 00 to 14. What does not apply says why.

use std::fmt::Write;

use super::Sources;
use super::checkpoint::{Checkpoint, door, place, told};
use crate::block::Dimension;
use crate::rehearsal::StepReport;

/// A document.
pub(super) struct Document {
    pub file: String,
    pub text: String,
}

/// All of them, in order.
pub(super) fn all(sources: Sources<'_>, checkpoint: &Checkpoint) -> Vec<Document> {
    let decision = |about: &str| {
        checkpoint.decisions.iter().find(|one| one.about == about).map(|one| {
            let reasons: String = one.reasons.iter().map(|why| format!("- {why}\n")).collect();
            format!("**{}**\n\n{reasons}", one.decision)
        })
    };
    let not = |why: &str| format!("Not applicable: {why}\n");
    let watch = |which: usize| -> String {
        let rows = checkpoint.proof.watch.iter();
        rows.map(|row| format!("| {} | `{}` |\n", cell(&row[0]), cell(&row[which]))).collect()
    };
    let documents = [
        ("00-summary", "Summary", summary(sources, checkpoint)),
        ("01-execution-mode", "Execution mode and scope", scope(sources, checkpoint)),
        (
            "02-entry-hashes",
            "Entry hashes",
            format!(
                "The whole database: `{}`\n\n| watched | before |\n| --- | --- |\n{}",
                checkpoint.proof.entry,
                watch(1)
            ),
        ),
        ("03-pilot-feasibility", "Pilot feasibility", decision("pilot").unwrap_or_default()),
        (
            "04-key-decision",
            "Key decision",
            decision("key")
                .unwrap_or_else(|| not("no key change was decided on with this rehearsal.")),
        ),
        (
            "05-permit",
            "Permit table",
            decision("permits")
                .unwrap_or_else(|| not("no step of the packet installs the permit table.")),
        ),
        (
            "06-finalize",
            "Finalisation",
            decision("finalisation").unwrap_or_else(|| {
                not("no step of the packet governs a collection under permits.")
            }),
        ),
        (
            "07-admission",
            "Admission",
            not(
                "a rehearsal admits nothing; the gate's steps are in 03, and what an admission is stopped by in 12.",
            ),
        ),
        ("08-handoff", "Handoff", not("the rehearsal writes to no stream.")),
        (
            "09-drift",
            "Drift",
            not("there is no baseline yet: what changed during the rehearsal is in 13."),
        ),
        ("10-apply-packet", "Apply packet", packet(sources)),
        (
            "11-blockers",
            "Blockers",
            checkpoint.blockers.iter().map(|one| format!("- {one}\n")).collect(),
        ),
        ("12-block-dimensions", "BLOCK dimensions", dimensions(sources.dimensions)),
        ("13-exit-hashes", "Exit hashes and proof", proof(sources, checkpoint, &watch(3))),
        (
            "14-next-macro",
            "Next macro",
            checkpoint.next.clone().unwrap_or_else(|| not("the packet names none.")),
        ),
    ];
    documents
        .into_iter()
        .map(|(file, title, body)| Document {
            file: format!("{file}.md"),
            text: format!(
                "# {} {title}\n\n`{}`\n\n{}\n",
                &file[..2],
                checkpoint.id,
                body.trim_end()
            ),
        })
        .collect()
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn summary(sources: Sources<'_>, checkpoint: &Checkpoint) -> String {
    let said = sources.rehearsal;
    let mut text = format!(
        "**{}** · {}\n\nLive mutation: {}\n\nRecommendation: {}\n\n",
        checkpoint.final_status,
        checkpoint.date,
        checkpoint.live_mutation,
        checkpoint.recommendation
    );
    for reason in &said.reasons {
        let _ =
            writeln!(text, "- **{}** {}", super::checkpoint::status(reason.verdict), told(reason));
    }
    text.push_str("\n| step | where | ms | rows | others wait | way back |\n| --- | --- | --- | --- | --- | --- |\n");
    for step in &said.steps {
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} | {} | {} | {} |",
            cell(&step.id),
            cell(&place(step)),
            step.duration_ms,
            step.rows,
            cell(&waits(step)),
            cell(&door(step))
        );
    }
    text
}

/// Who would wait for a step, by its locks.
pub(super) fn waits(step: &StepReport) -> String {
    let locks = step.locks.iter().filter(|lock| lock.hurts() && !lock.is_index());
    let told: Vec<String> = locks.map(|lock| format!("{}: {}", lock.object, lock.blocks)).collect();
    match told.is_empty() {
        true => "nobody".to_owned(),
        false => told.join("; "),
    }
}

/// Who waited for a step, in the live database.
pub(super) fn waited(step: &StepReport) -> String {
    match step.blocked.as_deref() {
        None => "not run there".to_owned(),
        Some([]) => "nobody".to_owned(),
        Some(blocked @ [longest, ..]) => {
            format!("{}, at most {:.0} ms", sessions(blocked.len()), longest.waited_ms)
        }
    }
}

/// So many sessions.
pub(super) fn sessions(count: usize) -> String {
    match count {
        1 => "1 session".to_owned(),
        count => format!("{count} sessions"),
    }
}

fn scope(sources: Sources<'_>, checkpoint: &Checkpoint) -> String {
    format!(
        "{}.\n\nThe packet `{}` has {} steps. Each was run in a sandbox first, a private PostgreSQL of the same major version, where it was committed and its undo tried after it and after each later step. In the live database everything ran in one transaction, on a connection of its own, and ended in ROLLBACK.\n",
        checkpoint.execution_mode,
        checkpoint.r#macro,
        sources.packet.plan.steps.len()
    )
}

fn packet(sources: Sources<'_>) -> String {
    let packet = sources.packet;
    let mut text = format!(
        "Digest `{}` · quorum {}\n\n| step | transaction | stop | door | way back as seen |\n| --- | --- | --- | --- | --- |\n",
        packet.digest, packet.quorum
    );
    for (declared, seen) in packet.doors.iter().zip(&sources.rehearsal.steps) {
        let step = packet.plan.steps.iter().find(|step| step.id == declared.step);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            cell(&declared.step),
            if step.is_some_and(|step| step.transaction) { "yes" } else { "no" },
            if declared.stop_before { "before" } else { "" },
            if declared.one_way { "one-way" } else { "two-way" },
            cell(&door(seen)),
        );
    }
    text
}

fn dimensions(dimensions: Option<&[Dimension]>) -> String {
    let Some(dimensions) = dimensions else {
        return "Not applicable: Birthgate is not in the database yet. What the packet counts is in 02 and 13.\n".to_owned();
    };
    let mut text = "| dimension | value | bound |\n| --- | --- | --- |\n".to_owned();
    for one in dimensions {
        let value = one.value.map_or("unknown".to_owned(), |value| value.to_string());
        let _ = writeln!(text, "| {} | {value} | {} |", cell(&one.name), one.bound);
    }
    text
}

fn proof(sources: Sources<'_>, checkpoint: &Checkpoint, watch: &str) -> String {
    let said = sources.rehearsal;
    let mut text = format!(
        "The whole database: `{}`, {} the entry.\n\n| watched | after |\n| --- | --- |\n{watch}\nOthers waited {:.0} ms at most ({} of them).\n",
        checkpoint.proof.exit,
        if checkpoint.proof.equal { "equal to" } else { "**not equal** to" },
        said.blocked_ms,
        said.blocked.len()
    );
    for difference in &said.concurrent {
        let what = difference
            .attribute
            .as_ref()
            .map_or("came or went".to_owned(), |name| format!("{name} changed"));
        let _ = writeln!(text, "- somebody else: {} {what}", difference.object);
    }
    for leak in &said.leaks {
        let _ = writeln!(text, "- leak: {} {}", leak.object, leak.by);
    }
    text
}
