//! The owners: whose signatures count. Their file, `allowed_signers` as ssh-keygen has it, is kept outside the
//! database, so that nobody who writes to the database can make himself an owner. It changes by the signatures of
//! a quorum of those who are in it.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use sha2::{Digest, Sha256};
use ssh_key::PublicKey;
use ssh_key::public::KeyData;

use crate::declaration::{Declaration, Signed};
use crate::error::{Error, Result};
use crate::signature::{self, NAMESPACE};

/// How the file says how many owners must sign at least, whatever a packet says.
const QUORUM: &str = "# birthgate: quorum = ";
/// How often the file was changed: what was signed for it once never fits it again.
const REVISION: &str = "# birthgate: revision = ";

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// Who.
    pub principal: String,
    /// The key, as people compare it.
    pub key: String,
    /// ssh-ed25519 and the like.
    pub algorithm: String,
    /// What the key may sign; `None`: anything.
    pub namespaces: Option<Vec<String>>,
    /// From when on it counts (RFC 3339, UTC).
    pub valid_after: Option<String>,
    /// Until when it counts.
    pub valid_before: Option<String>,
    #[serde(skip)]
    data: KeyData,
    #[serde(skip)]
    line: usize,
}

/// The file.
#[derive(Clone, Debug)]
pub struct Owners {
    text: String,
    /// Its lines with keys.
    pub owners: Vec<Owner>,
    /// How many must sign at least.
    pub quorum: u32,
}

/// A change of the file.
#[derive(Clone, Debug)]
pub enum Change {
    /// Another line.
    Add {
        /// Who.
        principal: String,
        /// The line of a public key's file.
        key: String,
        /// What it may sign; empty: anything.
        namespaces: Vec<String>,
        /// From when on (RFC 3339, UTC, whole seconds).
        valid_after: Option<String>,
        /// Until when.
        valid_before: Option<String>,
    },
    /// A key that no longer counts. Its line stays, so that what it signed before can still be verified.
    Revoke {
        /// The principal, or the key's fingerprint.
        who: String,
    },
    /// Another quorum.
    Quorum(u32),
}

fn refuse<T>(why: impl Into<String>) -> Result<T> {
    Err(Error::NotSigned(why.into()))
}

/// `20261124Z`, `202611241200Z` or `20261124120000Z` as RFC 3339. Without the Z it would be of whatever time zone the
/// reader is in.
fn time(text: &str) -> Option<String> {
    let digits = text.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = match digits.len() {
        8 => format!("{digits}000000"),
        12 => format!("{digits}00"),
        14 => digits.to_owned(),
        _ => return None,
    };
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &padded[..4],
        &padded[4..6],
        &padded[6..8],
        &padded[8..10],
        &padded[10..12],
        &padded[12..]
    );
    humantime::parse_rfc3339(&text).is_ok().then_some(text)
}

/// RFC 3339 in whole seconds as the file has it.
fn stamp(time: &str) -> String {
    time.chars().filter(|c| c.is_ascii_digit() || *c == 'Z').collect()
}

/// Cuts a line into words; quoted parts may hold blanks.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.push(c);
            }
            c if c.is_whitespace() && !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn options(text: &str) -> Vec<(String, String)> {
    let (mut found, mut part, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars().chain([',']) {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                let (name, value) = part.split_once('=').unwrap_or((&part, ""));
                found.push((name.to_ascii_lowercase(), value.to_owned()));
                part.clear();
            }
            c => part.push(c),
        }
    }
    found
}

