//! The approval of a packet: what owners sign before an apply, and whether what they signed holds here and now.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::json;
use tokio_postgres::Client;

use crate::apply::journal;
use crate::code::{self, Seen, SignedCode, Wanted};
use crate::declaration::{Binding, Declaration, Signed};
use crate::error::{Error, Result};
use crate::evidence::Rehearsed;
use crate::evidence_log::{self, Entry, Identity};
use crate::owner::Owners;
use crate::plan::Step;
use crate::plan::packet::Packet;
use crate::script::Script;

/// A packet and its rehearsal, as the evidence has it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The packet.
    pub packet: &'a Packet,
    /// Its rehearsal.
    pub rehearsed: &'a Rehearsed,
}

/// A signed text that holds.
#[derive(Clone, Debug, Serialize)]
pub struct Approval {
    /// Its entry in the evidence log.
    pub number: i64,
    /// The owner who signed.
    pub principal: String,
    /// The doors that it opens.
    pub doors: Vec<String>,
    /// Until when it may be used.
    pub expires: String,
}

/// The texts that were signed for a packet.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Standing {
    /// Those that hold.
    pub approvals: Vec<Approval>,
    /// The entries of those that do not, and why.
    pub refused: Vec<(i64, String)>,
    /// How many owners must sign.
    pub quorum: u32,
}

fn refuse<T>(why: impl Into<String>) -> Result<T> {
    Err(Error::NotSigned(why.into()))
}

impl Subject<'_> {
    /// Whether the apply stops before this step until an owner has approved it by name: the packet says so, or
    /// no way back through it was seen.
    pub fn is_door(&self, at: usize) -> bool {
        self.stops(at).is_some()
    }

    /// Why it does.
    pub fn stops(&self, at: usize) -> Option<&'static str> {
        let undone = self.rehearsed.states.steps.get(at).is_some_and(|step| step.undone);
        self.packet.doors[at].stops(undone)
    }

    /// The steps that need an approval by name.
    pub fn doors(&self) -> Vec<&str> {
        let steps = self.packet.plan.steps.iter().enumerate();
        steps.filter(|(at, _)| self.is_door(*at)).map(|(_, step)| step.id.as_str()).collect()
    }

    /// Fails unless the rehearsal is of this packet and may be applied at all.
    pub fn holds(&self) -> Result<()> {
        let said = &self.rehearsed.checkpoint;
        if said.packet_digest != self.packet.digest {
            return refuse(format!(
                "the packet was changed since the rehearsal {}: rehearse it again",
                self.rehearsed.id
            ));
        }
        let steps = |ids: &mut dyn Iterator<Item = &String>| ids.cloned().collect::<Vec<_>>();
        if steps(&mut self.packet.plan.steps.iter().map(|step| &step.id))
            != steps(&mut self.rehearsed.states.steps.iter().map(|step| &step.id))
        {
            return refuse(format!(
                "the rehearsal {} did not see every step of the packet: rehearse it again",
                self.rehearsed.id
            ));
        }
        // Broken off between two of its statements, nobody could say where it stands.
        let alone = |script: &Script| script.statements.len() == 1;
        let outside = |step: &&Step| {
            !step.transaction && !alone(&step.does)
                || step
                    .undo
                    .as_ref()
                    .is_some_and(|undo| undo.leaves_the_transaction() && !alone(undo))
        };
        if let Some(step) = self.packet.plan.steps.iter().find(outside) {
            return refuse(format!(
                "{} runs several statements outside of a transaction: give each a step of its own",
                step.id
            ));
        }
        may_be_applied(self.rehearsed)
    }

    /// The text that an owner signs; `doors` are the steps that it opens besides the packet.
    pub fn declaration(&self, doors: &[String], binding: &Binding) -> Result<Declaration> {
        self.holds()?;
        if let Some(unknown) = doors.iter().find(|door| !self.doors().contains(&door.as_str())) {
            return refuse(format!(
                "{unknown} is no door of the packet; its doors are: {}",
                self.doors().join(", ")
            ));
        }
        declaration(self.rehearsed, doors, binding)
    }

    /// What a database can run otherwise than was signed, in words.
    pub(crate) async fn code_differs(&self, client: &Client, log: &[Entry]) -> Result<Vec<String>> {
        let (states, signed) = (&self.rehearsed.states, code_of(self.rehearsed)?);
        let scripts = code::scripts(&self.packet.plan.steps);
        let wanted = Wanted { scripts: &scripts, ran: &signed.ran, or_everything: true };
        // Where names are looked up is the applying session's.
        let seen = Seen::look(client, false, wanted).await?.in_the_path_of(signed);
        let rewritten = journal::rewritten(log, &self.rehearsed.hash);
        Ok(signed.differs(&seen, states, &rewritten, true))
    }

    /// Whether a signed text approves this packet as it was rehearsed, here and now.
    fn judge(
        &self,
        signed: &Signed,
        owners: &Owners,
        identity: &Identity,
        log: &[Entry],
    ) -> Result<Approval> {
        judge(|doors, binding| self.declaration(doors, binding), signed, owners, identity, log)
    }

    /// Writes into the evidence log that the packet was rehearsed, unless it is there.
    pub async fn record(&self, client: &Client) -> Result<()> {
        evidence_log::install(client).await?;
        let said = &self.rehearsed.checkpoint.final_status;
        record_rehearsal(client, self.packet, &self.rehearsed.id, &self.rehearsed.hash, said).await
    }

    /// Checks a signed text and keeps it in the evidence log.
    pub async fn add(&self, client: &Client, owners: &Owners, signed: &Signed) -> Result<Approval> {
        let identity = evidence_log::identity(client).await?;
        let log = evidence_log::entries(client, 0, None).await?;
        let approval = self.judge(signed, owners, &identity, &log)?;
        let body = json!({
            "packet": self.packet.macro_name, "digest": self.packet.digest, "rehearsal": self.rehearsed.hash,
            "principal": approval.principal, "text": signed.text, "signature": signed.signature,
        });
        let id = id_of(&body);
        let same = |entry: &Entry| {
            let known = entry.json();
            entry.kind == "approval"
                && id_of(&known) == id
                && known["principal"] == approval.principal.as_str()
        };
        if log.iter().any(same) {
            return refuse("this signature is in the evidence log already");
        }
        let number = evidence_log::append(client, "approval", &body).await?;
        Ok(Approval { number, ..approval })
    }

    /// Which of the signed texts in the log hold here and now. Those in `spent` have been used up by an apply that ended.
    pub fn standing(
        &self,
        owners: &Owners,
        identity: &Identity,
        log: &[Entry],
        spent: &BTreeSet<i64>,
    ) -> Standing {
        let quorum = self.packet.quorum.max(owners.quorum);
        let judge = |signed: &Signed| self.judge(signed, owners, identity, log);
        standing(&self.packet.macro_name, quorum, log, spent, judge)
    }
}

