//! What a database has to be like before a packet and after each of its steps, as a rehearsal saw it: the hash of
//! each attribute of each object that the packet touches, with what those depend on. No text of an object is in it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio_postgres::Client;

use crate::code::SignedCode;
use crate::error::{Doing, Result};
use crate::fingerprint::{self, Fingerprint, Object, Scope};
use crate::unprepared::Unprepared;

/// The hashes of an object's attributes, by their names.
pub type Hashes = BTreeMap<String, String>;

/// Objects by `kind identity`.
pub type Objects = BTreeMap<String, Hashes>;

/// What becomes of an object: its attributes that change (`None`: the attribute goes); `None`: the object goes.
pub type Change = Option<BTreeMap<String, Option<String>>>;

/// The way of a database through a packet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct States {
    /// How objects are looked at: evidence of earlier releases does not say it.
    #[serde(default)]
    pub form: Form,
    /// The relations and functions that are compared with everything that stands on them, as `table public.t`.
    pub whole: Vec<String>,
    /// The tables of the indexes among the objects, by the index.
    pub on: BTreeMap<String, String>,
    /// The objects before the first step.
    pub entry: Objects,
    /// The steps in order.
    pub steps: Vec<StepStates>,
    /// The code that the steps can run; evidence of earlier releases does not say it.
    #[serde(default)]
    pub code: Option<SignedCode>,
}

/// The form of the attributes that hashes are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A column is hashed with its place.
    #[default]
    Placed,
    /// The order of the columns is an attribute by itself.
    Ordered,
}

/// What one step makes of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepStates {
    /// The step.
    pub id: String,
    /// Whether its undo was seen to bring back what was.
    pub undone: bool,
    /// How long its statements took, in milliseconds.
    pub duration_ms: f64,
    /// What it changes.
    pub changes: BTreeMap<String, Change>,
    /// The tables that it locks against others' writes or changes, each with the strongest mode.
    pub locks: BTreeMap<String, String>,
}

/// What a step changes, with the tables of the indexes among it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delta {
    pub changes: BTreeMap<String, Change>,
    pub on: BTreeMap<String, String>,
    /// What the changed attributes were before, where the rehearsal saw them.
    pub before: BTreeMap<String, BTreeMap<String, Option<String>>>,
}

/// The evidence log is our own book: it may come to be between rehearsal and apply.
pub(crate) fn is_ours(object: &str) -> bool {
    object == "schema birthgate_evidence" || schema_of(object) == Some("birthgate_evidence")
}

/// The schema of an object, or of the table that it stands on. Names can hold anything: nothing is looked for in them.
fn schema_of(object: &str) -> Option<&str> {
    let stands_on = ["constraint ", "trigger ", "rule ", "policy "];
    let identity = match stands_on.iter().any(|kind| object.starts_with(kind)) {
        true => object.rsplit_once(" on ")?.1,
        false => {
            let kinds = ["materialized view ", "foreign table "];
            let kind = kinds.iter().find_map(|kind| object.strip_prefix(kind));
            kind.or_else(|| Some(object.split_once(' ')?.1))?
        }
    };
    let (schema, _) = identity.split_once('.')?;
    schema.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then_some(schema)
}

/// The name of a relation without its kind.
pub(crate) fn relation_of(object: &str) -> Option<&str> {
    let kinds = ["table ", "view ", "materialized view ", "foreign table "];
    kinds.iter().find_map(|kind| object.strip_prefix(kind))
}

/// Whether a temporary object of a session was seen; it is nobody else's.
pub(crate) fn is_temporary(object: &str) -> bool {
    schema_of(object).is_some_and(|schema| schema.starts_with("pg_temp"))
}

fn hash(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format!("{:x}", Sha256::digest(text))[..16].to_owned()
}