fn parse_line(line: &str, at: usize) -> std::result::Result<Owner, String> {
    let words = words(line);
    let [principal, rest @ ..] = &words[..] else { return Err("it is empty".to_owned()) };
    if principal.contains(['*', '?', '!', ',', '"']) {
        return Err(format!("{principal} is a pattern: an owner is one name on a line of its own"));
    }
    let is_key =
        |word: &String| ["ssh-", "ecdsa-", "sk-"].iter().any(|start| word.starts_with(start));
    let (said, key) = match rest {
        [first, ..] if is_key(first) => (Vec::new(), rest),
        [first, key @ ..] if !key.is_empty() => (options(first), key),
        _ => return Err("it has no key".to_owned()),
    };
    let public = PublicKey::from_openssh(&key[..key.len().min(2)].join(" "))
        .map_err(|error| format!("its key cannot be read: {error}"))?;
    let mut owner = Owner {
        principal: principal.clone(),
        key: signature::fingerprint(public.key_data()),
        algorithm: public.algorithm().to_string(),
        namespaces: None,
        valid_after: None,
        valid_before: None,
        data: public.key_data().clone(),
        line: at,
    };
    for (name, value) in said {
        let when = || {
            time(&value)
                .ok_or(format!("{name}={value} is no time such as 20261231Z or 20261231235900Z"))
        };
        match name.as_str() {
            "namespaces" if value.contains(['*', '?', '!']) => {
                return Err(format!("the namespaces {value} are a pattern"));
            }
            "namespaces" => owner.namespaces = Some(value.split(',').map(str::to_owned).collect()),
            "valid-after" => owner.valid_after = Some(when()?),
            "valid-before" => owner.valid_before = Some(when()?),
            other => return Err(format!("the option {other} is not understood")),
        }
    }
    Ok(owner)
}

impl Owners {
    /// Reads the file. One that everybody may write to is nobody's word.
    pub fn read(path: &Path) -> Result<Owners> {
        use std::os::unix::fs::PermissionsExt;
        let name = path.display().to_string();
        let failed = |source| Error::File { path: name.clone(), source };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        if std::fs::metadata(path).map_err(failed)?.permissions().mode() & 0o002 != 0 {
            return refuse(format!(
                "everybody on this machine may write to {name}, and so make himself an owner: chmod o-w {name}"
            ));
        }
        Owners::parse(&name, &text)
    }

    /// Reads the file's text. A line that cannot be understood refuses the whole file: it might have said less than
    /// what is read of it.
    pub fn parse(name: &str, text: &str) -> Result<Owners> {
        let mut owners: Vec<Owner> = Vec::new();
        let mut quorum = 1;
        for (at, line) in text.lines().enumerate() {
            let problem = |why: String| Error::NotSigned(format!("{name}:{}: {why}", at + 1));
            if let Some(said) = line.strip_prefix(QUORUM) {
                let said: Option<u32> = said.trim().parse().ok().filter(|count| *count > 0);
                quorum =
                    said.ok_or_else(|| problem("the quorum is no number above 0".to_owned()))?;
                continue;
            }
            if line.starts_with(REVISION) {
                continue;
            }
            if line.starts_with('#') && line.to_ascii_lowercase().contains("birthgate:") {
                return Err(problem(format!("this is neither \"{QUORUM}N\" nor \"{REVISION}N\"")));
            }
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let owner = parse_line(line, at).map_err(problem)?;
            if let Some(other) = owners.iter().find(|known| known.data == owner.data) {
                return Err(problem(format!(
                    "its key is on line {} already; one key is one owner's",
                    other.line + 1
                )));
            }
            owners.push(owner);
        }
        Ok(Owners { text: text.to_owned(), owners, quorum })
    }

    /// SHA-256 of the file.
    pub fn hash(&self) -> String {
        format!("{:x}", Sha256::digest(&self.text))
    }

    /// The file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whose signature this is, if it counts at that time (RFC 3339, UTC).
    pub fn signer(&self, signed: &Signed, at: &str) -> Result<&Owner> {
        let key = signature::verify(&signed.text, &signed.signature, NAMESPACE)?;
        let Some(owner) = self.owners.iter().find(|owner| owner.data == key) else {
            return refuse(format!("the key {} is no owner's", signature::fingerprint(&key)));
        };
        owner.counts(at)?;
        Ok(owner)
    }

