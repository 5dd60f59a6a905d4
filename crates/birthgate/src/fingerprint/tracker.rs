//! The fingerprint of a whole database, kept up to date: each look after the first reads only what moved
//! since the last one, and what names it.
//!
//! What moved is told by the versions of the catalog rows ([`super::versions`]), what names it by the
//! server's own dependencies; where neither leads (roles, schemas and operators renamed, extensions), all of
//! it is read again. A look that finds nothing is one query over the catalogs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio_postgres::Client;

use super::versions::{Address, Moved, Versions};
use super::{
    Difference, Fingerprint, OF_FUNCTIONS, OF_RELATIONS, OF_RULES, OF_SUPERUSERS, OF_THE_REST,
    OF_THE_SERVER, Object, PIN, SINCE_15, incarnation, objects,
};
use crate::error::{Doing, Result};
use crate::unprepared::{Param, Unprepared};

const DOING: &str = "taking the fingerprint";

/// The oids of these catalogs, which are the same everywhere.
const PG_CLASS: u32 = 1259;
const PG_PROC: u32 = 1255;

/// What is read together, and so replaced together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Unit {
    /// A relation with what stands on it; of number 0, the constraints of domains.
    Relation(u32),
    Function(u32),
    /// What a database has few of.
    Rest,
    /// What belongs to the whole server.
    Server,
}

impl Unit {
    /// The unit that an object is, if it is one.
    fn of(address: &Address) -> Option<Unit> {
        match address.class {
            PG_CLASS => Some(Unit::Relation(address.id)),
            PG_PROC => Some(Unit::Function(address.id)),
            _ => None,
        }
    }
}

/// One look: what a database was like at that moment. [`Tracker`] tells what it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    number: usize,
    /// The hash of everything.
    pub root: String,
}

/// The fingerprint of one database as of the last look, and what earlier looks saw.
#[derive(Debug, Default)]
pub struct Tracker {
    /// What the last look saw.
    now: Fingerprint,
    units: HashMap<Unit, Vec<String>>,
    /// For each change between two looks, the objects that it replaced as they were before.
    replaced: Vec<BTreeMap<String, Option<Object>>>,
    /// What the next look compares with; none, if that cannot be known.
    known: Option<Known>,
    /// How often everything was read.
    whole: usize,
}

/// What tells whether anything moved.
#[derive(Debug)]
struct Known {
    versions: Versions,
    surroundings: Surroundings,
    incarnation: Option<String>,
}

/// What stands around the objects.
#[derive(Debug, PartialEq, Eq)]
struct Surroundings {
    is_superuser: bool,
    is_since_15: bool,
    asked_as: String,
    roles: HashMap<u32, String>,
    schemas: HashMap<u32, String>,
}

impl Surroundings {
    async fn read(client: &Client) -> Result<Surroundings> {
        let sql = include_str!("../../sql/tracker/surroundings.sql");
        let row = client.one_row(sql, &[]).await.doing(DOING)?;
        let names = |ids: &str, names: &str| {
            let (ids, names): (Vec<u32>, Vec<String>) = (row.get(ids), row.get(names));
            ids.into_iter().zip(names).collect()
        };
        Ok(Surroundings {
            is_superuser: row.get("is_superuser"),
            is_since_15: row.get("is_since_15"),
            asked_as: row.get("asked_as"),
            roles: names("role_ids", "role_names"),
            schemas: names("schema_ids", "schema_names"),
        })
    }

    /// Whether what was read in these still reads the same in those: nothing was renamed, nothing is gone.
    fn still_hold(&self, now: &Surroundings) -> bool {
        let kept = |before: &HashMap<u32, String>, now: &HashMap<u32, String>| {
            before.iter().all(|(id, name)| now.get(id) == Some(name))
        };
        self.is_superuser == now.is_superuser
            && self.is_since_15 == now.is_since_15
            && self.asked_as == now.asked_as
            && kept(&self.roles, &now.roles)
            && kept(&self.schemas, &now.schemas)
    }
}

/// What was read, by what it was read with.
type Found = Vec<(Unit, String, Object)>;

impl Tracker {
    /// Takes the whole fingerprint. The client must not be in a transaction.
    pub async fn start(client: &Client) -> Result<(Tracker, Look)> {
        let mut tracker = Tracker::default();
        let look = tracker.look(client).await?;
        Ok((tracker, look))
    }

    /// Looks what the database is like, all of it in one snapshot. The client must not be in a transaction; it may be
    /// another one than before, of the same database.
    pub async fn look(&mut self, client: &Client) -> Result<Look> {
        let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; {PIN}");
        client.batch_execute(&begin).await.doing(DOING)?;
        let looked = self.refresh(client).await;
        client.batch_execute("ROLLBACK").await.doing(DOING)?;
        looked
    }