/// Lists are taken apart: a step that grants something changes nothing of what else was granted, and a copy may have
/// others.
fn hashes(object: &Object) -> Hashes {
    let mut hashes = Hashes::new();
    for (name, value) in &object.attributes {
        match (name.as_str(), value) {
            // Of a password only that there is one: it is salted anew each time.
            ("sha256", _) if object.kind == "password" => {
                hashes.insert(name.clone(), "set".to_owned());
            }
            ("acl" | "type acl" | "member of" | "members", Value::String(list)) => {
                hashes.extend(
                    list.split(", ").map(|one| (format!("{name} {one}"), "yes".to_owned())),
                );
            }
            _ => drop(hashes.insert(name.clone(), hash(value))),
        }
    }
    hashes
}

fn tables_of_indexes<'a>(
    objects: impl Iterator<Item = (&'a String, &'a Object)>,
) -> BTreeMap<String, String> {
    let on =
        |object: &Object| object.attributes.get("on").and_then(Value::as_str).map(str::to_owned);
    objects.filter_map(|(name, object)| Some((name.clone(), on(object)?))).collect()
}

impl Delta {
    /// From one fingerprint to the next.
    pub fn between(before: &Fingerprint, after: &Fingerprint) -> Delta {
        let mut changes: BTreeMap<String, Change> = BTreeMap::new();
        let mut befores = BTreeMap::new();
        let names: BTreeSet<&String> = before.objects.keys().chain(after.objects.keys()).collect();
        for name in names.into_iter().filter(|name| !is_ours(name) && !is_temporary(name)) {
            let (old, new) = (before.objects.get(name), after.objects.get(name));
            let change = match (old, new) {
                (Some(old), Some(new)) if old.hash == new.hash => continue,
                (_, None) => None,
                (None, Some(new)) => {
                    Some(hashes(new).into_iter().map(|(name, hash)| (name, Some(hash))).collect())
                }
                (Some(old), Some(new)) => {
                    let (old, new) = (hashes(old), hashes(new));
                    let attributes: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
                    let changed: Vec<&String> = attributes
                        .into_iter()
                        .filter(|name| old.get(*name) != new.get(*name))
                        .collect();
                    let of = |hashes: &Hashes| {
                        changed
                            .iter()
                            .map(|name| ((*name).clone(), hashes.get(*name).cloned()))
                            .collect()
                    };
                    befores.insert(name.clone(), of(&old));
                    Some(of(&new))
                }
            };
            changes.insert(name.clone(), change);
        }
        let there = before.objects.iter().chain(&after.objects);
        let on = tables_of_indexes(there.filter(|(name, _)| changes.contains_key(*name)));
        Delta { changes, on, before: befores }
    }
}

/// The relation or function that an object's name means, as [`Scope::Objects`] takes it.
fn root_name(object: &str) -> Option<String> {
    let (kind, identity) = [
        "materialized view",
        "foreign table",
        "table",
        "view",
        "sequence",
        "type",
        "function",
        "procedure",
        "aggregate",
    ]
    .into_iter()
    .find_map(|kind| Some((kind, object.strip_prefix(kind)?.strip_prefix(' ')?)))?;
    let end = match kind {
        "function" | "procedure" | "aggregate" => arguments_at(identity),
        _ => identity.len(),
    };
    // A type may be no relation: those are found by their own names.
    (kind != "type").then(|| format!("{kind} {}", &identity[..end]))
}

/// Where the arguments of a function's identity begin.
fn arguments_at(identity: &str) -> usize {
    let mut quoted = false;
    for (at, c) in identity.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => return at,
            _ => {}
        }
    }
    identity.len()
}

/// What is looked at of a database.
#[derive(Clone, Debug, Default)]
struct View {
    whole: BTreeSet<String>,
    /// The relations among them without their kind.
    relations: BTreeSet<String>,
    on: BTreeMap<String, String>,
    others: BTreeSet<String>,
}

