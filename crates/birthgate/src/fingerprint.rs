//! The fingerprint of a database's objects: a Merkle hash with one root, one hash for each kind and one
//! for each object. Equal objects have equal hashes on PostgreSQL 14 to 18. What a ROLLBACK does not
//! bring back is not in it: a rehearsal compares that apart.

pub(crate) mod earlier;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio_postgres::Client;

use crate::error::{Doing, Error, Result};
use crate::schema;
use crate::unprepared::{Param, Unprepared};

mod ask;
mod tracker;
mod versions;

pub use ask::Ask;
pub(crate) use ask::Plans;
pub use tracker::{Look, Tracker};

/// What the texts depend on.
const PIN: &str = include_str!("../sql/fingerprint/pin.sql");

/// The queries over relations, and over what stands on them; of temporary ones, only where these are asked for.
const OF_RELATIONS: &[&str] = &[
    include_str!("../sql/fingerprint/relation.sql"),
    include_str!("../sql/fingerprint/constraint.sql"),
    include_str!("../sql/fingerprint/index.sql"),
    include_str!("../sql/fingerprint/trigger.sql"),
];
/// The query over what stands on any relation, also on a temporary one.
const OF_RULES: &str = include_str!("../sql/fingerprint/rule.sql");
const OF_FUNCTIONS: &str = include_str!("../sql/fingerprint/function.sql");
/// The queries over everything else of a database.
const OF_THE_REST: &[&str] =
    &[include_str!("../sql/fingerprint/type.sql"), include_str!("../sql/fingerprint/schema.sql")];
const SINCE_15: &str = include_str!("../sql/fingerprint/since_15.sql");
/// What belongs to the whole server. The tracker reads it at each look: no versions tell of it.
const OF_THE_SERVER: &str = include_str!("../sql/fingerprint/cluster.sql");

/// The kinds of what stands on a relation.
const STANDS_ON: &[&str] =
    &["constraint ", "index ", "trigger ", "rule ", "policy ", "statistics "];

const OF_SUPERUSERS: &str = include_str!("../sql/fingerprint/superuser.sql");

/// Which objects a fingerprint is taken of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every object of the database, and what of its server changes what they do.
    All,
    /// What enforces the gate: Birthgate's own objects, the governed tables and their triggers' functions.
    Gate,
    /// These objects, as `table public.thing`, `function public.f` or `public.thing`.
    Objects(Vec<String>),
    /// These relations and functions with everything that stands on them, and of everything else the objects
    /// of these names.
    Named {
        /// As in [`Scope::Objects`].
        whole: Vec<String>,
        /// Names as the fingerprint has them: `role app`, `schema public`.
        others: BTreeSet<String>,
    },
}

/// What was found of each object: its attributes, by `kind identity`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fingerprint {
    /// The hash of everything below.
    pub root: String,
    /// The hash of each kind of object.
    pub kinds: BTreeMap<String, String>,
    /// The objects, by kind and identity.
    pub objects: BTreeMap<String, Object>,
    /// Names that were asked for and that no object bears.
    pub absent: Vec<String>,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Object {
    /// Its kind, such as `table`.
    pub kind: String,
    /// The hash of its kind, identity and attributes.
    pub hash: String,
    /// What it is made of, as text.
    pub attributes: Map<String, Value>,
}

/// One attribute of one object that two fingerprints do not agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// The object, as `kind identity`.
    pub object: String,
    /// The attribute; `None` when the object itself came or went.
    pub attribute: Option<String>,
    /// What it was; `None` when it was not there.
    pub before: Option<String>,
    /// What it is; `None` when it is not there.
    pub after: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |text: &Option<String>| match text {
            None => "nothing".to_owned(),
            Some(text) if text.chars().count() > 120 => {
                format!("{}…", text.chars().take(119).collect::<String>().replace('\n', " "))
            }
            Some(text) => text.replace('\n', " "),
        };
        match (&self.attribute, &self.before, &self.after) {
            (None, None, _) => write!(f, "{} is new", self.object),
            (None, ..) => write!(f, "{} is gone", self.object),
            (Some(attribute), before, after) => {
                write!(f, "{}: {attribute} was {}, is {}", self.object, short(before), short(after))
            }
        }
    }
}

impl Difference {
    /// Whether nothing but the order of a table's columns differs. Of a composite type the order is more: its values are
    /// written by it.
    pub fn is_of_order(&self) -> bool {
        self.attribute
            .as_deref()
            .is_some_and(|attribute| is_order_of_columns(&self.object, attribute))
    }
}

