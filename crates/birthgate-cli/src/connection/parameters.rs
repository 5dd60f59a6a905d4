//! What becomes of each parameter of a connection string: libpq's that we use, libpq's that we do not support, and those that
//! other tools add for themselves.

use super::string::{Form, Pairs};
use crate::error::{CommandError, Result};

/// What becomes of one.
enum Fate {
    /// It is libpq's parameter of this name.
    Used(&'static str),
    /// A setting of the server, for the session.
    Setting(String),
    /// The same, of one schema.
    Schema,
    /// Another tool's word for encryption.
    Encrypted,
    /// Prisma's word for a certificate that is verified.
    Verified,
    /// It is so already.
    So,
    /// libpq knows it and we do not; what to do instead.
    Unsupported(&'static str),
    /// Nobody's that we know, and it may decide who is asked, as whom, and who listens.
    Refused,
    /// Another tool's, for itself.
    Ignored,
}

/// libpq's names that are used, and how JDBC, sqlx and others write them.
const USED: [(&str, &str); 26] = [
    ("user", "user"),
    ("password", "password"),
    ("dbname", "dbname"),
    ("host", "host"),
    ("hostaddr", "hostaddr"),
    ("port", "port"),
    ("options", "options"),
    ("application_name", "application_name"),
    ("ApplicationName", "application_name"),
    ("fallback_application_name", "application_name"),
    ("connect_timeout", "connect_timeout"),
    ("connectTimeout", "connect_timeout"),
    ("loginTimeout", "connect_timeout"),
    ("tcp_user_timeout", "tcp_user_timeout"),
    ("keepalives", "keepalives"),
    ("keepalives_idle", "keepalives_idle"),
    ("keepalives_interval", "keepalives_interval"),
    ("keepalives_count", "keepalives_retries"),
    ("target_session_attrs", "target_session_attrs"),
    ("channel_binding", "channel_binding"),
    ("sslnegotiation", "sslnegotiation"),
    ("load_balance_hosts", "load_balance_hosts"),
    ("sslmode", "sslmode"),
    ("ssl-mode", "sslmode"),
    ("sslrootcert", "sslrootcert"),
    ("ssl-root-cert", "sslrootcert"),
];

/// Settings that drivers take from a URL and give to the server (lib/pq, pgx, JDBC's `currentSchema`, Rails).
const SETTINGS: [(&str, &str); 14] = [
    ("search_path", "search_path"),
    ("currentSchema", "search_path"),
    ("schema_search_path", "search_path"),
    ("role", "role"),
    ("statement_timeout", "statement_timeout"),
    ("lock_timeout", "lock_timeout"),
    ("idle_in_transaction_session_timeout", "idle_in_transaction_session_timeout"),
    ("default_transaction_isolation", "default_transaction_isolation"),
    ("default_transaction_read_only", "default_transaction_read_only"),
    ("timezone", "timezone"),
    ("TimeZone", "timezone"),
    ("datestyle", "datestyle"),
    ("intervalstyle", "intervalstyle"),
    ("client_min_messages", "client_min_messages"),
];

const BY_PASSWORD: &str = "Birthgate logs in with a password";
const BY_TLS: &str = "sslmode and sslrootcert say how the server is verified";
/// libpq's that we do not support, and what to do instead.
const UNSUPPORTED: [(&str, &str); 26] = [
    ("service", "name host, user and database themselves"),
    ("servicefile", "name host, user and database themselves"),
    ("passfile", "give the password in PGPASSWORD"),
    ("sslcert", "Birthgate logs in with a password; an authority's certificate is sslrootcert"),
    ("sslkey", BY_PASSWORD),
    ("sslpassword", BY_PASSWORD),
    ("sslcertmode", BY_PASSWORD),
    ("sslidentity", BY_PASSWORD),
    ("sslcrl", BY_TLS),
    ("sslcrldir", BY_TLS),
    ("sslkeylogfile", BY_TLS),
    ("ssl_min_protocol_version", "TLS is 1.2 or newer"),
    ("ssl_max_protocol_version", "TLS is 1.2 or newer"),
    ("min_protocol_version", "the protocol is 3.0"),
    ("max_protocol_version", "the protocol is 3.0"),
    ("gssencmode", "sslmode encrypts the connection"),
    ("require_auth", "sslmode=verify-full makes sure which server gets the password"),
    ("requirepeer", "connect by TCP with sslmode=verify-full"),
    ("replication", "Birthgate runs SQL"),
    ("scram_client_key", BY_PASSWORD),
    ("scram_server_key", BY_PASSWORD),
    ("oauth_issuer", BY_PASSWORD),
    ("oauth_client_id", BY_PASSWORD),
    ("oauth_client_secret", BY_PASSWORD),
    ("oauth_scope", BY_PASSWORD),
    ("krbsrvname", BY_PASSWORD),
];

/// Names that may decide which server is asked, as whom, and who listens. They are not ignored, nor is what begins so.
const PLACE: [&str; 10] = [
    "database",
    "db",
    "hostname",
    "hosts",
    "pass",
    "passwd",
    "pwd",
    "server",
    "session_authorization",
    "username",
];
const SECURITY: [&str; 7] = ["auth", "cert", "gss", "krb", "oauth", "ssl", "tls"];

fn fate(name: &str, value: &str, form: Form) -> Fate {
    let of = |table: &[(&'static str, &'static str)]| {
        table.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
    };
    if let Some(used) = of(&USED) {
        return Fate::Used(used);
    }
    // JDBC writes gssEncMode.
    let lower = name.to_lowercase();
    if is_so(&lower, value) {
        return Fate::So;
    }
    if let Some((_, instead)) = UNSUPPORTED.iter().find(|(known, _)| *known == lower) {
        return Fate::Unsupported(instead);
    }
    // libpq knows the session's settings by `options` alone.
    if form != Form::Words {
        if let Some(setting) = of(&SETTINGS) {
            return Fate::Setting(setting.to_owned());
        }
        if let Some(inner) = name.strip_prefix("options[").and_then(|name| name.strip_suffix(']')) {
            return Fate::Setting(inner.to_owned());
        }
        match name {
            "schema" => return Fate::Schema,
            "ssl" | "ssl_require" => return Fate::Encrypted,
            "sslaccept" => return Fate::Verified,
            // A setting that somebody made up for their own policies.
            name if name.contains('.') => return Fate::Setting(name.to_owned()),
            _ => {}
        }
    }
    let is_risky =
        PLACE.contains(&lower.as_str()) || SECURITY.iter().any(|start| lower.starts_with(start));
    match is_risky || form == Form::Words {
        true => Fate::Refused,
        false => Fate::Ignored,
    }
}

/// Whether what is asked for is so in any case.
fn is_so(name: &str, value: &str) -> bool {
    let values: &[&str] = match name {
        "client_encoding" => &["UTF8", "utf8", "UTF-8", "utf-8", "unicode", "auto"],
        "gssencmode" => &["disable", "prefer"],
        "ssl_min_protocol_version" => &["TLSv1", "TLSv1.1", "TLSv1.2"],
        "sslcertmode" => &["disable", "allow"],
        "sslcompression" => &["0"],
        "sslsni" => &["1"],
        "replication" => &["false", "off", "no", "0"],
        _ => &[],
    };
    values.contains(&value)
}

/// libpq's parameters that pairs come to. What is ignored, or taken as something else, is noted.
pub fn resolve(pairs: Pairs, form: Form, notes: &mut Vec<String>) -> Result<Pairs> {
    let mut resolved = Pairs::new();
    let mut settings: Vec<String> = Vec::new();
    let (mut encrypted, mut verified) = (None, false);
    for (name, value) in pairs {
        match fate(&name, &value, form) {
            Fate::Used(used) if name.starts_with("fallback_") => {
                resolved.insert(0, (used.to_owned(), value));
            }
            Fate::Used(used) => resolved.push((used.to_owned(), spelled(used, value))),
            Fate::Setting(setting) => settings.push(setting_option(&setting, &value)),
            // It is the default, and a pooler may refuse options.
            Fate::Schema if value == "public" => {
                notes.push(format!("{name}=public is the default"))
            }
            Fate::Schema => {
                let quoted = format!("\"{}\"", value.replace('"', "\"\""));
                settings.push(setting_option("search_path", &quoted));
                notes.push(format!("{name}={value} is taken as search_path"));
            }
            Fate::Encrypted => {
                let mode = match value.as_str() {
                    "false" | "0" | "off" | "no" => "disable",
                    "true" | "1" | "on" | "yes" => "require",
                    mode => mode,
                };
                notes.push(format!("{name}={value} is taken as sslmode={mode}"));
                encrypted = Some(mode.to_owned());
            }
            Fate::Verified if value == "strict" => {
                notes.push(format!("{name}=strict is taken as sslmode=verify-full"));
                verified = true;
            }
            Fate::So => {}
            Fate::Verified | Fate::Ignored => {
                notes.push(format!("{name} is ignored: PostgreSQL has no such parameter"));
            }
            Fate::Unsupported(instead) => {
                return Err(CommandError::usage(format!(
                    "the connection says {name}, which Birthgate does not support; {instead}"
                )));
            }
            Fate::Refused => {
                return Err(CommandError::usage(format!(
                    "the connection says {name}, which PostgreSQL does not know; leave it out, or see https://www.postgresql.org/docs/current/libpq-connect.html for the name that is meant"
                )));
            }
        }
    }
    let mode = resolved.iter().rfind(|(name, _)| name == "sslmode").map(|(_, mode)| mode.as_str());
    // libpq's own word stands; that a certificate is to be verified is not lost with it.
    let mode = match mode {
        Some("disable") => None,
        _ if verified => Some("verify-full".to_owned()),
        None => encrypted,
        Some(_) => None,
    };
    resolved.extend(mode.map(|mode| ("sslmode".to_owned(), mode)));
    if !settings.is_empty() {
        let given = resolved.iter().rfind(|(name, _)| name == "options");
        let given = given.map(|(_, options)| format!("{options} ")).unwrap_or_default();
        resolved.push(("options".to_owned(), given + &settings.join(" ")));
    }
    Ok(resolved)
}

/// A value as tokio-postgres has it.
fn spelled(name: &str, value: String) -> String {
    match (name, value.as_str()) {
        ("target_session_attrs", "primary") => "read-write".to_owned(),
        ("target_session_attrs", "standby") => "read-only".to_owned(),
        ("target_session_attrs", "prefer-standby") => "any".to_owned(),
        _ => value,
    }
}

/// As the server reads options: a backslash keeps what is a space of a value.
fn setting_option(name: &str, value: &str) -> String {
    let mut option = format!("-c {name}=");
    for c in value.chars() {
        if c.is_whitespace() || c == '\\' {
            option.push('\\');
        }
        option.push(c);
    }
    option
}