impl View {
    fn new(whole: impl IntoIterator<Item = String>, on: &BTreeMap<String, String>) -> View {
        let whole: BTreeSet<String> = whole.into_iter().collect();
        let relation = |name: &String| {
            let is_code =
                ["function ", "procedure ", "aggregate "].iter().any(|kind| name.starts_with(kind));
            let bare = ["materialized view ", "foreign table "]
                .iter()
                .find_map(|kind| name.strip_prefix(kind))
                .or_else(|| Some(name.split_once(' ')?.1))?;
            (!is_code).then(|| bare.to_owned())
        };
        let relations = whole.iter().filter_map(relation).collect();
        View { whole, relations, on: on.clone(), others: BTreeSet::new() }
    }

    /// Whether the object is one of the whole ones, or stands on one.
    fn covers(&self, object: &str) -> bool {
        if let Some(table) = self.on.get(object) {
            return self.relations.contains(table);
        }
        let stands_on = ["constraint ", "trigger ", "rule ", "policy "]
            .iter()
            .any(|kind| object.starts_with(kind));
        if stands_on {
            return object
                .rsplit_once(" on ")
                .is_some_and(|(_, table)| self.relations.contains(table));
        }
        root_name(object).is_some_and(|name| self.whole.contains(&name))
    }

    fn also(mut self, objects: impl Iterator<Item = String>) -> View {
        self.others = objects.filter(|object| !self.covers(object)).collect();
        self
    }

    fn scope(&self) -> Scope {
        Scope::Named { whole: self.whole.iter().cloned().collect(), others: self.others.clone() }
    }

    fn has(&self, object: &str) -> bool {
        self.covers(object) || self.others.contains(object)
    }
}

/// What of a database is not what it has to be, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Differs {
    /// What anybody meets who uses the objects.
    pub of_use: Vec<String>,
    /// The tables whose columns stand in another order, and are the same otherwise.
    pub of_order: Vec<String>,
}

impl Differs {
    /// All of it.
    pub fn exactly(mut self) -> Vec<String> {
        self.of_use.append(&mut self.of_order);
        self.of_use
    }
}

fn differences(expected: &Objects, actual: &Objects) -> Differs {
    let names: BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
    let mut differs = Differs::default();
    let found = &mut differs.of_use;
    for name in names {
        match (expected.get(name), actual.get(name)) {
            (Some(expected), Some(actual)) if expected != actual => {
                let attributes: BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
                let changed: Vec<&str> = attributes
                    .into_iter()
                    .filter(|name| expected.get(*name) != actual.get(*name))
                    .map(String::as_str)
                    .collect();
                // Where a column came or went, that their list is another says nothing more.
                let other = |attribute: &str| !fingerprint::is_order_of_columns(name, attribute);
                match changed[..] {
                    [only] if !other(only) => {
                        differs.of_order.push(format!("{name}: its columns stand in another order"))
                    }
                    _ => {
                        let changed: Vec<&str> =
                            changed.into_iter().filter(|one| other(one)).collect();
                        found.push(format!("{name}: {} changed", changed.join(", ")));
                    }
                }
            }
            (Some(_), None) => found.push(format!("{name} is not there")),
            (None, Some(_)) => found.push(format!("{name} should not be there")),
            _ => {}
        }
    }
    differs
}

/// What a state is compared with.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    view: View,
    form: Form,
}

impl Look {
    /// Looks at a database, within the transaction that is open or by itself.
    pub async fn at(&self, client: &Client, inside: bool) -> Result<Objects> {
        let scope = self.view.scope();
        let found = match inside {
            true => fingerprint::take_inside(client, &scope).await?,
            false => fingerprint::take(client, &scope).await?,
        };
        let mut objects = Objects::new();
        for (name, object) in &found.objects {
            if !is_ours(name) && !is_temporary(name) {
                let hashes = match self.form {
                    Form::Ordered => hashes(object),
                    Form::Placed => hashes(&Object {
                        attributes: fingerprint::earlier::write(&object.attributes),
                        ..object.clone()
                    }),
                };
                objects.insert(name.clone(), hashes);
            }
        }
        Ok(objects)
    }
}

