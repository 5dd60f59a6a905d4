//! What a statement reaches in a database: functions by their bodies, triggers, defaults, rules and the like, until
//! something has an effect that ROLLBACK does not undo.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::{Client, Row};

use super::mentions::{Changes, Mention, Mentions, mentions};
use super::named::{Sequence, named_in_body};
use super::{Effect, LIBRARIES, Native, Place, commands, function, functions, of_the_server};
use crate::error::{Doing, Result};
use crate::unprepared::Unprepared;

/// Something with an effect that is reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Reached {
    /// What it does.
    pub effect: Effect,
    /// What has the effect: the name of a function, a sequence as `schema.name`, a foreign table.
    pub what: String,
    /// The objects on the way to it, the first being one that the statement names.
    pub path: Vec<String>,
    /// The sequence that moves, where it is known.
    pub sequence: Option<Sequence>,
}

impl Reached {
    /// Where it may run.
    pub fn place(&self) -> Place {
        self.effect.place()
    }
}

/// What an object does by itself.
enum Does {
    Nothing,
    /// Has an effect.
    Effect(Effect),
    /// Moves, as a sequence.
    Moves,
    /// Runs this body, in this language.
    Runs(String, String),
}

/// What a function does, as far as a text says it.
pub(super) enum Body<'a> {
    Text {
        title: &'a str,
        text: &'a str,
        language: &'a str,
    },
    /// In C or the like, and of which nothing is known.
    Unreadable {
        title: &'a str,
    },
}

/// An object of the database.
struct Object {
    /// As a path names it.
    title: String,
    schema: Option<String>,
    name: String,
    /// Whether only a call means it.
    is_function: bool,
    does: Does,
}

/// A way from one object to another.
struct Way {
    /// The changes that lead along it; none for any use.
    on: Changes,
    to: u32,
    /// The changes that arrive there, where they are not the same.
    gives: Option<Changes>,
}

/// What may be reached in a database, as it was when this was read.
pub struct Reach {
    objects: Vec<Object>,
    /// By OID: one of each catalog.
    by_oid: BTreeMap<u32, Vec<usize>>,
    by_name: BTreeMap<String, Vec<usize>>,
    ways: BTreeMap<u32, Vec<Way>>,
    oids: Vec<u32>,
}

/// Everything with an effect that the functions of this database reach, each with the functions on the way to it.
pub async fn reachable(client: &Client) -> Result<Vec<Reached>> {
    Ok(Reach::read(client).await?.of_all_functions())
}

impl Reach {
    /// Reads what is there. It takes a fifth of a second where there are thousands of functions.
    pub async fn read(client: &Client) -> Result<Reach> {
        const DOING: &str = "looking for what functions and triggers reach";
        let of_server = &LIBRARIES[""];
        let known: Vec<&str> = of_server.keys().copied().collect();
        let with_effect: Vec<&str> = of_server
            .iter()
            .filter(|(_, effect)| effect.is_some())
            .map(|(name, _)| *name)
            .collect();
        let sql = include_str!("../../sql/rehearsal/effects_reachable.sql");
        let rows = client.rows(sql, &[&with_effect, &known]).await.doing(DOING)?;
        let mut reach = Reach {
            objects: Vec::with_capacity(rows.len()),
            by_oid: BTreeMap::new(),
            by_name: BTreeMap::new(),
            ways: BTreeMap::new(),
            oids: Vec::with_capacity(rows.len()),
        };
        for row in &rows {
            reach.add(row.get("oid"), object(row));
        }
        let of_server: Vec<u32> = reach.oids.iter().copied().filter(|oid| *oid < 16384).collect();
        let sql = include_str!("../../sql/rehearsal/effects_edges.sql");
        for row in client.rows(sql, &[&of_server]).await.doing(DOING)? {
            let changes = |number: i32| Changes(u8::try_from(number).unwrap_or(u8::MAX));
            let way = Way {
                on: changes(row.get("on")),
                to: row.get("to_oid"),
                gives: row.get::<_, Option<i32>>("gives").map(changes),
            };
            reach.ways.entry(row.get("from_oid")).or_default().push(way);
        }
        Ok(reach)
    }

    fn add(&mut self, oid: u32, object: Object) {
        let at = self.objects.len();
        self.by_oid.entry(oid).or_default().push(at);
        self.by_name.entry(object.name.clone()).or_default().push(at);
        self.objects.push(object);
        self.oids.push(oid);
    }

