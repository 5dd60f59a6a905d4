//! The versions of the catalog rows behind a fingerprint, and which of them moved between two looks.

use std::collections::{BTreeSet, HashMap};

use super::Ask;
use crate::error::{Doing, Error, Result};

/// An object: the catalog that it is a row of, and its oid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Address {
    pub class: u32,
    pub id: u32,
}

/// What has to be read again when a row moves; `sql/tracker/versions.sql` says it of each catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reach {
    Own,
    Name,
    Rest,
    Always,
    Everything,
}

impl Reach {
    fn read(letter: i8) -> Result<Reach> {
        Ok(match letter.unsigned_abs() {
            b'o' => Reach::Own,
            b'n' => Reach::Name,
            b'r' => Reach::Rest,
            b'a' => Reach::Always,
            b'e' => Reach::Everything,
            other => return Err(Error::Unexpected(format!("a catalog reaches {other}"))),
        })
    }
}

/// A part of a catalog: its oid, and a number below 64.
type Part = (u32, i32);

/// One number for each part of each catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamps(HashMap<(Part, Reach), i64>);

/// What moved between two looks.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// Something that no dependency leads from.
    pub everything: bool,
    /// What a database has few of.
    pub rest: bool,
    /// Objects of which any row moved.
    pub objects: BTreeSet<Address>,
    /// Objects whose names, or whose columns' names, may be others.
    pub named: BTreeSet<Address>,
}

/// The versions that the last look saw.
#[derive(Debug, Default)]
pub(super) struct Versions {
    stamps: Stamps,
    listed: HashMap<Part, HashMap<Address, i64>>,
}

impl Versions {
    /// Reads all of them.
    pub async fn read(ask: Ask<'_>, is_since_15: bool) -> Result<Versions> {
        // The stamps first: what moves in between is seen to have moved by the next look.
        let stamps = Stamps::read(ask, is_since_15).await?;
        let listed = listed(ask, is_since_15, None).await?;
        Ok(Versions { stamps, listed })
    }

    /// Brings them up to date, and tells what moved.
    pub async fn update(&mut self, ask: Ask<'_>, is_since_15: bool) -> Result<Moved> {
        let stamps = Stamps::read(ask, is_since_15).await?;
        let mut moved = Moved::default();
        let mut parts: HashMap<Part, bool> = HashMap::new();
        for ((part, reach), _) in stamps.differing(&self.stamps) {
            match reach {
                Reach::Own => _ = parts.entry(part).or_default(),
                Reach::Name => _ = parts.insert(part, true),
                Reach::Rest | Reach::Always => moved.rest = true,
                Reach::Everything => moved.everything = true,
            }
        }
        moved.rest |= stamps.0.keys().any(|(_, reach)| *reach == Reach::Always);
        if !parts.is_empty() && !moved.everything {
            let mut now = listed(ask, is_since_15, Some(&parts)).await?;
            for (part, names) in parts {
                let now = now.remove(&part).unwrap_or_default();
                let before = self.listed.remove(&part).unwrap_or_default();
                let differ = now.iter().filter(|(id, version)| before.get(id) != Some(version));
                let gone = before.keys().filter(|id| !now.contains_key(id));
                for address in differ.map(|(address, _)| address).chain(gone) {
                    moved.objects.insert(*address);
                    if names {
                        moved.named.insert(*address);
                    }
                }
                self.listed.insert(part, now);
            }
        }
        self.stamps = stamps;
        Ok(moved)
    }
}

impl Stamps {
    async fn read(ask: Ask<'_>, is_since_15: bool) -> Result<Stamps> {
        let sql = with_versions(include_str!("../../sql/tracker/stamps.sql"), is_since_15);
        let mut stamps = HashMap::new();
        for row in ask.rows(&sql, &[]).await.doing(DOING)? {
            let part = (row.get("catalog"), row.get("part"));
            stamps.insert((part, Reach::read(row.get("reach"))?), row.get("stamp"));
        }
        Ok(Stamps(stamps))
    }

    /// The parts that differ between the two, each once or, if it is in both, twice.
    fn differing<'a>(
        &'a self,
        other: &'a Stamps,
    ) -> impl Iterator<Item = ((Part, Reach), i64)> + 'a {
        let differ = |(key, stamp): &(&(Part, Reach), &i64), there: &Stamps| {
            there.0.get(*key) != Some(*stamp)
        };
        let now = self.0.iter().filter(move |one| differ(one, other));
        let gone = other.0.iter().filter(move |one| differ(one, self));
        now.chain(gone).map(|(key, stamp)| (*key, *stamp))
    }
}

const DOING: &str = "looking what moved in the catalogs";

/// The objects of these parts, or of all.
async fn listed(
    ask: Ask<'_>,
    is_since_15: bool,
    parts: Option<&HashMap<Part, bool>>,
) -> Result<HashMap<Part, HashMap<Address, i64>>> {
    let sql = with_versions(include_str!("../../sql/tracker/listed.sql"), is_since_15);
    let catalogs: Option<Vec<u32>> = parts.map(|parts| {
        let catalogs: BTreeSet<u32> = parts.keys().map(|(catalog, _)| *catalog).collect();
        catalogs.into_iter().collect()
    });
    let numbers: Option<Vec<u32>> = parts.map(|parts| {
        let numbers: BTreeSet<u32> =
            parts.keys().map(|(_, number)| number.unsigned_abs()).collect();
        numbers.into_iter().collect()
    });
    let mut listed = HashMap::new();
    for row in ask.rows(&sql, &[&catalogs, &numbers]).await.doing(DOING)? {
        let classes: Vec<u32> = row.get("classes");
        let ids: Vec<u32> = row.get("objects");
        let versions: Vec<i64> = row.get("versions");
        let addresses = classes.into_iter().zip(ids).map(|(class, id)| Address { class, id });
        let objects: HashMap<Address, i64> = addresses.zip(versions).collect();
        listed.insert((row.get("catalog"), row.get("part")), objects);
    }
    Ok(listed)
}

fn with_versions(sql: &str, is_since_15: bool) -> String {
    let versions = include_str!("../../sql/tracker/versions.sql");
    let since_15 = match is_since_15 {
        true => include_str!("../../sql/tracker/versions_since_15.sql"),
        false => "",
    };
    sql.replace("{versions}", &format!("{versions}{since_15}"))
}