    /// Fails unless a quorum has signed what `check` finds to be right; answers who, and the text that all of them signed.
    pub fn agree(
        &self,
        signed: &[Signed],
        at: &str,
        check: impl Fn(&Declaration) -> Result<()>,
    ) -> Result<(Vec<String>, Declaration)> {
        let mut who = BTreeSet::new();
        let mut text: Option<Declaration> = None;
        for one in signed {
            let said = Declaration::parse(&one.text)?;
            check(&said)?;
            if text.as_ref().is_some_and(|known| *known != said) {
                return refuse("the signatures are of different texts");
            }
            text = Some(said);
            who.insert(self.signer(one, at)?.principal.clone());
        }
        match text {
            Some(text) if who.len() as u64 >= u64::from(self.quorum) => {
                Ok((who.into_iter().collect(), text))
            }
            _ => refuse(format!("{} of the owners have signed, {} must", who.len(), self.quorum)),
        }
    }

    /// The text that the quorum signs so that the change is made. `now` and `expires` are RFC 3339, UTC.
    pub fn propose(&self, change: &Change, now: &str, expires: &str) -> Result<Declaration> {
        let lines = self.changed_lines(change, now)?;
        let mut fields = vec![("owners-sha256".to_owned(), self.hash())];
        fields.extend(lines.iter().map(|(what, line)| ((*what).to_owned(), line.clone())));
        fields.push(("at".to_owned(), now.to_owned()));
        fields.push(("expires".to_owned(), expires.to_owned()));
        Ok(Declaration::new("owners", fields))
    }

    /// The file after a change that a quorum of its owners has signed; while there is no owner, nobody has to.
    pub fn change(&self, change: &Change, now: &str, signed: &[Signed]) -> Result<String> {
        if self.owners.is_empty() {
            return self.write(&self.changed_lines(change, now)?);
        }
        let check = |said: &Declaration| {
            if said.kind != "owners" {
                return refuse(format!("the text is about {}, not owners", said.kind));
            }
            if said.get("owners-sha256")? != self.hash() {
                return refuse("the owners were changed since the text was made: make it again");
            }
            if said.get("expires")? <= now {
                return refuse(format!("the text has expired at {}", said.get("expires")?));
            }
            for (what, line) in &self.changed_lines(change, said.get("at")?)? {
                if !said.all(what).any(|known| known == line) {
                    return refuse("the text is about another change of the owners");
                }
            }
            Ok(())
        };
        let (_, said) = self.agree(signed, now, check)?;
        self.write(&self.changed_lines(change, said.get("at")?)?)
    }

    fn changed_lines(&self, change: &Change, now: &str) -> Result<Vec<(&'static str, String)>> {
        match change {
            Change::Quorum(count) => {
                let principals: BTreeSet<&String> = self
                    .owners
                    .iter()
                    .filter(|owner| owner.counts(now).is_ok())
                    .map(|owner| &owner.principal)
                    .collect();
                if *count == 0 || *count as usize > principals.len().max(1) {
                    return refuse(format!(
                        "a quorum of {count} cannot be reached by {} owners",
                        principals.len()
                    ));
                }
                Ok(vec![("quorum", count.to_string())])
            }
            Change::Add { principal, key, namespaces, valid_after, valid_before } => {
                let mut said = Vec::new();
                if !namespaces.is_empty() {
                    said.push(format!("namespaces=\"{}\"", namespaces.join(",")));
                }
                for (name, when) in [("valid-after", valid_after), ("valid-before", valid_before)] {
                    said.extend(when.iter().map(|when| format!("{name}=\"{}\"", stamp(when))));
                }
                let key: Vec<&str> = key.split_whitespace().take(2).collect();
                let said =
                    if said.is_empty() { String::new() } else { format!("{} ", said.join(",")) };
                let line = format!("{principal} {said}{}", key.join(" "));
                let owner = parse_line(&line, 0).map_err(Error::NotSigned)?;
                if self.owners.iter().any(|known| known.data == owner.data) {
                    return refuse(format!("the key {} is an owner's already", owner.key));
                }
                Ok(vec![("add", line)])
            }
            Change::Revoke { who } => {
                let of = |owner: &&Owner| {
                    (owner.principal == *who || owner.key == *who) && owner.counts(now).is_ok()
                };
                let keys: Vec<&Owner> = self.owners.iter().filter(of).collect();
                if keys.is_empty() {
                    return refuse(format!("{who} is no owner whose key counts"));
                }
                let left: BTreeSet<&String> = self
                    .owners
                    .iter()
                    .filter(|owner| !of(owner) && owner.counts(now).is_ok())
                    .map(|owner| &owner.principal)
                    .collect();
                if left.len() < self.quorum as usize {
                    return refuse(format!(
                        "without {who} there would be {} owners, and {} must sign: lower the quorum first, or add an owner",
                        left.len(),
                        self.quorum
                    ));
                }
                Ok(keys
                    .iter()
                    .map(|owner| {
                        ("revoke", format!("{} {} from {now}", owner.principal, owner.key))
                    })
                    .collect())
            }
        }
    }

