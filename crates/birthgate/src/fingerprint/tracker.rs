//! The fingerprint of a whole database, kept up to date: each look after the first reads only what moved
//! since the last one, and what names it.
//!
//! What moved is told by the versions of the catalog rows ([`super::versions`]), what names it by the
//! server's own dependencies; where neither leads (roles, schemas and operators renamed, extensions), all of
//! it is read again. A look that finds nothing is one query over the catalogs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::versions::{Address, Moved, Versions};
use super::{
    Ask, Difference, Fingerprint, OF_FUNCTIONS, OF_RELATIONS, OF_RULES, OF_SUPERUSERS, OF_THE_REST,
    OF_THE_SERVER, Object, PIN, SINCE_15, incarnation, objects,
};
use crate::error::{Doing, Error, Result};
use crate::unprepared::Param;
use futures_util::future::try_join_all;

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
#[derive(Debug)]
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
    /// With fewer objects everything is read at each look.
    few: usize,
}

/// So many objects are read faster than the versions behind them.
const FEW: usize = 200;

impl Default for Tracker {
    fn default() -> Tracker {
        Tracker {
            now: Fingerprint::default(),
            units: HashMap::new(),
            replaced: Vec::new(),
            known: None,
            whole: 0,
            few: FEW,
        }
    }
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
    async fn read(ask: Ask<'_>) -> Result<Surroundings> {
        let sql = include_str!("../../sql/tracker/surroundings.sql");
        let row = ask.one_row(sql, &[]).await.doing(DOING)?;
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
    pub async fn start(ask: impl Into<Ask<'_>>) -> Result<(Tracker, Look)> {
        let mut tracker = Tracker::default();
        let look = tracker.look(ask).await?;
        Ok((tracker, look))
    }

    /// One that goes by the versions of catalog rows however few objects there are.
    pub fn by_versions() -> Tracker {
        Tracker { few: 0, ..Tracker::default() }
    }

    /// Looks what the database is like, all of it in one snapshot. The client must not be in a transaction; it may be
    /// another one than before, of the same database.
    pub async fn look(&mut self, ask: impl Into<Ask<'_>>) -> Result<Look> {
        let ask = ask.into();
        let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; {PIN}");
        ask.run(&begin).await.doing(DOING)?;
        let looked = self.refresh(ask).await;
        ask.run("ROLLBACK").await.doing(DOING)?;
        looked
    }

    /// Looks what the transaction sees that the client is in, and leaves no trace in it.
    pub async fn look_inside(&mut self, ask: impl Into<Ask<'_>>) -> Result<Look> {
        let ask = ask.into();
        let begin = format!("SAVEPOINT birthgate_fingerprint; {PIN}");
        ask.run(&begin).await.doing(DOING)?;
        let looked = self.refresh(ask).await;
        let end =
            "ROLLBACK TO SAVEPOINT birthgate_fingerprint; RELEASE SAVEPOINT birthgate_fingerprint";
        ask.run(end).await.doing(DOING)?;
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

    async fn refresh(&mut self, ask: Ask<'_>) -> Result<Look> {
        // A look that fails midway leaves nothing to compare the next one with.
        let known = self.known.take();
        let surroundings = Surroundings::read(ask).await?;
        let incarnation = incarnation(ask).await?;
        let asks = Asks { ask, surroundings: &surroundings, incarnation: incarnation.as_deref() };
        let is_small = self.is_small();
        let holds = |known: &Known| {
            !is_small
                && known.incarnation == incarnation
                && known.surroundings.still_hold(&surroundings)
        };
        let (versions, moved) = match known.filter(holds) {
            Some(Known { mut versions, .. }) => {
                let moved = versions.update(ask, surroundings.is_since_15).await?;
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

    fn is_small(&self) -> bool {
        self.now.objects.len() < self.few
    }

    /// Answers what to compare the next look with; nothing, where that would take longer, or where two objects bear one
    /// name.
    async fn read_everything(&mut self, asks: &Asks<'_>) -> Result<Option<Versions>> {
        let versions = match self.whole > 0 && self.is_small() {
            true => None,
            false => Some(Versions::read(asks.ask, asks.surroundings.is_since_15).await?),
        };
        let found = asks.read(&asks.of_everything()).await?;
        let old = std::mem::take(&mut self.now.objects);
        self.units.clear();
        self.whole += 1;
        let are_distinct = self.replace(old, found);
        Ok(versions.filter(|_| are_distinct))
    }

    /// Reads what moved; false where that cannot be told apart from what did not.
    async fn patch(&mut self, asks: &Asks<'_>, moved: &Moved) -> Result<bool> {
        let mut again = vec![Unit::Server];
        let mut queries = asks.of_the_server();
        if moved.rest || !moved.objects.is_empty() {
            again.push(Unit::Rest);
            queries.extend(asks.of_the_rest());
        }
        let touched = match moved.objects.is_empty() {
            true => Touched::default(),
            false => asks.touched(moved).await?,
        };
        if !touched.all.is_empty() {
            queries.extend(of_relations(Some(&touched.relations), Some(&touched.all)));
            again.extend(touched.all.iter().map(|id| Unit::Relation(*id)));
        }
        if !touched.functions.is_empty() {
            queries.push(of_functions(Some(&touched.functions)));
            again.extend(touched.functions.iter().map(|id| Unit::Function(*id)));
        }
        // What is gone is not among what is touched.
        again.extend(moved.objects.iter().filter_map(Unit::of));
        let found = asks.read(&queries).await?;
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
    ask: Ask<'a>,
    surroundings: &'a Surroundings,
    incarnation: Option<&'a str>,
}

/// What is to be read again.
#[derive(Default)]
struct Touched {
    relations: Vec<u32>,
    /// With the temporary ones, which are not in a fingerprint, but what stands on them is.
    all: Vec<u32>,
    functions: Vec<u32>,
}

/// One query, and what its objects belong to.
struct Query<'a> {
    sql: &'a str,
    /// What it is restricted to, if it can be: these, or `None` for all.
    only: Option<Option<&'a Vec<u32>>>,
    unit: fn(u32) -> Unit,
}

/// The queries over relations, all or these; over what stands on them, all or these.
fn of_relations<'a>(these: Option<&'a Vec<u32>>, all: Option<&'a Vec<u32>>) -> Vec<Query<'a>> {
    let query = |sql, only| Query { sql, only: Some(only), unit: Unit::Relation };
    let mut queries: Vec<Query> = OF_RELATIONS.iter().map(|sql| query(sql, these)).collect();
    queries.push(query(OF_RULES, all));
    queries
}

fn of_functions(these: Option<&Vec<u32>>) -> Query<'_> {
    Query { sql: OF_FUNCTIONS, only: Some(these), unit: Unit::Function }
}

impl Asks<'_> {
    fn of_the_rest(&self) -> Vec<Query<'static>> {
        let since_15 = Some(&SINCE_15).filter(|_| self.surroundings.is_since_15);
        let queries = OF_THE_REST.iter().chain(since_15);
        queries.map(|sql| Query { sql, only: None, unit: |_| Unit::Rest }).collect()
    }

    fn of_the_server(&self) -> Vec<Query<'static>> {
        let superuser = Some(OF_SUPERUSERS).filter(|_| self.surroundings.is_superuser);
        let queries = [OF_THE_SERVER].into_iter().chain(superuser);
        queries.map(|sql| Query { sql, only: None, unit: |_| Unit::Server }).collect()
    }

    fn of_everything(&self) -> Vec<Query<'static>> {
        let mut queries = of_relations(None, None);
        queries.push(of_functions(None));
        queries.extend(self.of_the_rest());
        queries.extend(self.of_the_server());
        queries
    }