/// The attribute that holds the names of a relation's columns in their order.
pub(crate) const COLUMN_ORDER: &str = "column order";

/// Whether an attribute of this object is the order of a table's columns.
pub(crate) fn is_order_of_columns(object: &str, attribute: &str) -> bool {
    attribute == COLUMN_ORDER
        && ["table ", "foreign table "].iter().any(|kind| object.starts_with(kind))
}

impl Object {
    pub(crate) fn new(name: &str, kind: String, attributes: Map<String, Value>) -> Object {
        let text = Value::Object(attributes.clone()).to_string();
        let hash = format!("{:x}", Sha256::digest(format!("{name}\n{text}")));
        Object { kind, hash, attributes }
    }
}

impl Fingerprint {
    pub(crate) fn of(objects: BTreeMap<String, Object>, absent: Vec<String>) -> Fingerprint {
        let kinds = objects.values().map(|object| object.kind.clone()).collect();
        let mut fingerprint = Fingerprint { objects, absent, ..Fingerprint::default() };
        fingerprint.rehash(&kinds);
        fingerprint
    }

    /// Computes the root anew after objects of these kinds changed.
    fn rehash(&mut self, kinds: &BTreeSet<String>) {
        for kind in kinds {
            // ' ' and '!' follow each other: the names that begin with the kind, among them those of "operator class".
            let of_kind = self.objects.range(format!("{kind} ")..format!("{kind}!"));
            let mut hash = None::<Sha256>;
            for (_, object) in of_kind.filter(|(_, object)| object.kind == *kind) {
                hash.get_or_insert_default().update(object.hash.as_bytes());
            }
            match hash {
                Some(hash) => _ = self.kinds.insert(kind.clone(), format!("{:x}", hash.finalize())),
                None => _ = self.kinds.remove(kind),
            }
        }
        let mut root = Sha256::new();
        for (kind, hash) in &self.kinds {
            root.update(format!("{kind}={hash}\n"));
        }
        for name in &self.absent {
            root.update(format!("{name} ABSENT\n"));
        }
        self.root = format!("{:x}", root.finalize());
    }

    /// What differs from here to there for whoever uses the objects: everything but the order of a table's columns, which an
    /// undo that adds a dropped column again cannot bring back.
    pub fn diff_of_use(&self, after: &Fingerprint) -> Vec<Difference> {
        let mut differences = self.diff(after);
        differences.retain(|one| !one.is_of_order());
        differences
    }

    /// What differs from here to there, object by object and attribute by attribute.
    pub fn diff(&self, after: &Fingerprint) -> Vec<Difference> {
        let mut differences = Vec::new();
        if self.root == after.root {
            return differences;
        }
        let names: BTreeSet<&String> = self.objects.keys().chain(after.objects.keys()).collect();
        for name in names {
            match (self.objects.get(name), after.objects.get(name)) {
                (Some(old), Some(new)) if old.hash != new.hash => {
                    differences.extend(diff_attributes(name, &old.attributes, &new.attributes));
                }
                (Some(_), Some(_)) => {}
                (old, new) => differences.push(Difference {
                    object: name.clone(),
                    attribute: None,
                    before: old.map(|object| object.hash.clone()),
                    after: new.map(|object| object.hash.clone()),
                }),
            }
        }
        differences
    }
}

fn diff_attributes(
    object: &str,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
) -> Vec<Difference> {
    let text = |value: Option<&Value>| {
        value.map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    };
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let moved = is_another_order(text(old.get(COLUMN_ORDER)), text(new.get(COLUMN_ORDER)));
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name) && (*name != COLUMN_ORDER || moved))
        .map(|name| Difference {
            object: object.to_owned(),
            attribute: Some(name.clone()),
            before: text(old.get(name)),
            after: text(new.get(name)),
        })
        .collect()
}

/// Whether columns stand in another order, and none merely came or went: that is a difference of the column alone.
fn is_another_order(old: Option<String>, new: Option<String>) -> bool {
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split(", ").collect(), new.split(", ").collect());
    let common = |list: &[&str], other: &[&str]| -> Vec<String> {
        list.iter().filter(|name| other.contains(name)).map(|name| (*name).to_owned()).collect()
    };
    common(&old, &new) != common(&new, &old)
}

