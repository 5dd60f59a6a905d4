//! How a command reaches its database: flags, else environment, else birthgate.toml.

mod parameters;
mod settings;
mod string;
#[cfg(test)]
mod tests;
mod tls;

use std::cell::Cell;
use std::path::PathBuf;

use birthgate::Database;
use birthgate::preflight::Ospa;
use birthgate_server::daemon::ServeConfig;
use birthgate_server::mcp::McpConfig;
use birthgate_server::sink::SinkConfig;
use clap::Args;
use serde::Deserialize;

use self::settings::{Settings, variable};
use self::tls::Tls;
use crate::error::{CommandError, Result};

const CONFIG_FILE: &str = "birthgate.toml";

/// The flags that say where the database is.
#[derive(Args, Debug)]
pub struct ConnectionArgs {
    /// Where the database is: postgresql://user@host/database, or "host=… dbname=…". Else the
    /// variables PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE; PGSSLMODE and PGSSLROOTCERT
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    #[arg(help_heading = "Connection")]
    database_url: Option<String>,
    /// The configuration file [default: birthgate.toml, if it is there]
    #[arg(
        long,
        global = true,
        env = "BIRTHGATE_CONFIG",
        hide_env_values = true,
        value_name = "FILE"
    )]
    #[arg(help_heading = "Connection")]
    config: Option<PathBuf>,
    #[arg(skip)]
    is_noted: Cell<bool>,
}

/// What birthgate.toml says.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    #[serde(default)]
    connection: ConnectionSection,
    #[serde(default)]
    evidence: EvidenceSection,
    #[serde(default)]
    owners: OwnersSection,
    /// Where human approvals are on record.
    pub ospa: Option<Ospa>,
    #[serde(default)]
    pub handoff: HandoffSection,
    #[serde(default)]
    pub serve: ServeConfig,
    #[serde(default)]
    pub mcp: McpConfig,
}

/// Where births and changes are handed off to.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandoffSection {
    /// What events call this database: a URI.
    pub source: Option<String>,
    /// What a first run begins with.
    #[serde(default)]
    pub start: HandoffStart,
    /// The sinks.
    #[serde(default)]
    pub sink: Vec<SinkConfig>,
}

/// What a first run begins with.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HandoffStart {
    /// Everything that is there.
    #[default]
    Everything,
    /// What happens from now on.
    Now,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EvidenceSection {
    folder: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnersSection {
    allowed_signers: Option<PathBuf>,
}

impl ConfigFile {
    /// Below which folder evidence is kept.
    pub fn evidence_folder(&self) -> PathBuf {
        self.evidence.folder.clone().unwrap_or_else(|| "birthgate-evidence".into())
    }

    /// The file of the owners that is named.
    pub fn named_signers(&self) -> Option<PathBuf> {
        self.owners.allowed_signers.clone()
    }

    /// The file of the owners.
    pub fn allowed_signers(&self) -> PathBuf {
        self.named_signers().unwrap_or_else(|| "allowed_signers".into())
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConnectionSection {
    url: Option<String>,
}

impl ConnectionArgs {
    /// The database that the command works on.
    pub fn database(&self) -> Result<Database> {
        let named = self.database_url.clone().filter(|url| !url.is_empty());
        let named = match named {
            None if variable("PGHOST").is_none() => self.config_file()?.connection.url,
            named => named,
        };
        let mut settings = match named {
            Some(text) => Settings::from_string(&text)?,
            None => Settings::from_environment()?,
        };
        // A command that connects twice says it once.
        if !self.is_noted.replace(true) {
            for note in &settings.notes {
                eprintln!("\x1b[1mnote:\x1b[0m {note}");
            }
        }
        let tls = Tls::take(&mut settings);
        let mut config = settings.config()?;
        let trust = tls.or_environment().apply(&mut config)?;
        Ok(Database::trusting(config, trust)?)
    }

    /// The folder that relative paths of the configuration file are taken from.
    pub fn config_folder(&self) -> PathBuf {
        let folder = self.config.as_deref().and_then(std::path::Path::parent);
        folder.map_or_else(PathBuf::new, std::path::Path::to_owned)
    }

    /// The configuration file; an empty one where none is.
    pub fn config_file(&self) -> Result<ConfigFile> {
        let path = self.config.clone().unwrap_or_else(|| CONFIG_FILE.into());
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(_) if self.config.is_none() => return Ok(ConfigFile::default()),
            Err(error) => {
                return Err(CommandError::usage(format!("{}: {error}", path.display())));
            }
        };
        toml::from_str(&text)
            .map_err(|error| CommandError::usage(format!("{}: {error}", path.display())))
    }
}
