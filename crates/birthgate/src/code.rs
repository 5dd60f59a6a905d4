//! The code that a packet's steps can run, as it was when it was rehearsed: what is signed of it, and how a database
//! differs from that.

mod rows;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio_postgres::Client;

use crate::effects::code::{Closure, Code};
use crate::error::{Doing, Result};
use crate::plan::{Plan, Step};
use crate::script::Script;
use crate::states::{States, is_ours, is_temporary, relation_of};
use crate::unprepared::Unprepared;

pub(crate) use rows::{Address, Counts, Rows, ours};

const DOING: &str = "comparing the code that the steps run";

/// What is signed of the code that steps can run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedCode {
    /// The schemas in which bare names are looked up, in order.
    pub path: Vec<String>,
    /// Every transaction before this one was over: what it wrote was there.
    pub horizon: u64,
    /// Functions that ran in the sandbox: what those can run counts as well.
    pub ran: Vec<String>,
    /// Whether every code of the database counts: what some step runs cannot be told from here.
    pub everything: bool,
    /// Where that is so, each in a line.
    pub unseen: Vec<String>,
    /// The code by its name.
    pub entries: BTreeMap<String, Entry>,
}

/// A function, or something that leads to one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// The object that it belongs to, as a fingerprint names it; left out where that is its own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The oid of its row.
    pub oid: u32,
    /// The `xmin` of its row.
    pub version: i64,
    /// A hash of what it does.
    pub hash: String,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It can be called, or says what is.
    Code,
    /// It stands on a relation, or fires by itself.
    Binding,
    /// An index with an expression, which may be built anew at any time.
    Index,
}

impl Entry {
    pub(crate) fn object<'a>(&'a self, name: &'a str) -> &'a str {
        self.object.as_deref().unwrap_or(name)
    }

    /// Whether both are the same version of the same thing.
    fn is(&self, other: &Entry) -> bool {
        match self.kind {
            Kind::Index => self.hash == other.hash,
            Kind::Code | Kind::Binding => self == other,
        }
    }
}

/// The code that some texts can run, in a database as it is now.
pub(crate) struct Seen {
    /// By which versions of the catalogs' rows.
    pub rows: Rows,
    path: Vec<String>,
    code: Code,
    closure: Closure,
    entries: BTreeMap<String, (Address, Entry)>,
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// The scripts whose code it is.
    pub scripts: &'a [&'a Script],
    /// Functions that are known to have run.
    pub ran: &'a [String],
    /// Whether all code counts where it cannot be told what the scripts run.
    pub or_everything: bool,
}

/// Every script of these steps.
pub(crate) fn scripts<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Vec<&'a Script> {
    steps.into_iter().flat_map(Step::scripts).collect()
}

fn texts<'a>(scripts: &[&'a Script]) -> impl Iterator<Item = &'a str> {
    let statements = scripts.iter().flat_map(|script| {
        let script: &'a Script = script;
        script.statements.iter().map(move |statement| script.text_of(statement))
    });
    statements.collect::<Vec<_>>().into_iter()
}

impl Seen {
    /// Looks, in the transaction that is open or in one of its own.
    pub async fn look(client: &Client, inside: bool, wanted: Wanted<'_>) -> Result<Seen> {
        let pinned = rows::pinned(client, inside).await?;
        let seen = Seen::look_pinned(client, wanted, pinned.path.clone()).await;
        pinned.end(client, seen).await
    }

    async fn look_pinned(client: &Client, wanted: Wanted<'_>, path: Vec<String>) -> Result<Seen> {
        // Before what is read of them: what is changed in between has another version later.
        let rows = Rows::read(client).await?;
        let mut started = Vec::new();
        if !wanted.ran.is_empty() {
            let sql = include_str!("../sql/code/named.sql");
            let found = client.rows(sql, &[&wanted.ran]).await.doing(DOING)?;
            started = found.iter().map(|row| row.get(0)).collect();
        }
        let code = Code::read(client).await?;
        let mut closure = code.of(texts(wanted.scripts), &started);
        if wanted.or_everything && !closure.unseen.is_empty() {
            closure.oids.extend(rows.oids());
        }
        let oids: Vec<u32> = closure.oids.iter().copied().collect();
        let entries = entries(client, &rows, &oids).await?;
        Ok(Seen { rows, path, code, closure, entries })
    }