/// Takes the fingerprint, all of it in one snapshot. The client must not be in a transaction.
pub async fn take(client: &Client, scope: &Scope) -> Result<Fingerprint> {
    const DOING: &str = "taking the fingerprint";
    if *scope == Scope::Gate {
        schema::require_installed(client).await?;
    }
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await.doing(DOING)?;
    let taken = taken(client, scope).await;
    client.batch_execute("ROLLBACK").await.doing(DOING)?;
    taken
}

/// Takes the fingerprint as the transaction sees it that the client is in, and leaves no trace in it.
pub async fn take_inside(client: &Client, scope: &Scope) -> Result<Fingerprint> {
    const DOING: &str = "taking the fingerprint within the transaction";
    client.batch_execute("SAVEPOINT birthgate_fingerprint").await.doing(DOING)?;
    let taken = taken(client, scope).await;
    client
        .batch_execute(
            "ROLLBACK TO SAVEPOINT birthgate_fingerprint; RELEASE SAVEPOINT birthgate_fingerprint",
        )
        .await
        .doing(DOING)?;
    taken
}

async fn taken(client: &Client, scope: &Scope) -> Result<Fingerprint> {
    const DOING: &str = "taking the fingerprint";
    client.batch_execute(PIN).await.doing(DOING)?;
    let mut absent = Vec::new();
    let (relations, functions) = match scope {
        Scope::All => (None, None),
        Scope::Gate => {
            let gate = gate(client).await?;
            (Some(gate.relations), Some(gate.functions))
        }
        Scope::Objects(names) | Scope::Named { whole: names, .. } => {
            let found = find(client, names).await?;
            absent = found.absent;
            (Some(found.relations), Some(found.functions))
        }
    };
    let mut reader =
        Reader { incarnation: incarnation(client.into()).await?, objects: BTreeMap::new() };
    for sql in OF_RELATIONS.iter().chain([&OF_RULES]) {
        reader.read(client, sql, &[&relations]).await?;
    }
    reader.read(client, OF_FUNCTIONS, &[&functions]).await?;
    match scope {
        Scope::All => reader.read_the_rest(client).await?,
        Scope::Named { others, .. } if !others.is_empty() => {
            let mut rest = Reader { objects: BTreeMap::new(), ..reader.clone() };
            rest.read_the_rest(client).await?;
            // A constraint of a domain, an index that was renamed: on no relation of the scope.
            let stands_on = |name: &String| STANDS_ON.iter().any(|kind| name.starts_with(kind));
            if others.iter().any(stands_on) {
                for sql in OF_RELATIONS.iter().chain([&OF_RULES]) {
                    rest.read(client, sql, &[&None::<Vec<u32>>]).await?;
                }
            }
            rest.objects.retain(|name, _| others.contains(name));
            reader.objects.extend(rest.objects);
        }
        _ => {}
    }
    Ok(Fingerprint::of(reader.objects, absent))
}

/// The relations and functions that enforce the gate.
pub(crate) async fn gate(client: &Client) -> Result<Found> {
    let row = client.one_row(include_str!("../sql/fingerprint/scope_gate.sql"), &[]).await;
    let row = row.doing("looking for what enforces the gate")?;
    Ok(Found { relations: row.get(0), functions: row.get(1), absent: Vec::new() })
}

/// What names mean.
pub(crate) struct Found {
    pub relations: Vec<u32>,
    pub functions: Vec<u32>,
    /// The names that mean nothing.
    pub absent: Vec<String>,
}

/// Looks for relations and functions by their names, as [`Scope::Objects`] has them.
pub(crate) async fn find(client: &Client, names: &[String]) -> Result<Found> {
    let rows = client
        .rows(include_str!("../sql/fingerprint/scope_objects.sql"), &[&names])
        .await
        .doing("looking for the objects to fingerprint")?;
    let mut found = Found { relations: Vec::new(), functions: Vec::new(), absent: Vec::new() };
    for row in rows {
        let (relation, functions): (Option<u32>, Vec<u32>) = (row.get(1), row.get(2));
        if relation.is_none() && functions.is_empty() {
            found.absent.push(row.get(0));
        }
        found.relations.extend(relation);
        found.functions.extend(functions);
    }
    Ok(found)
}