    /// Runs queries, sent all at once: most of a small one's time is the way there and back.
    async fn read(&self, queries: &[Query<'_>]) -> Result<Found> {
        let answers = queries.iter().map(async |query| {
            let only = query.only.as_ref().map(|only| only as &dyn Param);
            let params: Vec<&dyn Param> = only.into_iter().collect();
            let found = objects(self.ask, query.sql, &params, self.incarnation).await?;
            let belong =
                found.into_iter().map(|one| ((query.unit)(one.unit), one.name, one.object));
            Ok::<Found, Error>(belong.collect())
        });
        Ok(try_join_all(answers).await?.into_iter().flatten().collect())
    }

    async fn touched(&self, moved: &Moved) -> Result<Touched> {
        let columns = |addresses: &BTreeSet<Address>| -> (Vec<u32>, Vec<u32>) {
            addresses.iter().map(|address| (address.class, address.id)).unzip()
        };
        let (classes, ids) = columns(&moved.objects);
        let (named_classes, named_ids) = columns(&moved.named);
        let sql = include_str!("../../sql/tracker/touched.sql");
        let params: [&dyn Param; 4] = [&classes, &ids, &named_classes, &named_ids];
        let row = self.ask.one_row(sql, &params).await.doing(DOING)?;
        let mut touched = Touched {
            relations: row.get("relations"),
            all: row.get("temporary"),
            functions: row.get("functions"),
        };
        // Constraints of domains stand on none.
        touched.relations.push(0);
        touched.all.extend(&touched.relations);
        Ok(touched)
    }
}