impl States {
    /// The way through the steps of these changes, from this entry. The client is of the database at entry.
    pub(crate) async fn of(
        client: &Client,
        entry: &Fingerprint,
        steps: Vec<(StepStates, BTreeMap<String, String>)>,
        named: &[String],
    ) -> Result<States> {
        const DOING: &str = "looking for what the packet depends on";
        let mut seeds: BTreeSet<String> = named.iter().cloned().collect();
        for (step, on) in &steps {
            seeds.extend(step.changes.keys().filter_map(|name| root_name(name)));
            seeds
                .extend(on.values().chain(step.locks.keys()).map(|table| format!("table {table}")));
            let of = |name: &String| Some(format!("table {}", name.rsplit_once(" on ")?.1));
            let stands_on = |name: &&String| {
                ["constraint ", "trigger ", "rule ", "policy "]
                    .iter()
                    .any(|kind| name.starts_with(kind))
            };
            seeds.extend(step.changes.keys().filter(stands_on).filter_map(of));
        }
        let seeds: Vec<String> = seeds.into_iter().collect();
        let found = fingerprint::find(client, &seeds).await?;
        client.batch_execute("BEGIN READ ONLY").await.doing(DOING)?;
        client.batch_execute(include_str!("../sql/fingerprint/pin.sql")).await.doing(DOING)?;
        let rows = client
            .rows(
                include_str!("../sql/fingerprint/closure.sql"),
                &[&found.relations, &found.functions],
            )
            .await
            .doing(DOING)?;
        let mut whole: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
        let sql = include_str!("../sql/fingerprint/has_incarnation.sql");
        if client.one_row(sql, &[]).await.doing(DOING)?.get::<_, bool>(0) {
            let gate = fingerprint::gate(client).await?;
            let sql = include_str!("../sql/fingerprint/gate_names.sql");
            let rows = client.rows(sql, &[&gate.relations, &gate.functions]).await;
            whole.extend(rows.doing(DOING)?.iter().map(|row| row.get::<_, String>(0)));
        }
        client.batch_execute("ROLLBACK").await.doing(DOING)?;
        // What is not there yet is looked for as well.
        whole.extend(
            steps
                .iter()
                .flat_map(|(step, _)| step.changes.keys())
                .filter_map(|name| root_name(name)),
        );
        whole.extend(found.absent.into_iter().filter(|name| named.contains(name)));

        let mut on = tables_of_indexes(entry.objects.iter());
        on.extend(steps.iter().flat_map(|(_, on)| on.clone()));
        let changed = || steps.iter().flat_map(|(step, _)| step.changes.keys().cloned());
        let view = View::new(whole.iter().cloned(), &on).also(changed());
        on.retain(|name, table| view.relations.contains(table) || view.has(name));
        let entry = entry
            .objects
            .iter()
            .filter(|(name, _)| view.has(name) && !is_ours(name))
            .map(|(name, object)| (name.clone(), hashes(object)))
            .collect();
        Ok(States {
            form: Form::Ordered,
            whole: whole.into_iter().collect(),
            on,
            entry,
            steps: steps.into_iter().map(|(step, _)| step).collect(),
            code: None,
        })
    }

    /// What everything has to be like after so many steps.
    pub fn after(&self, steps: usize) -> Objects {
        let mut objects = self.entry.clone();
        for step in self.steps.iter().take(steps) {
            for (name, change) in &step.changes {
                let Some(attributes) = change else {
                    objects.remove(name);
                    continue;
                };
                let object = objects.entry(name.clone()).or_default();
                for (attribute, hash) in attributes {
                    match hash {
                        Some(hash) => object.insert(attribute.clone(), hash.clone()),
                        None => object.remove(attribute),
                    };
                }
            }
        }
        objects
    }