/// Which of the signed texts in the log hold for a rehearsal here and now, as far as can be told without its packet: whether that
/// is still what was rehearsed, and how many owners it asks for besides what their own file does, is not looked at.
pub fn of_rehearsal(
    rehearsed: &Rehearsed,
    owners: &Owners,
    identity: &Identity,
    log: &[Entry],
) -> Standing {
    let make = |doors: &[String], binding: &Binding| {
        may_be_applied(rehearsed)?;
        declaration(rehearsed, doors, binding)
    };
    let judge = |signed: &Signed| judge(make, signed, owners, identity, log);
    let spent = journal::spent(&journal::runs(log));
    standing(&rehearsed.checkpoint.r#macro, owners.quorum, log, &spent, judge)
}

/// Fails unless the rehearsal came to something that may be applied.
fn may_be_applied(rehearsed: &Rehearsed) -> Result<()> {
    match rehearsed.checkpoint.final_status.as_str() {
        "PASS" | "INCOMPLETE" => Ok(()),
        other => refuse(format!(
            "the rehearsal {} ended in {other}: nothing of it is applied",
            rehearsed.id
        )),
    }
}

/// What was signed of the code that the steps can run.
pub(crate) fn code_of(rehearsed: &Rehearsed) -> Result<&SignedCode> {
    let why = "was made by an earlier release, which did not record the functions that the steps call: rehearse the packet again, and sign that";
    rehearsed
        .states
        .code
        .as_ref()
        .ok_or_else(|| Error::NotSigned(format!("the rehearsal {} {why}", rehearsed.id)))
}

/// The text that approves a rehearsal, and opens these doors.
fn declaration(rehearsed: &Rehearsed, doors: &[String], binding: &Binding) -> Result<Declaration> {
    let (said, code) = (&rehearsed.checkpoint, code_of(rehearsed)?);
    let steps: Vec<&str> = rehearsed.states.steps.iter().map(|step| step.id.as_str()).collect();
    let mut fields = vec![
        ("packet", said.r#macro.clone()),
        ("packet-sha256", said.packet_digest.clone()),
        ("rehearsal", rehearsed.id.clone()),
        ("rehearsal-sha256", rehearsed.hash.clone()),
        ("verdict", said.final_status.clone()),
    ];
    fields.extend(said.reasons.iter().map(|reason| ("accepts", reason.clone())));
    fields.extend(code.unseen.iter().map(|line| ("accepts", line.clone())));
    fields.push(("touches-sha256", rehearsed.states.entry_hash()));
    fields.push(("code-sha256", code.hash()));
    fields.push(("steps", steps.join(", ")));
    fields.push(("doors", if doors.is_empty() { "none".to_owned() } else { doors.join(", ") }));
    Ok(Declaration::bound("approval", &fields, binding))
}

/// Whether a signed text says, here and now, what `make` makes, and is an owner's. Its number is not known here.
fn judge(
    make: impl Fn(&[String], &Binding) -> Result<Declaration>,
    signed: &Signed,
    owners: &Owners,
    identity: &Identity,
    log: &[Entry],
) -> Result<Approval> {
    let said = Declaration::parse(&signed.text)?;
    said.holds_here("approval", identity, log)?;
    let doors: Vec<String> = match said.get("doors")? {
        "none" => Vec::new(),
        doors => doors.split(", ").map(str::to_owned).collect(),
    };
    // Made again, of what is here, but for what is its own.
    let head = said.get("evidence-log")?;
    let (number, hash) = head.split_once(' ').unwrap_or_default();
    let head =
        evidence_log::Head { number: number.parse().unwrap_or_default(), hash: hash.to_owned() };
    let expires = said.get("expires")?.to_owned();
    let binding = Binding {
        identity: identity.clone(),
        head,
        expires: expires.clone(),
        id: said.get("id")?.to_owned(),
    };
    let here = make(&doors, &binding)?;
    for name in
        ["packet-sha256", "rehearsal-sha256", "verdict", "touches-sha256", "code-sha256", "steps"]
    {
        said.says(name, here.get(name)?)?;
    }
    if said != here {
        return refuse("the text does not say what is to be signed here: make it again");
    }
    let principal = owners.signer(signed, &identity.now)?.principal.clone();
    Ok(Approval { number: 0, principal, doors, expires })
}

/// What the signed texts for a packet in the log come to.
fn standing(
    packet: &str,
    quorum: u32,
    log: &[Entry],
    spent: &BTreeSet<i64>,
    judge: impl Fn(&Signed) -> Result<Approval>,
) -> Standing {
    let mut standing = Standing { quorum, ..Standing::default() };
    let used: BTreeSet<String> = log
        .iter()
        .filter(|entry| entry.kind == "approval" && spent.contains(&entry.number))
        .filter_map(|entry| id_of(&entry.json()))
        .collect();
    for entry in log.iter().filter(|entry| entry.kind == "approval") {
        let body = entry.json();
        if body["packet"] != packet {
            continue;
        }
        // However often it was written down: a text is used up by its id.
        if spent.contains(&entry.number) || id_of(&body).is_some_and(|id| used.contains(&id)) {
            standing.refused.push((entry.number, "it was used by an apply that ended".to_owned()));
            continue;
        }
        let part = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let signed = Signed { text: part("text"), signature: part("signature") };
        match judge(&signed) {
            Ok(approval) => {
                standing.approvals.push(Approval { number: entry.number, ..approval });
            }
            Err(error) => standing.refused.push((entry.number, error.to_string())),
        }
    }
    standing
}

/// Writes a rehearsal into the evidence log that is there, unless it is in it.
pub async fn record_rehearsal(
    client: &Client,
    packet: &Packet,
    id: &str,
    hash: &str,
    verdict: &str,
) -> Result<()> {
    let known = evidence_log::entries(client, 0, Some(&["rehearsal"])).await?;
    if known.iter().any(|entry| entry.json()["sha256"] == hash) {
        return Ok(());
    }
    let body = json!({
        "evidence": id, "sha256": hash, "packet": packet.macro_name, "digest": packet.digest,
        "verdict": verdict,
    });
    evidence_log::append(client, "rehearsal", &body).await.map(drop)
}

/// The id of the text in an entry's body.
fn id_of(body: &serde_json::Value) -> Option<String> {
    let text = Declaration::parse(body["text"].as_str()?).ok()?;
    text.get("id").ok().map(str::to_owned)
}

impl Standing {
    fn is_enough<'a>(&self, approvals: impl Iterator<Item = &'a Approval>) -> bool {
        let who: BTreeSet<&str> = approvals.map(|approval| approval.principal.as_str()).collect();
        who.len() as u64 >= u64::from(self.quorum)
    }

    /// Whether enough owners have signed the packet.
    pub fn approves(&self) -> bool {
        self.is_enough(self.approvals.iter())
    }

    /// Whether enough owners have signed for this door.
    pub fn opens(&self, door: &str) -> bool {
        self.is_enough(
            self.approvals.iter().filter(|one| one.doors.iter().any(|known| known == door)),
        )
    }

    /// What is missing, in words.
    pub fn missing(&self) -> String {
        let who: BTreeSet<&str> =
            self.approvals.iter().map(|approval| approval.principal.as_str()).collect();
        let refused: String = self
            .refused
            .iter()
            .map(|(number, why)| {
                format!("\nentry {number} of the evidence log does not count: {why}")
            })
            .collect();
        format!("{} of {} owners have signed what was rehearsed{refused}", who.len(), self.quorum)
    }
}
