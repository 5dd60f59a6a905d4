//! The checkpoint: the short proof, as a document for machines and as one page for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Sources;
use crate::plan::packet::Packet;
use crate::rehearsal::{Door, Mutated, Reason, Rehearsal, StepReport, Verdict, Where};

/// What a rehearsal comes to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Checkpoint {
    /// The folder's name.
    pub id: String,
    /// Which one of its macro; never written over.
    pub revision: u32,
    /// SHA-256 of the checkpoint of the revision before; `None` of the first.
    pub previous: Option<String>,
    /// When the rehearsal began, by the server's clock, in UTC.
    pub date: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What was rehearsed.
    pub r#macro: String,
    /// What follows it.
    pub next: Option<String>,
    /// PASS, FAIL or INCOMPLETE.
    pub final_status: String,
    /// How the database was reached, and as whom.
    pub execution_mode: String,
    /// What of the live database was changed.
    pub live_mutation: String,
    /// That it was not.
    pub proof: Proof,
    /// Why it is no PASS, each in a line.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// What is to be done.
    pub recommendation: String,
    /// What was decided, and why.
    pub decisions: Vec<Decision>,
    /// What stands in the way, of the engineering and of authority.
    pub blockers: Vec<String>,
    /// The steps, each in a line.
    pub steps: Vec<String>,
    /// SHA-256 over what the packet says.
    pub packet_digest: String,
    /// SHA-256 of each other file of this evidence.
    pub files: BTreeMap<String, String>,
}

/// Entry and exit, compared.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Proof {
    /// The fingerprint of the whole database before.
    pub entry: String,
    /// And after.
    pub exit: String,
    /// Whether they are one.
    pub equal: bool,
    /// What the packet watches: name, before, inside, after.
    pub watch: Vec<[String; 4]>,
}

/// One decision.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// About what.
    pub about: String,
    /// What it is.
    pub decision: String,
    /// Why.
    pub reasons: Vec<String>,
}

impl Checkpoint {
    pub(super) fn of(
        sources: Sources<'_>,
        id: String,
        revision: u32,
        previous: Option<String>,
    ) -> Checkpoint {
        let (packet, said) = (sources.packet, sources.rehearsal);
        let none = || "not looked at".to_owned();
        let watch = said.watch.iter().map(|one| {
            [&one.entry, &one.inside, &one.exit].into_iter().fold(
                vec![one.name.clone()],
                |mut row, value| {
                    row.push(value.clone().unwrap_or_else(none));
                    row
                },
            )
        });
        Checkpoint {
            id,
            revision,
            previous,
            date: said.began.clone(),
            tags: vec![
                "checkpoint".to_owned(),
                "rehearsal".to_owned(),
                said.began.get(..10).unwrap_or_default().to_owned(),
            ],
            r#macro: packet.macro_name.clone(),
            next: packet.next.clone(),
            final_status: status(said.verdict).to_owned(),
            execution_mode: format!(
                "direct connection to database {}, role {}{}, read-write, PostgreSQL {}",
                said.database,
                said.role,
                if said.superuser { " (superuser)" } else { "" },
                said.server
            ),
            live_mutation: mutation(said),
            proof: Proof {
                entry: said.entry.clone(),
                exit: said.exit.clone(),
                equal: said.entry == said.exit,
                watch: watch.filter_map(|row| row.try_into().ok()).collect(),
            },
            reasons: said.reasons.iter().map(told).collect(),
            recommendation: recommendation(packet, said),
            decisions: decisions(sources),
            blockers: blockers(packet, said),
            steps: said.steps.iter().map(step_line).collect(),
            packet_digest: packet.digest.clone(),
            files: BTreeMap::new(),
        }
    }