    /// Where the rehearsal's copy was not what the database is, in an attribute that a step changes: what comes out there
    /// was not seen. Each in words.
    pub(crate) fn not_exact(
        &self,
        befores: &[BTreeMap<String, BTreeMap<String, Option<String>>>],
    ) -> Vec<String> {
        let mut found = Vec::new();
        for (at, before) in befores.iter().enumerate() {
            let expected = self.after(at);
            for (object, attributes) in before {
                let known = expected.get(object);
                let differs = |(name, hash): &(&String, &Option<String>)| {
                    known.and_then(|known| known.get(*name)) != hash.as_ref()
                };
                found.extend(
                    attributes.iter().filter(differs).map(|(name, _)| format!("{object}: {name}")),
                );
            }
        }
        found
    }

    /// SHA-256 over everything before the first step.
    pub fn entry_hash(&self) -> String {
        let text: String = self
            .entry
            .iter()
            .map(|(name, hashes)| {
                let hashes: String =
                    hashes.iter().map(|(name, hash)| format!("  {name} {hash}\n")).collect();
                format!("{name}\n{hashes}")
            })
            .collect();
        format!("{:x}", Sha256::digest(text))
    }

    /// The objects that the steps change.
    pub(crate) fn changed(&self) -> BTreeSet<&String> {
        self.steps.iter().flat_map(|step| step.changes.keys()).collect()
    }

    /// The relations whose objects are compared with everything that stands on them: all of those, or the ones that steps
    /// change.
    pub(crate) fn relations(&self, all: bool) -> BTreeSet<&str> {
        let whole = self.whole.iter().filter(|_| all);
        let changed = self.steps.iter().flat_map(|step| step.changes.keys());
        whole.chain(changed).filter_map(|name| relation_of(name)).collect()
    }

    /// A look at everything.
    pub(crate) fn look(&self) -> Look {
        let changed = self.steps.iter().flat_map(|step| step.changes.keys().cloned());
        let view = View::new(self.whole.iter().cloned(), &self.on).also(changed);
        Look { view, form: self.form }
    }

    /// A look at what a step changes and locks, short enough to be taken under its locks.
    pub(crate) fn look_of_step(&self, at: usize) -> Look {
        let step = &self.steps[at];
        let mut whole: BTreeSet<String> =
            step.changes.keys().filter_map(|name| root_name(name)).collect();
        let on = step.changes.keys().filter_map(|name| self.on.get(name));
        let of = |name: &String| name.rsplit_once(" on ").map(|(_, table)| table.to_owned());
        let tables: BTreeSet<String> = step
            .changes
            .keys()
            .filter_map(of)
            .chain(on.cloned())
            .chain(step.locks.keys().cloned())
            .collect();
        let known = |table: &&String| self.whole.contains(&format!("table {table}"));
        whole.extend(tables.iter().filter(known).map(|table| format!("table {table}")));
        let view = View::new(whole, &self.on).also(step.changes.keys().cloned());
        Look { view, form: self.form }
    }

    /// What a look showed that is not as it has to be after so many steps.
    pub(crate) fn differs(&self, steps: usize, look: &Look, actual: &Objects) -> Differs {
        let mut expected = self.after(steps);
        expected.retain(|name, _| look.view.has(name));
        differences(&expected, actual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for (object, root) in [
            ("table public.t", Some("table public.t")),
            ("function public.f(a text, b int)", Some("function public.f")),
            ("function public.\"f(\"(a text)", Some("function public.\"f(\"")),
            ("materialized view public.m", Some("materialized view public.m")),
            ("constraint c on public.t", None),
            ("role app", None),
        ] {
            assert_eq!(root_name(object).as_deref(), root, "{object}");
        }
    }

    #[test]
    fn what_stands_on_a_table_is_covered() {
        let on = BTreeMap::from([("index public.i".to_owned(), "public.t".to_owned())]);
        let view = View::new(["table public.t".to_owned(), "function public.f".to_owned()], &on);
        for object in [
            "table public.t",
            "constraint a on public.t",
            "trigger b on public.t",
            "index public.i",
            "function public.f(int)",
        ] {
            assert!(view.covers(object), "{object}");
        }
        for object in [
            "table public.u",
            "constraint a on public.u",
            "index public.j",
            "function public.g()",
            "role app",
        ] {
            assert!(!view.covers(object), "{object}");
        }
    }
}