    /// What a statement reaches by the functions that it calls, the relations that it changes and the event
    /// triggers. What its own text has of effects, [`super::named_in`] says.
    pub fn of(&self, statement: &str) -> Vec<Reached> {
        let mut walk = Walk::new(self);
        walk.follow(None, &mentions(statement, false));
        walk.walked()
    }

    /// What any change of the rows of these tables reaches; tables as `schema.name`, quoted where they have to be.
    pub fn of_tables<'a>(&self, tables: impl IntoIterator<Item = &'a str>) -> Vec<Reached> {
        let tables: BTreeSet<&str> = tables.into_iter().collect();
        let mut walk = Walk::new(self);
        for (at, object) in self.objects.iter().enumerate() {
            if tables.contains(object.title.as_str()) {
                walk.go(at, Changes::ANY, None);
            }
        }
        walk.walked()
    }

    /// The functions of which nothing is known.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        let is_unknown = |object: &&Object| matches!(object.does, Does::Effect(Effect::Unknown));
        let functions = self.objects.iter().filter(|object| object.is_function);
        functions.filter(is_unknown).map(|object| object.title.as_str())
    }

    /// What the functions of this oid do, as far as it is not known.
    pub(super) fn bodies(&self, oid: u32) -> impl Iterator<Item = Body<'_>> {
        let objects = self.by_oid.get(&oid).into_iter().flatten().map(|at| &self.objects[*at]);
        objects.filter(|object| object.is_function).filter_map(|object| match &object.does {
            Does::Runs(text, language) => Some(Body::Text { title: &object.title, text, language }),
            Does::Effect(Effect::Unknown | Effect::RunsProgram) => {
                Some(Body::Unreadable { title: &object.title })
            }
            _ => None,
        })
    }

    /// Where ways lead from here, by any change.
    pub(super) fn ways_from(&self, oid: u32) -> impl Iterator<Item = u32> {
        self.ways.get(&oid).into_iter().flatten().map(|way| way.to)
    }

    fn of_all_functions(&self) -> Vec<Reached> {
        let mut walk = Walk::new(self);
        for (at, object) in self.objects.iter().enumerate() {
            if object.is_function && self.oids[at] >= 16384 {
                walk.go(at, Changes::default(), None);
            }
        }
        walk.walked()
    }

    /// The objects that a name may mean.
    fn meant<'a>(&'a self, mention: &'a Mention) -> impl Iterator<Item = usize> + 'a {
        let named = self.by_name.get(&mention.name).into_iter().flatten().copied();
        named.filter(|at| {
            let object = &self.objects[*at];
            let fits = match (&mention.schema, &object.schema) {
                (Some(said), Some(schema)) => said == schema,
                _ => true,
            };
            fits && (mention.is_called || !object.is_function)
        })
    }
}

fn object(row: &Row) -> Object {
    let is_function = row.get::<_, &str>("kind") == "function";
    Object {
        title: row.get("title"),
        schema: row.get("schema"),
        name: row.get("name"),
        is_function,
        does: if is_function { function_does(row) } else { other_does(row) },
    }
}

fn function_does(row: &Row) -> Does {
    let (oid, name): (u32, &str) = (row.get("oid"), row.get("name"));
    if !row.get::<_, bool>("is_callable") {
        return Does::Nothing;
    }
    let effect = |effect: Option<Effect>| effect.map_or(Does::Nothing, Does::Effect);
    let is_volatile = row.get::<_, Option<bool>>("is_volatile").unwrap_or(true);
    // In the sandbox the server's own stand behind others of the same name.
    let is_of_the_server = oid < 16384 || row.get::<_, &str>("schema") == "pg_catalog";
    if let (true, Some(known)) = (is_of_the_server, of_the_server(name)) {
        return effect(known);
    }
    let unless_stable = || effect(is_volatile.then_some(Effect::Unknown));
    match row.get::<_, &str>("language") {
        "internal" => match row.get::<_, Option<&str>>("server_function") {
            Some(name) => of_the_server(name).map_or_else(unless_stable, effect),
            None => Does::Effect(Effect::Unknown),
        },
        "c" => {
            let is_of_an_extension: bool = row.get("is_of_an_extension");
            // The sandbox puts others in the place of those that reach out.
            let library = row.get::<_, Option<&str>>("library").unwrap_or_default();
            let symbol = row.get::<_, Option<&str>>("symbol").unwrap_or_default();
            effect(Native { library, symbol, is_volatile, is_of_an_extension }.effect())
        }
        language if commands::is_trusted(language) => {
            let body: Option<String> = row.get("body");
            let watched = function(name).filter(|_| row.get("is_of_an_extension"));
            match (watched, body) {
                (Some(watched), _) => Does::Effect(watched.effect),
                (None, Some(body)) => Does::Runs(body, language.to_owned()),
                (None, None) => Does::Nothing,
            }
        }
        _ => Does::Effect(Effect::RunsProgram),
    }
}

