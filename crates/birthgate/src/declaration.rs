//! What owners sign: a text of a few lines that people can read, `name: value`, each of which is compared with what is
//! there when the text is used. Nothing in it is obeyed.

use std::time::Duration;

use tokio_postgres::Client;

use crate::error::{Doing, Error, Result};
use crate::evidence_log::{self, Entry, Head, Identity};
use crate::unprepared::Unprepared;

/// A text to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// What it is about: `approval`, `decision`, `drift`, `owners`.
    pub kind: String,
    /// Its lines.
    fields: Vec<(String, String)>,
}

/// A text and one signature of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The text, every byte of it.
    pub text: String,
    /// The signature, as `ssh-keygen -Y sign` writes it.
    pub signature: String,
}

/// What every text about a database is bound to.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Which database.
    pub identity: Identity,
    /// The newest entry of its evidence log.
    pub head: Head,
    /// Until when the text may be used.
    pub expires: String,
    /// What tells it from another of the same content.
    pub id: String,
}

impl Binding {
    /// Of the database as it is now, for a text that may be used for so long. Makes its evidence log, where there is none.
    pub async fn make(client: &Client, valid_for: Duration) -> Result<Binding> {
        let identity = evidence_log::install(client).await?;
        let now = humantime::parse_rfc3339(&identity.now).map_err(|error| {
            Error::Unexpected(format!("the server's clock says {}: {error}", identity.now))
        })?;
        let row = client.one_row("SELECT gen_random_uuid()::text", &[]).await;
        Ok(Binding {
            head: evidence_log::head(client).await?,
            expires: humantime::format_rfc3339_seconds(
                now.checked_add(valid_for.min(LONGEST)).unwrap_or(now),
            )
            .to_string(),
            id: row.doing("making an id")?.get(0),
            identity,
        })
    }
}

/// No text may be used for longer than ten years.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

const FIRST: (&str, &str) = ("Birthgate ", ", version 1");

impl Declaration {
    /// A text of these lines. A line's end within a value becomes a blank.
    pub fn new(kind: &str, fields: Vec<(String, String)>) -> Declaration {
        let one_line =
            |text: String| text.split(['\n', '\r']).collect::<Vec<_>>().join(" ").trim().to_owned();
        let fields = fields.into_iter().map(|(name, value)| (name, one_line(value))).collect();
        Declaration { kind: kind.to_owned(), fields }
    }

    /// A text of these lines about a database.
    pub fn bound(kind: &str, fields: &[(&str, String)], binding: &Binding) -> Declaration {
        let identity = &binding.identity;
        let mut all: Vec<(String, String)> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        all.extend(
            [
                ("database", identity.database.clone()),
                ("system-identifier", identity.system_identifier.clone()),
                ("timeline", identity.timeline.clone()),
                ("instance", identity.instance.clone().unwrap_or_default()),
                ("evidence-log", format!("{} {}", binding.head.number, binding.head.hash)),
                ("expires", binding.expires.clone()),
                ("id", binding.id.clone()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        Declaration::new(kind, all)
    }

    /// The text.
    pub fn text(&self) -> String {
        let lines: String =
            self.fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        format!("{}{}{}\n{lines}", FIRST.0, self.kind, FIRST.1)
    }

    /// Reads a text that was made here: every byte of it is accounted for.
    pub fn parse(text: &str) -> Result<Declaration> {
        let refuse =
            || Error::NotSigned("this is no text that Birthgate made to be signed".to_owned());
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let kind = first
            .strip_prefix(FIRST.0)
            .and_then(|rest| rest.strip_suffix(FIRST.1))
            .ok_or_else(refuse)?;
        let fields: Option<Vec<(String, String)>> = lines
            .map(|line| line.split_once(": "))
            .map(|field| field.map(|(name, value)| (name.to_owned(), value.to_owned())))
            .collect();
        let declaration = Declaration { kind: kind.to_owned(), fields: fields.ok_or_else(refuse)? };
        match declaration.text() == text {
            true => Ok(declaration),
            false => Err(refuse()),
        }
    }

    /// The value of the only line of that name.
    pub fn get(&self, name: &str) -> Result<&str> {
        let mut all = self.fields.iter().filter(|(known, _)| known == name);
        let mut next = || all.next().map(|(_, value)| value.as_str());
        match (next(), next()) {
            (Some(value), None) => Ok(value),
            _ => Err(Error::NotSigned(format!("the text does not say one {name}"))),
        }
    }

    /// The values of the lines of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Fails unless the line says this.
    pub fn says(&self, name: &str, value: &str) -> Result<()> {
        let said = self.get(name)?;
        match said == value {
            true => Ok(()),
            false => Err(Error::NotSigned(format!(
                "the text is of another {name}: it says {said}, and here it is {value}"
            ))),
        }
    }

    /// Fails unless the text is of this kind, about this database, of its evidence log as it is, and not expired.
    pub fn holds_here(&self, kind: &str, identity: &Identity, log: &[Entry]) -> Result<()> {
        if self.kind != kind {
            return Err(Error::NotSigned(format!("the text is about {}, not {kind}", self.kind)));
        }
        let instance = identity.instance.clone().ok_or_else(|| {
            Error::NotSigned("this database is a copy, or was moved: nobody has signed anything for it; make and sign the text again".to_owned())
        })?;
        self.says("database", &identity.database)?;
        self.says("system-identifier", &identity.system_identifier)?;
        self.says("timeline", &identity.timeline)?;
        self.says("instance", &instance)?;
        if self.get("expires")? <= identity.now.as_str() {
            return Err(Error::NotSigned(format!(
                "the text has expired at {}; make and sign it again",
                self.get("expires")?
            )));
        }
        self.knows(log)
    }

    /// Fails unless the evidence log has the entry that was its newest when the text was made.
    pub fn knows(&self, log: &[Entry]) -> Result<()> {
        let head = self.get("evidence-log")?;
        let there = head == Head::none().text()
            || log.iter().any(|entry| {
                head == Head { number: entry.number, hash: entry.hash.clone() }.text()
            });
        match there {
            true => Ok(()),
            false => Err(Error::NotSigned(format!(
                "the evidence log does not hold the entry that was signed: {head}; it was written anew, or this is another database"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_nothing_else() {
        let fields = vec![
            ("packet".to_owned(), "A: b".to_owned()),
            ("accepts".to_owned(), "one\nline".to_owned()),
            ("doors".to_owned(), String::new()),
        ];
        let declaration = Declaration::new("approval", fields);
        let text = declaration.text();
        assert_eq!(Declaration::parse(&text).ok(), Some(declaration.clone()));
        assert_eq!(declaration.get("packet").ok(), Some("A: b"));
        assert_eq!(declaration.get("accepts").ok(), Some("one line"));
        for other in [
            text.trim_end().to_owned(),
            text.replace('\n', "\r\n"),
            text.replace("approval, version 1", "approval, version 2"),
            format!("{text}\n"),
        ] {
            assert!(Declaration::parse(&other).is_err(), "{other}");
        }
    }
}
