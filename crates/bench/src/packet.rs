//! A packet that is rehearsed, signed and applied.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use birthgate::Database;
use birthgate::apply::{self, Ended};
use birthgate::approval::Subject;
use birthgate::declaration::{Binding, Signed};
use birthgate::evidence::{self, Rehearsed, Sources};
use birthgate::key_change::KeyChange;
use birthgate::owner::{Change, Owners};
use birthgate::plan::packet::{self, Packet};
use birthgate::private_server::Search;
use birthgate::rehearsal::{self, Live, Rows};
use tokio_postgres::Client;

use crate::births::Result;

/// What is carried out, and who signs it.
pub struct Prepared {
    packet: Packet,
    rehearsed: Rehearsed,
    owners: Owners,
    folder: tempfile::TempDir,
}

impl Prepared {
    /// Rehearses the packet in the folder `packet` of that folder with all rows of a database, and makes an owner.
    pub async fn new(
        folder: tempfile::TempDir,
        database: &Database,
        key_change: Option<&KeyChange>,
    ) -> Result<Prepared> {
        let packet = packet::read(&folder.path().join("packet").join("packet.toml"))?;
        eprintln!("rehearsing");
        let options = rehearsal::Options {
            rows: Rows::All,
            live: Live::AfterSandbox,
            max_block: Duration::from_millis(200),
            max_time: Duration::from_secs(300),
            sandbox_time: Duration::from_secs(300),
            max_clone: 2_000_000_000,
            burns: Vec::new(),
            search: Search {
                path: std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
                    .collect(),
                ..Search::default()
            },
            folder: std::env::temp_dir(),
            observer: Default::default(),
            strict_columns: false,
            confined: false,
            walls: Default::default(),
        };
        let said = rehearsal::rehearse(database, &packet.plan, &options).await?;
        let sources = Sources { packet: &packet, rehearsal: &said, key_change, dimensions: None };
        let written = evidence::write(&folder.path().join("evidence"), sources)?;
        let rehearsed = evidence::read(&written.folder)?;
        ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", "owner"], folder.path())?;
        let change = Change::Add {
            principal: "owner".to_owned(),
            key: std::fs::read_to_string(folder.path().join("owner.pub"))?,
            namespaces: Vec::new(),
            valid_after: None,
            valid_before: None,
        };
        let owners = Owners::parse(
            "owners",
            &Owners::parse("owners", "")?.change(&change, "2026-01-01T00:00:00Z", &[])?,
        )?;
        Ok(Prepared { packet, rehearsed, owners, folder })
    }

    /// Signs all of it for that database, and applies it.
    pub async fn apply(&self, client: &Client, database: &Database) -> Result<()> {
        let subject = Subject { packet: &self.packet, rehearsed: &self.rehearsed };
        let doors: Vec<String> = subject.doors().into_iter().map(str::to_owned).collect();
        let declaration =
            subject.declaration(&doors, &Binding::make(client, Duration::from_secs(600)).await?)?;
        std::fs::write(self.folder.path().join("text"), declaration.text())?;
        let _ = std::fs::remove_file(self.folder.path().join("text.sig"));
        ssh_keygen(
            &["-q", "-Y", "sign", "-n", "birthgate", "-f", "owner", "text"],
            self.folder.path(),
        )?;
        let signature = std::fs::read_to_string(self.folder.path().join("text.sig"))?;
        let signed = Signed { text: declaration.text(), signature };
        subject.add(client, &self.owners, &signed).await?;
        let options = apply::Options {
            until: None,
            dry_run: false,
            found: None,
            max_block: Duration::from_millis(200),
            attempts: 20,
            strict_columns: false,
        };
        let applied = apply::apply(database, subject, &self.owners, &options, &mut |_| {}).await?;
        match applied.ended {
            Ended::Done => Ok(()),
            other => Err(format!("the apply ended in {}: {:?}", other.word(), applied.why).into()),
        }
    }
}

fn ssh_keygen(arguments: &[&str], folder: &Path) -> Result<()> {
    let status = Command::new("ssh-keygen").args(arguments).current_dir(folder).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("ssh-keygen {}: {status}", arguments.join(" ")).into()),
    }
}