    /// The page for people, in twelve sections.
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "# Checkpoint: {}\n\n{} · revision {} · {}\n\n`{}`\n\n**{}** · {}\n",
            self.r#macro,
            self.date,
            self.revision,
            self.tags.join(" "),
            self.id,
            self.final_status,
            self.execution_mode
        );
        let mut section = |title: &str, body: String| {
            let _ = write!(text, "\n## {title}\n\n{}\n", body.trim_end());
        };
        section("1. Live mutation", self.live_mutation.clone());
        let mut proof = format!(
            "{}. `{}` before, `{}` after.\n\n",
            if self.proof.equal { "Equal" } else { "Not equal" },
            self.proof.entry,
            self.proof.exit
        );
        for [name, entry, inside, exit] in &self.proof.watch {
            let _ = writeln!(proof, "- {name}: {entry} → {exit} (inside: {inside})");
        }
        section("2. Entry and exit", proof);
        section("3. Recommendation", self.recommendation.clone());
        let of = |about: &str| {
            self.decisions.iter().find(|one| one.about == about).map_or_else(
                || "Not applicable: the packet says nothing about it.".to_owned(),
                |one| {
                    let reasons: String =
                        one.reasons.iter().map(|why| format!("\n- {why}")).collect();
                    format!("{}\n{reasons}", one.decision)
                },
            )
        };
        section("4. Pilot", of("pilot"));
        section("5. Key", of("key"));
        section("6. Permits", of("permits"));
        section("7. Finalisation", of("finalisation"));
        section("8. Steps", self.steps.iter().map(|step| format!("- {step}\n")).collect());
        section("9. Blockers", self.blockers.iter().map(|one| format!("- {one}\n")).collect());
        section("10. Packet", format!("Digest `{}`.", self.packet_digest));
        section(
            "11. Next",
            self.next.clone().unwrap_or_else(|| "The packet names none.".to_owned()),
        );
        section(
            "12. Documents",
            format!(
                "00 to 14, `index.html` and `checkpoint.json` beside this file. {}",
                match &self.previous {
                    Some(hash) => format!("The revision before has the hash `{hash}`."),
                    None => "This is the first revision.".to_owned(),
                }
            ),
        );
        text
    }
}

/// The verdict's word.
pub(super) fn status(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Incomplete => "INCOMPLETE",
    }
}

pub(super) fn mutation(said: &Rehearsal) -> String {
    match said.mutated {
        Mutated::None => "NONE. Everything ran in a sandbox, or inside BEGIN … ROLLBACK, which the server says was aborted.".to_owned(),
        Mutated::SequenceGaps => "Numbers of sequences that the packet declares; nothing else.".to_owned(),
        Mutated::Yes => format!("YES: {}", said.leaks.iter().map(|leak| format!("{} {}", leak.object, leak.by)).collect::<Vec<_>>().join("; ")),
        Mutated::Unknown => "UNKNOWN: the server could not be asked.".to_owned(),
    }
}

fn recommendation(packet: &Packet, said: &Rehearsal) -> String {
    match said.verdict {
        Verdict::Pass => format!(
            "APPLY — OWNER-GATED. What blocks it is authority: {} must sign what was rehearsed.",
            owners(packet.quorum)
        ),
        Verdict::Fail => "DO NOT APPLY. Something of it does not hold.".to_owned(),
        Verdict::Incomplete => "DO NOT APPLY YET. Not everything was seen.".to_owned(),
    }
}

fn owners(quorum: u32) -> String {
    match quorum {
        1 => "an owner".to_owned(),
        count => format!("{count} owners"),
    }
}

fn blockers(packet: &Packet, said: &Rehearsal) -> Vec<String> {
    let mut found: Vec<String> =
        said.reasons.iter().map(|reason| format!("engineering: {}", told(reason))).collect();
    found.push(format!(
        "authority: the approval of {}, which the apply waits for",
        owners(packet.quorum)
    ));
    for door in packet.doors.iter().filter(|door| door.stop_before) {
        found.push(format!(
            "authority: an approval of its own before {}, where the apply stops",
            door.step
        ));
    }
    found
}

/// A reason without the server's detail, which may hold values of rows; so may the message of bad data.
pub(super) fn told(reason: &Reason) -> String {
    let step = reason.step.iter().map(|step| format!("{step}: ")).collect::<String>();
    let place = reason
        .place
        .iter()
        .map(|place| format!(" (line {}, column {})", place.line, place.column))
        .collect::<String>();
    format!("{step}{}{place}", without_values(&reason.message))
}

