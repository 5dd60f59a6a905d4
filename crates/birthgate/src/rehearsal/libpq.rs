//! How libpq's programs reach the same server.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::NamedTempFile;
use tokio_postgres::config::{Host, SslMode};

use crate::database::Database;
use crate::error::{Error, Result};
use crate::tls::{Authorities, Trust};

/// Variables of the environment; a password goes there, where no other user sees it.
pub(super) struct Libpq {
    pub variables: BTreeMap<&'static str, String>,
    /// The certificates that one of the variables names.
    _certificates: Option<NamedTempFile>,
}

impl Libpq {
    /// To the first server that is named. Certificates are written into the folder.
    pub fn reach(live: &Database, scratch: &Path) -> Result<Libpq> {
        let config = live.config();
        let mut variables = BTreeMap::new();
        let host = config.get_hosts().first().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        variables.extend(host.map(|host| ("PGHOST", host)));
        let (mode, authorities) = match (live.trust(), config.get_ssl_mode()) {
            (Trust::Named(authorities), _) => ("verify-full", Some(authorities)),
            (Trust::Signed(authorities), _) => ("verify-ca", Some(authorities)),
            (Trust::Any, SslMode::Disable) => ("disable", None),
            (Trust::Any, SslMode::Require) => ("require", None),
            (Trust::Any, _) => ("prefer", None),
        };
        variables.insert("PGSSLMODE", mode.to_owned());
        let certificates =
            authorities.map(|authorities| written(authorities, scratch)).transpose()?;
        let file = certificates.as_ref().map(|file| file.path().display().to_string());
        variables.extend(file.map(|file| ("PGSSLROOTCERT", file)));
        let address = config.get_hostaddrs().first().map(ToString::to_string);
        variables.extend(address.map(|address| ("PGHOSTADDR", address)));
        variables.extend(config.get_ports().first().map(|port| ("PGPORT", port.to_string())));
        variables.extend(config.get_user().map(|user| ("PGUSER", user.to_owned())));
        let password = config.get_password().map(String::from_utf8_lossy);
        variables.extend(config.get_options().map(|options| ("PGOPTIONS", options.to_owned())));
        variables.extend(password.map(|password| ("PGPASSWORD", password.into_owned())));
        Ok(Libpq { variables, _certificates: certificates })
    }
}

/// In a file of their own: before PostgreSQL 16 libpq does not know those of the system.
fn written(authorities: &Authorities, folder: &Path) -> Result<NamedTempFile> {
    let mut text = String::new();
    for certificate in authorities.certificates()? {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in STANDARD.encode(&certificate).as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    let failed = |source| Error::File { path: folder.display().to_string(), source };
    let mut file = NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(file)
}
