//! What libpq's `sslmode` and `sslrootcert` say, of which tokio-postgres knows half.

use std::path::PathBuf;

use birthgate::tls::{Authorities, Trust};
use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::error::{CommandError, Result};

/// As a connection string says it, or else the variables PGSSLMODE and PGSSLROOTCERT.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tls {
    mode: Option<String>,
    root: Option<PathBuf>,
}

impl Tls {
    /// Takes both out of a connection string; answers what is left of it.
    pub fn take(text: &str) -> (Tls, String) {
        let mut tls = Tls::default();
        let left = if text.starts_with("postgresql://") || text.starts_with("postgres://") {
            let Some((place, query)) = text.split_once('?') else { return (tls, text.to_owned()) };
            let decode = |value: &str| percent_decode_str(value).decode_utf8_lossy().into_owned();
            let left: Vec<&str> =
                query.split('&').filter(|part| !tls.is_part(part, decode)).collect();
            format!("{place}?{}", left.join("&"))
        } else {
            let decode = |value: &str| value.trim_matches('\'').to_owned();
            words(text)
                .into_iter()
                .filter(|word| !tls.is_part(word, decode))
                .collect::<Vec<_>>()
                .join(" ")
        };
        (tls, left)
    }

    /// Whether this is of it; then it is remembered.
    fn is_part(&mut self, part: &str, decode: impl Fn(&str) -> String) -> bool {
        match part.split_once('=') {
            Some(("sslmode", value)) => self.mode = Some(decode(value)),
            Some(("sslrootcert", value)) => self.root = Some(decode(value).into()),
            _ => return false,
        }
        true
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

/// The words of a string, where quotes hold together what is in them.
fn words(text: &str) -> Vec<&str> {
    let mut is_quoted = false;
    text.split(|c: char| {
        is_quoted ^= c == '\'';
        c.is_whitespace() && !is_quoted
    })
    .collect()
}