    /// The file with these changes in it.
    fn write(&self, changes: &[(&'static str, String)]) -> Result<String> {
        let mut lines: Vec<String> = self.text.lines().map(str::to_owned).collect();
        for (what, change) in changes {
            match *what {
                "add" => lines.push(change.clone()),
                "quorum" => {
                    lines.retain(|line| !line.starts_with(QUORUM));
                    lines.insert(0, format!("{QUORUM}{change}"));
                }
                _ => {
                    let owner = self.owners.iter().find(|owner| {
                        change.starts_with(&format!("{} {} from ", owner.principal, owner.key))
                    });
                    let (Some(owner), Some((_, from))) = (owner, change.rsplit_once(" from "))
                    else {
                        continue;
                    };
                    let mut said = Vec::new();
                    if let Some(namespaces) = &owner.namespaces {
                        said.push(format!("namespaces=\"{}\"", namespaces.join(",")));
                    }
                    said.extend(
                        owner
                            .valid_after
                            .iter()
                            .map(|when| format!("valid-after=\"{}\"", stamp(when))),
                    );
                    said.push(format!("valid-before=\"{}\"", stamp(from)));
                    let key = PublicKey::from(owner.data.clone())
                        .to_openssh()
                        .map_err(|error| Error::Unexpected(error.to_string()))?;
                    lines[owner.line] =
                        format!("{} {} {}", owner.principal, said.join(","), key.trim());
                }
            }
        }
        let known =
            lines.iter().find_map(|line| line.strip_prefix(REVISION)?.trim().parse::<u64>().ok());
        lines.retain(|line| !line.starts_with(REVISION));
        lines.insert(0, format!("{REVISION}{}", known.unwrap_or_default() + 1));
        let text = lines.join("\n") + "\n";
        Owners::parse("the owners", &text)?;
        Ok(text)
    }
}

impl Owner {
    /// Whether its signatures count at that time.
    pub fn counts(&self, at: &str) -> Result<()> {
        let who = format!("{} ({})", self.principal, self.key);
        if self.namespaces.as_ref().is_some_and(|all| !all.iter().any(|one| one == NAMESPACE)) {
            return refuse(format!("the key of {who} may not sign in the namespace {NAMESPACE}"));
        }
        if self.valid_after.as_ref().is_some_and(|from| at < from.as_str()) {
            return refuse(format!(
                "the key of {who} does not count before {}",
                self.valid_after.clone().unwrap_or_default()
            ));
        }
        if self.valid_before.as_ref().is_some_and(|until| at >= until.as_str()) {
            return refuse(format!(
                "the key of {who} has expired or was revoked at {}",
                self.valid_before.clone().unwrap_or_default()
            ));
        }
        Ok(())
    }
}