/// A text without what may be values of rows: what stands in single quotes, or in double quotes after a colon or
/// an equals sign. Double quotes elsewhere are PostgreSQL's way to name an object.
pub(crate) fn without_values(text: &str) -> String {
    let mut told = String::new();
    let mut value: Option<char> = None;
    let mut after_colon = false;
    for c in text.chars() {
        match value {
            Some(quote) if c == quote => value = None,
            Some(_) => continue,
            // An apostrophe within a word is none.
            None if c == '\'' && !told.ends_with(|last: char| last.is_alphanumeric()) => {
                value = Some(c);
                told.push('…');
            }
            None if c == '"' && after_colon => {
                value = Some(c);
                told.push('…');
            }
            None => told.push(c),
        }
        after_colon = matches!(c, ':' | '=') || after_colon && c == ' ';
    }
    told
}

fn decisions(sources: Sources<'_>) -> Vec<Decision> {
    let (packet, said) = (sources.packet, sources.rehearsal);
    let mut found = Vec::new();
    let mut add = |about: &str, decision: String, reasons: Vec<String>| {
        found.push(Decision { about: about.to_owned(), decision, reasons });
    };
    let feasible = match said.verdict {
        Verdict::Pass => "FEASIBLE",
        Verdict::Fail => "NOT FEASIBLE",
        Verdict::Incomplete => "NOT KNOWN",
    };
    add(
        "pilot",
        feasible.to_owned(),
        said.steps.iter().map(|step| format!("{}: {}", step.id, place(step))).collect(),
    );
    if let Some(key) = sources.key_change {
        let mut reasons = vec![
            format!(
                "{} rows, {} keys of more than one row, {} rows with a NULL in the key, {} foreign keys",
                key.rows,
                key.violations,
                key.nulls,
                key.foreign_keys.len()
            ),
            format!("{} functions and rules name the old key", key.code.len()),
            format!("one-way: {}", key.one_way_from),
        ];
        reasons.extend(key.reasons.iter().cloned());
        add("key", key.decision.clone(), reasons);
    }
    let proven = |step: &StepReport| {
        let seen = said.verdict == Verdict::Pass && step.seen != Where::Nowhere;
        if seen { "PROVEN / APPROVE" } else { "NOT PROVEN" }.to_owned()
    };
    let governs = |step: &&crate::plan::Step| {
        let text = &step.does.text;
        !step.does.path.starts_with("birthgate:")
            && text.contains("birthgate.govern_plan(")
            && text.contains("'enforce'")
    };
    for (about, step) in [
        ("permits", packet.plan.steps.iter().find(|step| step.does.path == "birthgate:init")),
        ("finalisation", packet.plan.steps.iter().find(governs)),
    ] {
        if let Some((step, report)) =
            step.and_then(|step| Some((step, said.steps.iter().find(|one| one.id == step.id)?)))
        {
            let undone = match &report.undo {
                Some(undo) if undo.restores => "its undo brought everything back",
                Some(_) => "its undo did not bring everything back",
                None => "its undo was not seen",
            };
            add(
                about,
                proven(report),
                vec![format!("step {}: {}", step.id, place(report)), undone.to_owned()],
            );
        }
    }
    found
}

/// Where a step was seen, in words.
pub(super) fn place(step: &StepReport) -> String {
    let place = match step.seen {
        Where::Live => "seen in the live database",
        Where::Clone => "seen in the live database on clones",
        Where::Sandbox => "seen in the sandbox",
        Where::Nowhere => "not seen",
    };
    format!("{place} ({})", without_values(&step.why))
}

/// The way back, in words.
pub(super) fn door(step: &StepReport) -> String {
    match &step.door {
        Door::TwoWay => "two-way".to_owned(),
        Door::ShutBy { step } => format!("shut for good by {step}"),
        Door::OneWay => "one-way".to_owned(),
        Door::Unknown => "not tried".to_owned(),
    }
}

fn step_line(step: &StepReport) -> String {
    format!("{}: {}; {:.1} ms; way back: {}", step.id, place(step), step.duration_ms, door(step))
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn values_are_left_out_and_names_are_not() {
        for (text, told) in [
            (
                "invalid input syntax for type integer: \"secret\" (line 1)",
                "invalid input syntax for type integer: … (line 1)",
            ),
            (
                "violates unique constraint \"orders_code_key\"",
                "violates unique constraint \"orders_code_key\"",
            ),
            (
                "no permit for 'A-1' in the collection 'orders'",
                "no permit for … in the collection …",
            ),
            ("the server's word: it isn't", "the server's word: it isn't"),
        ] {
            assert_eq!(without_values(text), told);
        }
    }
}