    /// As if names were looked up as they were when it was signed.
    pub fn in_the_path_of(self, signed: &SignedCode) -> Seen {
        Seen { path: signed.path.clone(), ..self }
    }

    /// What of these rows it can run, with names where they are known.
    pub fn among(&self, rows: &BTreeSet<Address>) -> Vec<(Address, Option<String>)> {
        let named = self.entries.iter().map(|(name, (address, _))| (*address, name));
        let named: BTreeMap<Address, &String> = named.collect();
        let those = rows.iter().filter(|row| self.closure.oids.contains(&row.oid));
        those.map(|row| (*row, named.get(row).map(|name| (*name).clone()))).collect()
    }

    /// Whether any of these objects is code that it can run.
    pub fn has_any<T>(&self, objects: &BTreeMap<String, T>) -> bool {
        self.entries.iter().any(|(name, (_, entry))| objects.contains_key(entry.object(name)))
    }

    /// The object that an entry belongs to, as a fingerprint names it.
    pub fn object<'a>(&'a self, name: &'a str) -> &'a str {
        self.entries.get(name).map_or(name, |(_, entry)| entry.object(name))
    }

    /// Whether that function is exactly what was signed.
    pub fn is_signed(&self, signed: &SignedCode, name: &str, function: Address) -> bool {
        let version = self.rows.version(function);
        signed
            .entries
            .get(name)
            .is_some_and(|entry| entry.oid == function.oid && Some(entry.version) == version)
    }

    /// Whether it can run that function.
    pub fn runs(&self, function: u32) -> bool {
        self.closure.oids.contains(&function)
    }
}

/// What rows of the catalogs are.
async fn entries(
    client: &Client,
    rows: &Rows,
    oids: &[u32],
) -> Result<BTreeMap<String, (Address, Entry)>> {
    let mut entries = BTreeMap::new();
    if oids.is_empty() {
        return Ok(entries);
    }
    let sql = include_str!("../sql/code/entries.sql");
    for row in client.rows(sql, &[&oids]).await.doing(DOING)? {
        let address = Address { class: row.get("class"), oid: row.get("oid") };
        let (name, object): (String, String) = (row.get("name"), row.get("object"));
        if is_ours(&object) || is_temporary(&object) {
            continue;
        }
        let entry = Entry {
            kind: match row.get("kind") {
                "code" => Kind::Code,
                "index" => Kind::Index,
                _ => Kind::Binding,
            },
            object: Some(object).filter(|object| *object != name),
            oid: address.oid,
            version: rows.version(address).unwrap_or_default(),
            hash: row.get("hash"),
        };
        entries.insert(name, (address, entry));
    }
    Ok(entries)
}

/// What these rows are, by name, in the transaction that is open or in one of its own.
pub(crate) async fn named(
    client: &Client,
    inside: bool,
    rows: &Rows,
    addresses: &BTreeSet<Address>,
) -> Result<BTreeMap<String, (Address, Entry)>> {
    let oids: Vec<u32> = addresses.iter().map(|address| address.oid).collect();
    let pinned = rows::pinned(client, inside).await?;
    let found = entries(client, rows, &oids).await;
    let mut found = pinned.end(client, found).await?;
    found.retain(|_, (address, _)| addresses.contains(address));
    Ok(found)
}