    /// Looks what the transaction sees that the client is in, and leaves no trace in it.
    pub async fn look_inside(&mut self, client: &Client) -> Result<Look> {
        let begin = format!("SAVEPOINT birthgate_fingerprint; {PIN}");
        client.batch_execute(&begin).await.doing(DOING)?;
        let looked = self.refresh(client).await;
        let end =
            "ROLLBACK TO SAVEPOINT birthgate_fingerprint; RELEASE SAVEPOINT birthgate_fingerprint";
        client.batch_execute(end).await.doing(DOING)?;
        looked
    }

    /// What the last look saw.
    pub fn now(&self) -> &Fingerprint {
        &self.now
    }

    /// How often everything was read.
    pub fn whole_reads(&self) -> usize {
        self.whole
    }

    /// What an earlier look saw.
    pub fn fingerprint(&self, look: &Look) -> Fingerprint {
        let mut objects = self.now.objects.clone();
        for (name, object) in self.since(look.number, self.replaced.len()) {
            match object {
                Some(object) => _ = objects.insert(name.clone(), object.clone()),
                None => _ = objects.remove(name),
            }
        }
        Fingerprint::of(objects, Vec::new())
    }

    /// The objects that differ between two looks: the first look's and the second's.
    pub fn differing(&self, before: &Look, after: &Look) -> (Fingerprint, Fingerprint) {
        let (from, to) = (before.number.min(after.number), before.number.max(after.number));
        let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
        let later = self.since(to, self.replaced.len());
        for (name, was) in self.since(from, to) {
            let is = match later.get(name) {
                Some(object) => *object,
                None => self.now.objects.get(name),
            };
            if was.map(|object| &object.hash) != is.map(|object| &object.hash) {
                old.extend(was.map(|object| (name.clone(), object.clone())));
                new.extend(is.map(|object| (name.clone(), object.clone())));
            }
        }
        let (old, new) = (Fingerprint::of(old, Vec::new()), Fingerprint::of(new, Vec::new()));
        if before.number <= after.number { (old, new) } else { (new, old) }
    }

    /// What differs between two looks, object by object and attribute by attribute.
    pub fn diff(&self, before: &Look, after: &Look) -> Vec<Difference> {
        let (before, after) = self.differing(before, after);
        before.diff(&after)
    }

    /// Of the objects that changed between two numbers of looks, what they were at the first.
    fn since(&self, from: usize, to: usize) -> BTreeMap<&String, Option<&Object>> {
        let mut were = BTreeMap::new();
        for replaced in self.replaced[from..to].iter().rev() {
            were.extend(replaced.iter().map(|(name, object)| (name, object.as_ref())));
        }
        were
    }

    async fn refresh(&mut self, client: &Client) -> Result<Look> {
        // A look that fails midway leaves nothing to compare the next one with.
        let known = self.known.take();
        let surroundings = Surroundings::read(client).await?;
        let incarnation = incarnation(client).await?;
        let asks =
            Asks { client, surroundings: &surroundings, incarnation: incarnation.as_deref() };
        let holds = |known: &Known| {
            known.incarnation == incarnation && known.surroundings.still_hold(&surroundings)
        };
        let (versions, moved) = match known.filter(holds) {
            Some(Known { mut versions, .. }) => {
                let moved = versions.update(client, surroundings.is_since_15).await?;
                (versions, Some(moved).filter(|moved| !moved.everything))
            }
            None => (Versions::default(), None),
        };
        let patched = match &moved {
            Some(moved) => self.patch(&asks, moved).await?,
            None => false,
        };
        let versions = match patched {
            true => Some(versions),
            false => self.read_everything(&asks).await?,
        };
        self.known = versions.map(|versions| Known { versions, surroundings, incarnation });
        Ok(Look { number: self.replaced.len(), root: self.now.root.clone() })
    }

    /// Answers what to compare the next look with; nothing, where two objects bear one name.
    async fn read_everything(&mut self, asks: &Asks<'_>) -> Result<Option<Versions>> {
        let versions = Versions::read(asks.client, asks.surroundings.is_since_15).await?;
        let found = asks.everything().await?;
        let old = std::mem::take(&mut self.now.objects);
        self.units.clear();
        self.whole += 1;
        Ok(self.replace(old, found).then_some(versions))
    }

    /// Reads what moved; false where that cannot be told apart from what did not.
    async fn patch(&mut self, asks: &Asks<'_>, moved: &Moved) -> Result<bool> {
        let mut again = vec![Unit::Server];
        let mut found = asks.server().await?;
        if moved.rest || !moved.objects.is_empty() {
            again.push(Unit::Rest);
            found.extend(asks.rest().await?);
        }
        if !moved.objects.is_empty() {
            let touched = asks.touched(moved).await?;
            found.extend(asks.touched_objects(&touched).await?);
            let relations = touched.relations.into_iter().chain(touched.temporary);
            again.extend(relations.map(Unit::Relation));
            again.extend(touched.functions.into_iter().map(Unit::Function));
            // What is gone is not among what is touched.
            again.extend(moved.objects.iter().filter_map(Unit::of));
        }
        let mut old = BTreeMap::new();
        for unit in again {
            for name in self.units.remove(&unit).into_iter().flatten() {
                if let Some(object) = self.now.objects.remove(&name) {
                    old.insert(name, object);
                }
            }
        }
        Ok(self.replace(old, found))
    }