/// The number that this database's life has, where Birthgate is installed: it stands in defaults, and equal
/// objects of two databases are to be equal.
async fn incarnation(ask: Ask<'_>) -> Result<Option<String>> {
    const DOING: &str = "looking for the incarnation";
    let sql = include_str!("../sql/fingerprint/has_incarnation.sql");
    if !ask.one_row(sql, &[]).await.doing(DOING)?.get::<_, bool>(0) {
        return Ok(None);
    }
    let sql = include_str!("../sql/fingerprint/incarnation.sql");
    Ok(ask.rows(sql, &[]).await.doing(DOING)?.first().map(|row| row.get(0)))
}

/// The fingerprint of what a superuser alone may look at.
pub(crate) async fn take_secrets(client: &Client) -> Result<Fingerprint> {
    let mut reader = Reader { incarnation: None, objects: BTreeMap::new() };
    reader.read(client, OF_SUPERUSERS, &[]).await?;
    Ok(Fingerprint::of(reader.objects, Vec::new()))
}

/// The fingerprint of the gate with what surrounds it, for the drift monitor; as the transaction sees it that the client
/// is in.
pub(crate) async fn surrounded_gate(client: &Client) -> Result<Fingerprint> {
    const DOING: &str = "taking the fingerprint of the gate";
    client.batch_execute(PIN).await.doing(DOING)?;
    let gate = gate(client).await?;
    let mut reader =
        Reader { incarnation: incarnation(client.into()).await?, objects: BTreeMap::new() };
    let relations = Some(gate.relations.clone());
    for sql in OF_RELATIONS.iter().chain([&OF_RULES]) {
        reader.read(client, sql, &[&relations]).await?;
    }
    reader.read(client, OF_FUNCTIONS, &[&Some(gate.functions.clone())]).await?;
    let sql = include_str!("../sql/drift/surroundings.sql");
    reader.read(client, sql, &[&gate.relations, &gate.functions]).await?;
    if is_since_15(client).await? {
        reader.read(client, include_str!("../sql/drift/parameter_acl.sql"), &[]).await?;
    }
    Ok(Fingerprint::of(reader.objects, Vec::new()))
}

pub(crate) async fn is_since_15(client: &Client) -> Result<bool> {
    let sql = "SELECT current_setting('server_version_num')::int >= 150000";
    Ok(client.one_row(sql, &[]).await.doing("asking for the version")?.get(0))
}

#[derive(Clone)]
struct Reader {
    incarnation: Option<String>,
    objects: BTreeMap<String, Object>,
}

impl Reader {
    async fn read_the_rest(&mut self, client: &Client) -> Result<()> {
        const DOING: &str = "taking the fingerprint";
        for sql in OF_THE_REST.iter().chain([&OF_THE_SERVER]) {
            self.read(client, sql, &[]).await?;
        }
        if is_since_15(client).await? {
            self.read(client, SINCE_15, &[]).await?;
        }
        let row = client.one_row("SELECT current_setting('is_superuser')::boolean", &[]).await;
        if row.doing(DOING)?.get(0) {
            self.read(client, OF_SUPERUSERS, &[]).await?;
        }
        Ok(())
    }

    async fn read(&mut self, client: &Client, sql: &str, params: &[&dyn Param]) -> Result<()> {
        for found in objects(client.into(), sql, params, self.incarnation.as_deref()).await? {
            self.objects.insert(found.name, found.object);
        }
        Ok(())
    }
}

/// One object that a query found.
struct Read {
    /// The relation on which it stands, or the function that it is; of other objects 0.
    unit: u32,
    name: String,
    object: Object,
}

async fn objects(
    ask: Ask<'_>,
    sql: &str,
    params: &[&dyn Param],
    incarnation: Option<&str>,
) -> Result<Vec<Read>> {
    let rows = ask.rows(sql, params).await.doing("taking the fingerprint")?;
    let unit_at = rows
        .first()
        .and_then(|row| row.columns().iter().position(|column| column.name() == "unit"));
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let (kind, identity): (String, String) = (row.get("kind"), row.get("identity"));
        let Value::Object(mut attributes) = row.get("attributes") else {
            return Err(Error::Unexpected(format!("{kind} {identity} has no attributes")));
        };
        if let Some(incarnation) = incarnation {
            for value in attributes.values_mut() {
                if let Value::String(text) = value
                    && text.contains(incarnation)
                {
                    *text = text.replace(incarnation, "<incarnation>");
                }
            }
        }
        let name = format!("{kind} {identity}");
        let object = Object::new(&name, kind, attributes);
        found.push(Read { unit: unit_at.map_or(0, |at| row.get(at)), name, object });
    }
    Ok(found)
}
