//! What libpq's `sslmode` and `sslrootcert` say, of which tokio-postgres knows half.

use std::path::PathBuf;

use birthgate::tls::{Authorities, Trust};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::settings::Settings;
use crate::error::{CommandError, Result};

/// As a connection string says it, or else the variables PGSSLMODE and PGSSLROOTCERT.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tls {
    mode: Option<String>,
    root: Option<PathBuf>,
}

impl Tls {
    /// Takes both out of the settings.
    pub fn take(settings: &mut Settings) -> Tls {
        Tls {
            mode: settings.take("sslmode"),
            root: settings.take("sslrootcert").map(PathBuf::from),
        }
    }

    /// What it does not say, the environment does, and then libpq's file of certificates.
    pub fn or_environment(mut self) -> Tls {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let mode = || variable("PGSSLMODE").map(|mode| mode.to_string_lossy().into_owned());
        self.mode = self.mode.or_else(mode);
        self.root =
            self.root.or_else(|| variable("PGSSLROOTCERT").map(PathBuf::from)).or_else(|| {
                let file = PathBuf::from(variable("HOME")?).join(".postgresql/root.crt");
                file.is_file().then_some(file)
            });
        self
    }

    /// Applies it, as libpq does: <https://www.postgresql.org/docs/current/libpq-ssl.html>.
    pub fn apply(self, config: &mut Config) -> Result<Trust> {
        let is_system = self.root.as_ref().is_some_and(|root| root.as_os_str() == "system");
        let (mode, trust) = match (self.mode.as_deref(), self.root) {
            (Some("verify-full") | None, Some(_)) if is_system => {
                (SslMode::Require, Trust::Named(Authorities::System))
            }
            (Some(mode), _) if is_system => {
                let said = format!("sslrootcert=system needs sslmode=verify-full, not {mode}");
                return Err(CommandError::usage(said));
            }
            (Some("disable"), _) => (SslMode::Disable, Trust::Any),
            (None | Some("allow" | "prefer"), _) => (SslMode::Prefer, Trust::Any),
            (Some("require"), None) => (SslMode::Require, Trust::Any),
            (Some("require" | "verify-ca"), Some(file)) => {
                (SslMode::Require, Trust::Signed(Authorities::File(file)))
            }
            (Some("verify-ca"), None) => {
                let said = "sslmode=verify-ca needs sslrootcert, a file with the certificate of who signed the server's";
                return Err(CommandError::usage(said));
            }
            (Some("verify-full"), Some(file)) => {
                (SslMode::Require, Trust::Named(Authorities::File(file)))
            }
            (Some("verify-full"), None) => (SslMode::Require, Trust::Named(Authorities::System)),
            (Some(other), _) => {
                let said = format!(
                    "sslmode={other} is not known: disable, allow, prefer, require, verify-ca or verify-full"
                );
                return Err(CommandError::usage(said));
            }
        };
        config.ssl_mode(mode);
        Ok(trust)
    }
}