impl SignedCode {
    /// Of what a plan can run in the live database.
    pub(crate) async fn of(
        client: &Client,
        plan: &Plan,
        ran: Vec<String>,
    ) -> Result<(SignedCode, Seen)> {
        let scripts = scripts(&plan.steps);
        let wanted = Wanted { scripts: &scripts, ran: &ran, or_everything: true };
        let seen = Seen::look(client, false, wanted).await?;
        let everything = !seen.closure.unseen.is_empty();
        let unseen = match everything {
            true => plan.steps.iter().filter_map(|step| seen.unseen_of(step)).collect(),
            false => Vec::new(),
        };
        let entries = seen.entries.iter().map(|(name, (_, entry))| (name.clone(), entry.clone()));
        let signed = SignedCode {
            path: seen.path.clone(),
            horizon: seen.rows.horizon,
            ran,
            everything,
            unseen,
            entries: entries.collect(),
        };
        Ok((signed, seen))
    }

    /// SHA-256 over all of it.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("{} {:?} {:?} {:?}\n", self.horizon, self.path, self.ran, self.unseen));
        for (name, entry) in &self.entries {
            let Entry { oid, version, hash: own, .. } = entry;
            hash.update(format!("{name}\n  {oid} {version} {own}\n"));
        }
        format!("{:x}", hash.finalize())
    }

    /// What a database can run otherwise than was signed, in words; `whole`: all texts of the packet were looked at, so
    /// that what is signed has to be there. What the plan changes by itself is compared as an object, and so is what stands
    /// on tables that are.
    pub(crate) fn differs(
        &self,
        seen: &Seen,
        states: &States,
        rewritten: &BTreeMap<String, Entry>,
        whole: bool,
    ) -> Vec<String> {
        let mut found = Vec::new();
        let changed = states.changed();
        let compared = states.relations(whole);
        let made = |schema: &String| changed.contains(&format!("schema {schema}"));
        let path = |path: &[String]| -> Vec<String> {
            path.iter().filter(|schema| !made(schema)).cloned().collect()
        };
        if path(&self.path) != path(&seen.path) {
            found.push(format!(
                "names are looked up in {}, and were in {}",
                told(&seen.path),
                told(&self.path)
            ));
        }
        let expected = |name: &String| rewritten.get(name).or_else(|| self.entries.get(name));
        let is_own = |name: &String, entry: &Entry| {
            let object = entry.object(name);
            let stands_on = object.rsplit_once(" on ").map(|(_, relation)| relation);
            let relation = stands_on.or_else(|| relation_of(object));
            changed.contains(&object.to_owned())
                || entry.kind == Kind::Binding
                    && relation.is_some_and(|relation| compared.contains(relation))
        };
        for (name, (_, entry)) in &seen.entries {
            match expected(name) {
                _ if is_own(name, entry) => {}
                Some(known) if known.is(entry) => {}
                Some(known) if known.hash != entry.hash => {
                    found.push(format!("{name} was replaced"));
                }
                Some(_) => found.push(format!("{name} was replaced, and put back")),
                // A step that went before leads to it, and it was there.
                None if entry.kind == Kind::Code
                    && seen.rows.is_older(entry.version, self.horizon) => {}
                None => found.push(format!("{name} is new, and could run")),
            }
        }
        if whole {
            for (name, entry) in &self.entries {
                // That nothing leads to it any more is nothing: it runs no more.
                let is_there = seen.entries.contains_key(name)
                    || expected(name)
                        .is_some_and(|known| seen.rows.holds(known.oid, known.version));
                if !is_there && !is_own(name, entry) && entry.kind != Kind::Index {
                    found.push(format!("{name} is gone"));
                }
            }
        }
        found
    }
}

impl Seen {
    /// Where it cannot be told what a step runs, in a line.
    fn unseen_of(&self, step: &Step) -> Option<String> {
        let closure = self.code.of(texts(&scripts([step])), &[]);
        let mut unseen = closure.unseen.iter();
        let (what, why) = unseen.next()?;
        let others = match unseen.count() {
            0 => String::new(),
            count => format!(", and {count} more"),
        };
        let what = what.as_deref().unwrap_or("its own text");
        Some(format!(
            "step {}: what it calls cannot be told, since {what} {}{others}; all code of the database is compared instead",
            step.id,
            why.why()
        ))
    }
}

fn told(path: &[String]) -> String {
    match path.is_empty() {
        true => "no schema".to_owned(),
        false => path.join(", "),
    }
}
