//! Where the database is, in libpq's parameters.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use nix::unistd::{User, geteuid};
use tokio_postgres::Config;

use super::parameters::resolve;
use super::string::{Form, parse};
use crate::error::{CommandError, Result};

/// The variables of libpq that name a database. PGPORT or PGPASSWORD alone name none.
const NAMING: [&str; 4] = ["PGHOST", "PGHOSTADDR", "PGUSER", "PGDATABASE"];
/// Those that are used, and their parameters.
const VARIABLES: [(&str, &str); 11] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGDATABASE", "dbname"),
    ("PGOPTIONS", "options"),
    ("PGAPPNAME", "application_name"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGCHANNELBINDING", "channel_binding"),
];
/// Where PostgreSQL has its socket: Debian and Red Hat, and as it is built by others.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// Parameters that have a value.
pub struct Settings {
    values: BTreeMap<String, String>,
    /// What of a connection string was ignored or taken as something else.
    pub notes: Vec<String>,
}

impl Settings {
    /// What a connection string says. It names the place alone: no PGHOST or PGPORT completes it, as a stray one would lead to
    /// another database. Only a password may be in PGPASSWORD.
    pub fn from_string(text: &str) -> Result<Settings> {
        let mut parts = parse(text)?;
        let pairs = resolve(parts.pairs, parts.form, &mut parts.notes)?;
        let mut settings = Settings { values: valued(pairs), notes: parts.notes };
        if !settings.values.contains_key("password") {
            settings.values.extend(variable("PGPASSWORD").map(|it| ("password".to_owned(), it)));
        }
        Ok(settings)
    }

    /// What libpq's variables say; an error where none of them names a database.
    pub fn from_environment() -> Result<Settings> {
        if !NAMING.iter().any(|name| variable(name).is_some()) {
            let message = match variable("PGSERVICE") {
                Some(_) => "PGSERVICE is set, which Birthgate does not support",
                None => "no database is named: DATABASE_URL is not set",
            };
            return Err(CommandError {
                hint: Some(
                    "export DATABASE_URL=postgresql://user@host:5432/database, or give it as --database-url".to_owned(),
                ),
                ..CommandError::usage(message)
            });
        }
        let pairs = VARIABLES
            .iter()
            .filter_map(|(name, parameter)| Some(((*parameter).to_owned(), variable(name)?)))
            .collect();
        let mut notes = Vec::new();
        let pairs = resolve(pairs, Form::Words, &mut notes)?;
        let mut values = valued(pairs);
        values.entry("application_name".to_owned()).or_insert_with(|| "birthgate".to_owned());
        Ok(Settings { values, notes })
    }

    /// Takes a parameter out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)
    }

    /// The configuration, with libpq's defaults.
    pub fn config(mut self) -> Result<Config> {
        let values = &mut self.values;
        if !values.contains_key("user") {
            let own = User::from_uid(geteuid()).ok().flatten();
            values.extend(own.map(|own| ("user".to_owned(), own.name)));
        }
        if !values.contains_key("dbname") {
            let user = values.get("user").cloned();
            values.extend(user.map(|user| ("dbname".to_owned(), user)));
        }
        if !values.contains_key("host") && !values.contains_key("hostaddr") {
            let port = values.get("port").map_or("5432", String::as_str);
            values.insert("host".to_owned(), socket_folder(port));
        }
        let escaped = |value: &str| value.replace('\\', "\\\\").replace('\'', "\\'");
        let text: Vec<String> = self
            .values
            .iter()
            .map(|(name, value)| format!("{name}='{}'", escaped(value)))
            .collect();
        Config::from_str(&text.join(" ")).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            CommandError::usage(format!(
                "the connection cannot be read: {error}{}",
                cause.unwrap_or_default()
            ))
        })
    }
}

/// Of each parameter the last value; an empty one is none.
fn valued(pairs: Vec<(String, String)>) -> BTreeMap<String, String> {
    pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// A variable of the environment that is not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn socket_folder(port: &str) -> String {
    let has_one = |folder: &&&str| Path::new(folder).join(format!(".s.PGSQL.{port}")).exists();
    SOCKET_FOLDERS.iter().find(has_one).unwrap_or(&SOCKET_FOLDERS[0]).to_string()
}