    /// Puts what was found in the place of what was there; false where two objects bear one name.
    fn replace(&mut self, mut old: BTreeMap<String, Object>, found: Found) -> bool {
        let mut are_distinct = true;
        let mut replaced: BTreeMap<String, Option<Object>> = BTreeMap::new();
        let mut kinds: BTreeSet<String> = BTreeSet::new();
        for (unit, name, object) in found {
            self.units.entry(unit).or_default().push(name.clone());
            let before = old.remove(&name);
            if before.as_ref().is_none_or(|before| before.hash != object.hash) {
                kinds.insert(object.kind.clone());
                replaced.insert(name.clone(), before);
            }
            if let Some(other) = self.now.objects.insert(name.clone(), object) {
                replaced.entry(name).or_insert(Some(other));
                are_distinct = false;
            }
        }
        kinds.extend(old.values().map(|object| object.kind.clone()));
        replaced.extend(old.into_iter().map(|(name, object)| (name, Some(object))));
        if !replaced.is_empty() {
            self.now.rehash(&kinds);
            self.replaced.push(replaced);
        }
        are_distinct
    }
}

/// Asking for what a fingerprint is made of.
struct Asks<'a> {
    client: &'a Client,
    surroundings: &'a Surroundings,
    incarnation: Option<&'a str>,
}

/// What is to be read again.
struct Touched {
    relations: Vec<u32>,
    /// Relations that are none of the fingerprint, but for what stands on them.
    temporary: Vec<u32>,
    functions: Vec<u32>,
}

impl Asks<'_> {
    async fn objects(
        &self,
        sql: &str,
        params: &[&dyn Param],
        unit: impl Fn(u32) -> Unit,
    ) -> Result<Found> {
        let found = objects(self.client, sql, params, self.incarnation).await?;
        Ok(found.into_iter().map(|one| (unit(one.unit), one.name, one.object)).collect())
    }

    async fn everything(&self) -> Result<Found> {
        let mut found = self.relations(None, None).await?;
        found.extend(self.functions(None).await?);
        found.extend(self.rest().await?);
        found.extend(self.server().await?);
        Ok(found)
    }

    async fn relations(
        &self,
        relations: Option<&Vec<u32>>,
        all: Option<&Vec<u32>>,
    ) -> Result<Found> {
        let mut found = Vec::new();
        for sql in OF_RELATIONS {
            found.extend(self.objects(sql, &[&relations], Unit::Relation).await?);
        }
        found.extend(self.objects(OF_RULES, &[&all], Unit::Relation).await?);
        Ok(found)
    }

    async fn functions(&self, functions: Option<&Vec<u32>>) -> Result<Found> {
        self.objects(OF_FUNCTIONS, &[&functions], Unit::Function).await
    }

    async fn rest(&self) -> Result<Found> {
        let mut found = Vec::new();
        for sql in OF_THE_REST {
            found.extend(self.objects(sql, &[], |_| Unit::Rest).await?);
        }
        if self.surroundings.is_since_15 {
            found.extend(self.objects(SINCE_15, &[], |_| Unit::Rest).await?);
        }
        Ok(found)
    }

    async fn server(&self) -> Result<Found> {
        let mut found = self.objects(OF_THE_SERVER, &[], |_| Unit::Server).await?;
        if self.surroundings.is_superuser {
            found.extend(self.objects(OF_SUPERUSERS, &[], |_| Unit::Server).await?);
        }
        Ok(found)
    }

    async fn touched(&self, moved: &Moved) -> Result<Touched> {
        let columns = |addresses: &BTreeSet<Address>| -> (Vec<u32>, Vec<u32>) {
            addresses.iter().map(|address| (address.class, address.id)).unzip()
        };
        let (classes, ids) = columns(&moved.objects);
        let (named_classes, named_ids) = columns(&moved.named);
        let sql = include_str!("../../sql/tracker/touched.sql");
        let row = self
            .client
            .one_row(sql, &[&classes, &ids, &named_classes, &named_ids])
            .await
            .doing(DOING)?;
        let mut touched = Touched {
            relations: row.get("relations"),
            temporary: row.get("temporary"),
            functions: row.get("functions"),
        };
        // Constraints of domains stand on none.
        touched.relations.push(0);
        Ok(touched)
    }

    async fn touched_objects(&self, touched: &Touched) -> Result<Found> {
        let all = touched.relations.iter().chain(&touched.temporary).copied().collect();
        let mut found = self.relations(Some(&touched.relations), Some(&all)).await?;
        if !touched.functions.is_empty() {
            found.extend(self.functions(Some(&touched.functions)).await?);
        }
        Ok(found)
    }
}
