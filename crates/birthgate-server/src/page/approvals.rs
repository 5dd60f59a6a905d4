//! Approvals of a rehearsal: what the evidence log has of them, and which of them hold here and now. Only what was verified is
//! said to be; the database alone vouches for nobody.

use std::sync::Arc;

use birthgate::apply::journal;
use birthgate::approval::{self, Standing};
use birthgate::evidence_log::{self, Entry};
use birthgate::owner::Owners;
use maud::{Markup, html};

use super::Page;
use super::failure::Failure;
use super::layout::{Kind, badge, time};
use crate::evidence::{Revision, read};

/// What is known of the signatures.
pub enum Judged {
    /// Each was judged.
    Each(Standing),
    /// None was, and why.
    None(String),
}

/// Judges them with the owners' file as it is now.
pub async fn judge(page: &Arc<Page>, revision: &Revision, log: &[Entry]) -> Judged {
    standing(page, revision, log)
        .await
        .map_or_else(|failure| Judged::None(failure.said().to_owned()), Judged::Each)
}

async fn standing(
    page: &Arc<Page>,
    revision: &Revision,
    log: &[Entry],
) -> Result<Standing, Failure> {
    let Some(file) = page.allowed_signers.clone() else {
        return Err(Failure::Unclear(
            "birthgate.toml names no owners' file ([owners] allowed_signers)".to_owned(),
        ));
    };
    if let Some(flaw) = evidence_log::verify(log).into_iter().next() {
        return Err(Failure::Unclear(format!("the evidence log is not as it was written: {flaw}")));
    }
    let folder = revision.evidence.folder.clone();
    let (owners, rehearsed) =
        read(move || Ok((Owners::read(&file)?, birthgate::evidence::read(&folder)?))).await?;
    let client = page.pool.lend().await?;
    let identity = evidence_log::identity(&client).await?;
    client.give_back();
    Ok(approval::of_rehearsal(&rehearsed, &owners, &identity, log))
}

/// The approvals of this rehearsal that the evidence log has.
pub fn list(revision: &Revision, log: &[Entry], judged: &Judged) -> Markup {
    let hash = revision.evidence.hash.as_str();
    let is_its = |entry: &&Entry| entry.kind == "approval" && entry.json()["rehearsal"] == hash;
    let approvals: Vec<&Entry> = log.iter().filter(is_its).collect();
    let holds = |number: i64| match judged {
        Judged::Each(standing) => standing.approvals.iter().find(|one| one.number == number),
        Judged::None(_) => None,
    };
    let runs = journal::runs(log);
    let is_used =
        |number: i64| runs.iter().any(|run| run.is_finished() && run.approvals.contains(&number));
    html! {
        @for flaw in evidence_log::verify(log) { p.problem { "The evidence log is not as it was written: " (flaw) } }
        @if approvals.is_empty() { p { (badge(Kind::Wary, "nobody has approved this rehearsal")) } }
        @else if matches!(judged, Judged::Each(_)) && !approvals.iter().any(|one| holds(one.number).is_some()) {
            p { (badge(Kind::Wary, "no approval of this rehearsal holds")) }
        }
        @for entry in &approvals {
            @let said = entry.json();
            @let recorded = said["principal"].as_str().unwrap_or("nobody");
            details.approval {
                summary {
                    @match (holds(entry.number), judged) {
                        (Some(approval), _) => { (badge(Kind::Good, "holds")) " signed by " strong { (approval.principal) } }
                        (None, Judged::Each(_)) if is_used(entry.number) => { (badge(Kind::Quiet, "used up")) " recorded as of " strong { (recorded) } }
                        (None, Judged::Each(_)) => { (badge(Kind::Bad, "does not count")) " recorded as of " strong { (recorded) } }
                        (None, Judged::None(_)) => { (badge(Kind::Quiet, "not verified")) " recorded as of " strong { (recorded) } }
                    }
                    " " (time(&entry.at)) " (entry " (entry.number) ")"
                    @match (holds(entry.number), judged) {
                        (Some(approval), _) => span.quiet.block {
                            "The signature is of this text, by a key that counts in the owners' file of now; the text is about this rehearsal and this database, and may be used until " (time(&approval.expires)) ". Doors that it opens: "
                            @if approval.doors.is_empty() { "none" } @else { (approval.doors.join(", ")) } "."
                        },
                        (None, Judged::Each(standing)) => span.quiet.block { (why(standing, entry.number)) },
                        _ => "",
                    }
                }
                pre tabindex="0" { (said["text"].as_str().unwrap_or_default()) }
            }
        }
        @match judged {
            Judged::None(why) if !approvals.is_empty() => p.problem { "No signature was verified: " (why) },
            Judged::None(_) => "",
            Judged::Each(standing) => p.quiet {
                "The owners' file asks for "
                @match standing.quorum { 1 => "one owner", count => { (count) " owners" } }
                "; a packet may ask for more. Whether the packet is still what was rehearsed, this page does not see: " code { "birthgate apply PACKET --dry-run" }
            },
        }
    }
}

fn why(standing: &Standing, number: i64) -> &str {
    let refused = standing.refused.iter().find(|(its, _)| *its == number);
    refused.map_or("it is recorded under another packet's name", |(_, why)| why)
}
