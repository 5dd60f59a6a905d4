use std::path::{Path, PathBuf};

use birthgate::approval::Subject;
use birthgate::declaration::Binding;
use birthgate::evidence::{self, Rehearsed};
use birthgate::plan::packet::{self, Packet};
use serde_json::json;

use super::signing::{Signing, SigningArgs};
use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Result};
use crate::output::Output;

/// Sign what was rehearsed, so that it may be applied
///
/// Writes the text that an owner signs, with everything that the apply will check: the packet, its rehearsal, what it
/// touches, this database, the steps, the doors, the evidence log's head, an expiry. Takes the signature and keeps it in
/// the database's evidence log. A step that the packet stops before, or through which no way back was seen, is a door: it
/// is approved by its name.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  birthgate approve ./packet --sign ~/.ssh/id_ed25519\n  birthgate approve ./packet --door drop-old-key          # writes the text, says how to sign it\n  birthgate approve ./packet --add packet.approval.sig"
)]
pub struct Args {
    #[command(flatten)]
    subject: SubjectArgs,
    /// A door that this opens too; may be given again
    #[arg(long, value_name = "STEP")]
    door: Vec<String>,
    #[command(flatten)]
    signing: SigningArgs,
}

/// A packet and its rehearsal.
#[derive(clap::Args, Debug)]
pub struct SubjectArgs {
    /// The packet: its folder, or its packet.toml
    pub packet: PathBuf,
    /// The evidence of its rehearsal: the folder, or its checkpoint.json [default: the newest below the evidence folder]
    #[arg(long, value_name = "CHECKPOINT")]
    rehearsal: Option<PathBuf>,
}

impl SubjectArgs {
    /// Reads both.
    pub fn read(&self, connection: &ConnectionArgs) -> Result<(Packet, Rehearsed)> {
        let file = match self.packet.is_dir() {
            true => self.packet.join("packet.toml"),
            false => self.packet.clone(),
        };
        let packet = packet::read(&file)?;
        let folder = match &self.rehearsal {
            Some(path) if path.is_dir() => path.clone(),
            Some(path) => path.parent().unwrap_or(Path::new(".")).to_owned(),
            None => {
                let root = connection.config_file()?.evidence_folder();
                evidence::newest(&root, &packet.macro_name)?.ok_or_else(|| CommandError {
                    hint: Some(format!(
                        "birthgate rehearse {} --rows all --evidence",
                        self.packet.display()
                    )),
                    ..CommandError::no(format!(
                        "there is no evidence of a rehearsal of {} below {}",
                        packet.macro_name,
                        root.display()
                    ))
                })?
            }
        };
        Ok((packet, evidence::read(&folder)?))
    }
}

pub async fn run(args: Args, connection: &ConnectionArgs, output: &Output) -> Result {
    let (packet, rehearsed) = args.subject.read(connection)?;
    let subject = Subject { packet: &packet, rehearsed: &rehearsed };
    subject.holds()?;
    let owners = args.signing.owners(connection)?;
    let client = connection.database()?.connect().await?;
    let signed = if args.signing.brings() {
        args.signing.brought()?
    } else {
        subject.record(&client).await?;
        let declaration = subject
            .declaration(&args.door, &Binding::make(&client, args.signing.valid_for()).await?)?;
        let again = format!("birthgate approve {}", args.subject.packet.display());
        match args.signing.have_signed(&declaration, "packet.approval", &again, output)? {
            Signing::Asked(text) => return output.result("approve", json!({ "to_sign": text })),
            Signing::Signed(signed) => signed,
        }
    };
    let mut approvals = Vec::new();
    for one in &signed {
        let approval = subject.add(&client, &owners, one).await?;
        let doors = match approval.doors.is_empty() {
            true => String::new(),
            false => format!(", and opens {}", approval.doors.join(", ")),
        };
        output.say(format!(
            "{} approves {}{doors}; until {} (entry {} of the evidence log).",
            approval.principal, packet.macro_name, approval.expires, approval.number
        ));
        approvals.push(approval);
    }
    output.result("approve", approvals)
}