fn other_does(row: &Row) -> Does {
    let library = row.get::<_, Option<&str>>("library").unwrap_or_default();
    let file = library.rsplit('/').next().unwrap_or(library);
    match row.get::<_, &str>("kind") {
        "sequence" => Does::Moves,
        "foreign table" if file == "file_fdw" => Does::Effect(Effect::ReadsFile),
        "foreign table" => Does::Effect(Effect::OtherServer),
        "access method" if !functions::TRUE_TO_THEIR_WORD.split_whitespace().any(|l| l == file) => {
            Does::Effect(Effect::Unknown)
        }
        _ => Does::Nothing,
    }
}

/// One walk from what a statement names.
struct Walk<'a> {
    reach: &'a Reach,
    /// With which changes each object was come to, and from where at first.
    seen: BTreeMap<usize, (Changes, Option<usize>)>,
    next: VecDeque<usize>,
    found: BTreeSet<Reached>,
}

impl<'a> Walk<'a> {
    fn new(reach: &'a Reach) -> Walk<'a> {
        Walk { reach, seen: BTreeMap::new(), next: VecDeque::new(), found: BTreeSet::new() }
    }

    fn go(&mut self, to: usize, changes: Changes, from: Option<usize>) {
        match self.seen.get_mut(&to) {
            Some((known, _)) if changes.within(*known) => return,
            Some((known, _)) => *known |= changes,
            None => {
                self.seen.insert(to, (changes, from));
            }
        }
        self.next.push_back(to);
    }

    /// Goes to everything that a text mentions.
    fn follow(&mut self, from: Option<usize>, mentions: &Mentions) {
        let reach = self.reach;
        for (mention, changes) in &mentions.names {
            for to in reach.meant(mention) {
                let is_found_already = match reach.objects[to].does {
                    // A sequence moves where a function or a default moves it, and not where it is read.
                    Does::Moves => true,
                    // The text was looked through for those of the table.
                    Does::Effect(effect) => {
                        function(&mention.name).is_some_and(|known| known.effect == effect)
                    }
                    _ => false,
                };
                if !is_found_already {
                    self.go(to, *changes | mentions.elsewhere, from);
                }
            }
        }
        for operator in &mentions.operators {
            for to in reach.by_name.get(operator).into_iter().flatten() {
                self.go(*to, Changes::default(), from);
            }
        }
        if mentions.is_of_the_schema {
            self.along(0, Changes::default(), from);
        }
    }

    fn along(&mut self, oid: u32, changes: Changes, from: Option<usize>) {
        for way in self.reach.ways.get(&oid).into_iter().flatten() {
            if way.on != Changes::default() && !way.on.meets(changes) {
                continue;
            }
            for to in self.reach.by_oid.get(&way.to).into_iter().flatten() {
                self.go(*to, way.gives.unwrap_or(changes), from);
            }
        }
    }

    fn walked(mut self) -> Vec<Reached> {
        while let Some(at) = self.next.pop_front() {
            let changes = self.seen.get(&at).map_or(Changes::default(), |(changes, _)| *changes);
            let object = &self.reach.objects[at];
            match &object.does {
                Does::Nothing => {}
                Does::Effect(effect) => self.find(*effect, &object.title, self.before(at), None),
                Does::Moves => {
                    let sequence = Some(Sequence::Named(object.title.clone()));
                    self.find(Effect::MovesSequence, &object.title, self.before(at), sequence);
                }
                Does::Runs(body, _) => {
                    for named in named_in_body(body) {
                        self.find(named.effect(), named.name(), Some(at), named.sequence);
                    }
                    self.follow(Some(at), &mentions(body, true));
                }
            }
            self.along(self.reach.oids[at], changes, Some(at));
        }
        self.found.into_iter().collect()
    }

    /// Where an object was come to from.
    fn before(&self, at: usize) -> Option<usize> {
        self.seen.get(&at).and_then(|(_, from)| *from)
    }

    fn find(
        &mut self,
        effect: Effect,
        what: &str,
        last: Option<usize>,
        sequence: Option<Sequence>,
    ) {
        let way = std::iter::successors(last, |at| self.before(*at));
        let mut path: Vec<String> = way.map(|at| self.reach.objects[at].title.clone()).collect();
        path.reverse();
        self.found.insert(Reached { effect, what: what.to_owned(), path, sequence });
    }
}
