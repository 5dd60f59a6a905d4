//! A connection string, taken apart: a URL, libpq's `name=value`, or ADO.NET's `Name=value;`.

use percent_encoding::percent_decode_str;

use crate::error::{CommandError, Result};

/// Names and values in their order; a later one replaces an earlier one.
pub type Pairs = Vec<(String, String)>;

/// What a string says.
pub struct Parts {
    pub pairs: Pairs,
    pub form: Form,
    /// What was passed over, in words.
    pub notes: Vec<String>,
}

/// How it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With parameters that another tool may have added for itself.
    Url,
    /// libpq's own, which has no other names than libpq's.
    Words,
    /// As Npgsql has it.
    Ado,
}

const EXAMPLE: &str = "postgresql://user@host:5432/database";
/// Other tools' names for PostgreSQL.
const OTHER_NAMES: [&str; 9] =
    ["ecto", "pg", "pgsql", "pgx", "pgx4", "pgx5", "postgis", "psql", "timescaledb"];

/// Takes a connection string apart. The errors do not show a password that may be in it.
pub fn parse(text: &str) -> Result<Parts> {
    let text = text.trim();
    let prefix = ["jdbc:", "r2dbc:pool:", "r2dbc:"].into_iter().find(|way| text.starts_with(way));
    let bare = prefix.map_or(text, |prefix| &text[prefix.len()..]);
    let mut notes: Vec<String> =
        prefix.map(|prefix| format!("{prefix} before the URL is ignored")).into_iter().collect();
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.:".contains(c))
    };
    match bare.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
        Some((scheme, rest)) => {
            notes.extend(note_on(&scheme.to_lowercase())?);
            Ok(Parts { pairs: url(rest)?, form: Form::Url, notes })
        }
        None if is_ado(text) => Ok(Parts { pairs: ado(text), form: Form::Ado, notes }),
        None => Ok(Parts { pairs: words(text)?, form: Form::Words, notes }),
    }
}

/// What there is to say about a scheme; an error when it is not PostgreSQL's.
fn note_on(scheme: &str) -> Result<Option<String>> {
    let (name, driver) = scheme.split_once('+').unwrap_or((scheme, ""));
    match (name, driver) {
        ("postgres" | "postgresql", "") => Ok(None),
        ("postgres" | "postgresql", driver) => {
            Ok(Some(format!("+{driver} in the URL's scheme is ignored: it names a driver")))
        }
        (name, "") if OTHER_NAMES.contains(&name) => {
            Ok(Some(format!("{name}:// is taken as postgresql://")))
        }
        ("prisma", _) => Err(CommandError::usage(format!(
            "{scheme}:// leads to a proxy of Prisma's and not to PostgreSQL; name the database itself: {EXAMPLE}"
        ))),
        _ => Err(CommandError::usage(format!(
            "{scheme}:// is not PostgreSQL, and Birthgate works with nothing else; a URL looks like this: {EXAMPLE}"
        ))),
    }
}

fn url(rest: &str) -> Result<Pairs> {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut pairs = Pairs::new();
    let mut hosts = authority;
    // Passwords with an @ that nobody encoded are common, hosts with one are not.
    if let Some((login, place)) = authority.rsplit_once('@') {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        pairs.push(("user".to_owned(), decode(user, "the user")?));
        pairs.push(("password".to_owned(), decode(password, "the password")?));
        hosts = place;
    }
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let bracketed = host.strip_prefix('[').and_then(|host| host.split_once(']'));
        let (name, port) = match bracketed {
            Some((name, port)) => (name, port.strip_prefix(':').unwrap_or(port)),
            None => host.split_once(':').unwrap_or((host, "")),
        };
        if !port.chars().all(|c| c.is_ascii_digit()) {
            return Err(CommandError::usage(
                "the connection cannot be read: what follows the host's colon is not a port; in a password write %2F for /, %3F for ? and %40 for @",
            ));
        }
        names.push(decode(name, "the host")?);
        ports.push(port);
    }
    pairs.push(("host".to_owned(), names.join(",")));
    if ports.iter().any(|port| !port.is_empty()) {
        pairs.push(("port".to_owned(), ports.join(",")));
    }
    pairs.push(("dbname".to_owned(), decode(path.trim_start_matches('/'), "the database")?));
    for part in query.split('&').filter(|part| !part.is_empty()) {
        // What has no value is a switch, as JDBC has them.
        let (name, value) = part.split_once('=').unwrap_or((part, "true"));
        let name = decode(name, "a parameter's name")?;
        let value = decode(value, &name)?;
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn decode(text: &str, what: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(|text| text.into_owned()).map_err(|_| {
        CommandError::usage(format!("the connection cannot be read: {what} is not UTF-8"))
    })
}

/// libpq's form: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>.
fn words(text: &str) -> Result<Pairs> {
    let bad = |problem: &str| {
        CommandError::usage(format!(
            "the connection cannot be read: {problem}; a URL looks like this: {EXAMPLE}"
        ))
    };
    let mut pairs = Pairs::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, value) =
            rest.split_once('=').ok_or_else(|| bad("it is neither a URL nor name=value"))?;
        let mut chars = value.trim_start().chars();
        let quote = chars.as_str().starts_with('\'').then(|| chars.next()).is_some();
        let mut value = String::new();
        loop {
            match chars.next() {
                Some('\\') => value.extend(chars.next()),
                Some('\'') if quote => break,
                None if quote => return Err(bad("a quote is not closed")),
                None => break,
                Some(c) if !quote && c.is_whitespace() => break,
                Some(c) => value.push(c),
            }
        }
        pairs.push((name.trim().to_owned(), value));
        rest = chars.as_str().trim_start();
    }
    Ok(pairs)
}

/// `Host=db;Database=app`: no name of libpq's has a semicolon in its usual values.
fn is_ado(text: &str) -> bool {
    let mut parts = text.split(';').filter(|part| !part.trim().is_empty());
    let first = parts.next().and_then(|part| part.split_once('='));
    text.contains(';') && first.is_some_and(|(name, _)| !name.trim().contains(['\'', ':']))
}

/// <https://www.npgsql.org/doc/connection-string-parameters.html>
fn ado(text: &str) -> Pairs {
    let mut quote = None;
    let parts = text.split(|c: char| {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            _ => {}
        }
        c == ';' && quote.is_none()
    });
    parts
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| {
            let name: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
            let value = value.trim().trim_matches(['"', '\'']);
            match name.to_lowercase().as_str() {
                "host" | "server" => ("host".to_owned(), value.to_owned()),
                "database" | "db" => ("dbname".to_owned(), value.to_owned()),
                "username" | "user" | "userid" | "uid" => ("user".to_owned(), value.to_owned()),
                "password" | "pwd" => ("password".to_owned(), value.to_owned()),
                "timeout" => ("connect_timeout".to_owned(), value.to_owned()),
                "searchpath" => ("search_path".to_owned(), value.to_owned()),
                "rootcertificate" => ("sslrootcert".to_owned(), value.to_owned()),
                "applicationname" => ("application_name".to_owned(), value.to_owned()),
                "sslmode" => ("sslmode".to_owned(), mode(value)),
                name => (name.to_owned(), value.to_owned()),
            }
        })
        .collect()
}

/// Npgsql writes VerifyFull.
fn mode(value: &str) -> String {
    value.to_lowercase().replace("verifyca", "verify-ca").replace("verifyfull", "verify-full")
}
