use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use birthgate::owner::{Change, Owner, Owners};
use clap::Subcommand;
use serde_json::json;

use super::signing::{OwnersArgs, Signing, SigningArgs};
use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Result};
use crate::output::Output;

/// Owners: whose signatures count
///
/// They are in a file outside the database, as ssh-keygen has it (allowed_signers), so that nobody who writes to the
/// database can make himself one. The first is added freely; every later change is signed by a quorum of them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a key of an owner
    #[command(
        after_help = "Example:\n  birthgate owner add ada ~/.ssh/id_ed25519.pub\n  birthgate owner add bob bob.pub --sign ~/.ssh/id_ed25519"
    )]
    Add {
        /// Who
        principal: String,
        /// The file of the public key
        key: PathBuf,
        /// What it may sign; empty for anything
        #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "birthgate")]
        namespaces: Vec<String>,
        /// From when on it counts, such as 2027-01-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        valid_after: Option<humantime::Timestamp>,
        /// Until when it counts
        #[arg(long, value_name = "TIME")]
        valid_before: Option<humantime::Timestamp>,
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// Let a key, or all keys of an owner, count no longer; what they signed before can still be verified
    Revoke {
        /// The owner, or the key as SHA256:…
        who: String,
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// Say how many owners must sign at least, whatever a packet says
    Quorum {
        /// How many
        count: u32,
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// List the owners
    List {
        #[command(flatten)]
        owners: OwnersArgs,
    },
}

pub fn run(command: Command, connection: &ConnectionArgs, output: &Output) -> Result {
    match command {
        Command::Add { principal, key, namespaces, valid_after, valid_before, signing } => {
            let text = std::fs::read_to_string(&key).map_err(|source| birthgate::Error::File {
                path: key.display().to_string(),
                source,
            })?;
            if text.contains("PRIVATE KEY") {
                return Err(CommandError::usage(format!(
                    "{} is a private key: give the public one, {}.pub",
                    key.display(),
                    key.display()
                )));
            }
            let time = |time: Option<humantime::Timestamp>| time.map(|time| time_text(time.into()));
            let change = Change::Add {
                principal: principal.clone(),
                key: text,
                namespaces: namespaces.into_iter().filter(|name| !name.is_empty()).collect(),
                valid_after: time(valid_after),
                valid_before: time(valid_before),
            };
            make(
                &change,
                "owner add",
                &format!("birthgate owner add {principal} {}", key.display()),
                &signing,
                connection,
                output,
            )
        }
        Command::Revoke { who, signing } => {
            let again = format!("birthgate owner revoke {who}");
            make(&Change::Revoke { who }, "owner revoke", &again, &signing, connection, output)
        }
        Command::Quorum { count, signing } => {
            let again = format!("birthgate owner quorum {count}");
            make(&Change::Quorum(count), "owner quorum", &again, &signing, connection, output)
        }
        Command::List { owners } => {
            let owners = owners.owners(connection)?;
            show(&owners, output);
            output.result("owner list", json!({ "quorum": owners.quorum, "owners": owners.owners }))
        }
    }
}

/// In whole seconds, UTC.
fn time_text(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

fn make(
    change: &Change,
    command: &str,
    again: &str,
    signing: &SigningArgs,
    connection: &ConnectionArgs,
    output: &Output,
) -> Result {
    let path = signing.owners_file(connection)?;
    let owners = match path.exists() {
        true => signing.owners(connection)?,
        false => Owners::parse(&path.display().to_string(), "")?,
    };
    let now = time_text(SystemTime::now());
    let signed = if owners.owners.is_empty() {
        Vec::new()
    } else if signing.brings() {
        signing.brought()?
    } else {
        let expires = time_text(SystemTime::now() + signing.valid_for());
        let declaration = owners.propose(change, &now, &expires)?;
        match signing.have_signed(&declaration, "owners.change", again, output)? {
            Signing::Asked(text) => return output.result(command, json!({ "to_sign": text })),
            Signing::Signed(signed) => signed,
        }
    };
    let text = owners.change(change, &now, &signed)?;
    write(&path, &text)?;
    let owners = Owners::parse(&path.display().to_string(), &text)?;
    output.say(format!("{} now says:", path.display()));
    show(&owners, output);
    output
        .result(command, json!({ "file": path, "quorum": owners.quorum, "owners": owners.owners }))
}

/// Written beside its place and renamed into it.
fn write(path: &Path, text: &str) -> Result {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let failed = |source| birthgate::Error::File { path: path.display().to_string(), source };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn show(owners: &Owners, output: &Output) {
    output.table(
        &["OWNER", "KEY", "ALGORITHM", "SIGNS", "FROM", "UNTIL"],
        owners.owners.iter().map(row).collect(),
    );
    output.say(format!(
        "{} must sign at least.",
        match owners.quorum {
            1 => "One owner".to_owned(),
            count => format!("{count} owners"),
        }
    ));
}

fn row(owner: &Owner) -> Vec<String> {
    let or_dash = |time: &Option<String>| time.clone().unwrap_or_else(|| "-".to_owned());
    vec![
        owner.principal.clone(),
        owner.key.clone(),
        owner.algorithm.clone(),
        owner.namespaces.as_ref().map_or_else(|| "anything".to_owned(), |names| names.join(",")),
        or_dash(&owner.valid_after),
        or_dash(&owner.valid_before),
    ]
}
