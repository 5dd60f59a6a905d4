//! What moves outside of a transaction: functions and statements whose effect ROLLBACK does not undo, or that
//! reach a file, a program, a session or a server of others.

pub(crate) mod code;
mod commands;
mod functions;
mod mentions;
mod named;
mod reach;
mod text;
pub(crate) mod unseen;
mod wires;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Serialize;

pub use commands::Command;
pub use named::{Named, Sequence, What, When, named_in};
pub use reach::{Reach, Reached, reachable};
pub use wires::{Tripwire, Wire, tripwires, tripwires_sql, ways_out_sql};

/// What a function or a statement does that ROLLBACK does not undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Moves a sequence.
    MovesSequence,
    /// Takes or gives back what belongs to the session: advisory locks, a replication origin.
    SessionState,
    /// Ends, cancels or disturbs other sessions, or starts some.
    OtherSession,
    /// Moves replication slots or origins, or writes to the WAL what they read.
    Replication,
    /// Controls the server: configuration, WAL, backups, caches.
    ServerControl,
    /// Resets counters.
    Statistics,
    /// Changes pages of tables or indexes in place.
    InPlace,
    /// Writes what catalogs hold past their own rules.
    BypassesCatalog,
    /// Reads a file of the server.
    ReadsFile,
    /// Writes a file of the server.
    WritesFile,
    /// Runs a program.
    RunsProgram,
    /// Reaches another server, or this one by another connection.
    OtherServer,
    /// Is in C, or of an extension, of which nothing is known.
    Unknown,
}

/// Where something may run while it is only tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the live database too: ROLLBACK undoes it.
    Anywhere,
    /// In the sandbox, as psql would run it, and never in the live database.
    SandboxOnly,
    /// Nowhere: it would reach out of the sandbox as well.
    Nowhere,
}

impl Effect {
    /// Where it may run.
    pub fn place(self) -> Place {
        match self {
            Effect::ReadsFile | Effect::WritesFile | Effect::RunsProgram | Effect::OtherServer => {
                Place::Nowhere
            }
            Effect::MovesSequence
            | Effect::SessionState
            | Effect::OtherSession
            | Effect::Replication
            | Effect::ServerControl
            | Effect::Statistics
            | Effect::InPlace
            | Effect::BypassesCatalog
            | Effect::Unknown => Place::SandboxOnly,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Effect::MovesSequence => "moves a sequence",
            Effect::SessionState => "keeps or releases a lock of the session",
            Effect::OtherSession => "acts on other sessions",
            Effect::Replication => "moves a replication slot or origin",
            Effect::ServerControl => "controls the server",
            Effect::Statistics => "resets statistics",
            Effect::InPlace => "changes pages in place",
            Effect::BypassesCatalog => "writes catalogs past their rules",
            Effect::ReadsFile => "reads a file of the server",
            Effect::WritesFile => "writes a file of the server",
            Effect::RunsProgram => "runs a program",
            Effect::OtherServer => "reaches another server",
            Effect::Unknown => "is in C or of an extension that Birthgate does not know",
        })
    }
}

/// A function with an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Function {
    /// The library that it is in; empty for the server's own.
    pub library: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub effect: Effect,
}

/// Every name of a library in the table, with its effect.
type Names = BTreeMap<&'static str, Option<Effect>>;

/// The table, by library.
static LIBRARIES: LazyLock<BTreeMap<&'static str, Names>> = LazyLock::new(|| {
    let mut libraries: BTreeMap<&'static str, Names> = BTreeMap::new();
    for (library, effect, names) in functions::TABLE {
        let known = libraries.entry(library).or_default();
        known.extend(names.split_whitespace().map(|name| (name, *effect)));
    }
    libraries
});

/// The functions with an effect, by name.
static FUNCTIONS: LazyLock<BTreeMap<&'static str, Function>> = LazyLock::new(|| {
    let mut functions = BTreeMap::new();
    for (library, names) in LIBRARIES.iter() {
        for (name, effect) in names.iter().filter(|(name, _)| **name != "*") {
            if let Some(effect) = *effect {
                functions.entry(*name).or_insert(Function { library, name, effect });
            }
        }
    }
    functions
});

/// The function of this name, where it has an effect.
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.get(name)
}

/// The trace that making a function in C leaves in the sandbox, be it by an extension.
pub(crate) const MAKES_NATIVE: &str = "a function in C or internal";

/// What is known of a function of the server itself, by its name: `Some(None)` is known to be harmless.
fn of_the_server(name: &str) -> Option<Option<Effect>> {
    LIBRARIES.get("")?.get(name).copied()
}

/// A function in C, as the catalog has it.
struct Native<'a> {
    /// The file that it is in, such as `$libdir/dblink`.
    library: &'a str,
    symbol: &'a str,
    is_volatile: bool,
    is_of_an_extension: bool,
}

impl Native<'_> {
    /// What it does. The library and the symbol are looked at, and never the name, which may be any.
    fn effect(&self) -> Option<Effect> {
        let file = self.library.rsplit('/').next().unwrap_or(self.library);
        let file = file.strip_suffix(".so").unwrap_or(file);
        if let Some(names) = LIBRARIES.get(file) {
            let symbol = without_version(self.symbol);
            let found = names.get(self.symbol).or_else(|| names.get(symbol));
            if let Some(effect) = found.or_else(|| names.get("*")) {
                return *effect;
            }
        }
        let is_true = functions::TRUE_TO_THEIR_WORD.split_whitespace().any(|known| known == file);
        let is_harmless = is_true && self.is_of_an_extension && !self.is_volatile;
        (!is_harmless).then_some(Effect::Unknown)
    }
}

/// A symbol without the version at its end: `pgstatindex_v1_5`, `pg_stat_statements_1_10`.
fn without_version(symbol: &str) -> &str {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    symbol
        .rsplit_once('_')
        .filter(|(_, minor)| is_number(minor))
        .and_then(|(rest, _)| rest.rsplit_once('_'))
        .filter(|(_, major)| is_number(major.strip_prefix('v').unwrap_or(major)))
        .map_or(symbol, |(name, _)| name)
}

/// The extensions whose functions the table knows.
fn known_extensions() -> impl Iterator<Item = &'static str> {
    let others = "intarray intagg xml2 postgis postgis_topology address_standardizer bool_plperlu hstore_plperlu \
                  hstore_plpython3u jsonb_plperlu jsonb_plpython3u ltree_plpython3u plperlu plpython3u pltclu";
    others.split_whitespace().chain(functions::TRUE_TO_THEIR_WORD.split_whitespace())
}

/// Whether a statement makes an extension whose functions could reach out of the sandbox, or of which nothing is known.
pub(crate) fn makes_reaching_extension(sql: &str) -> bool {
    let words = crate::words::first(sql, 8);
    if !(words.first().is_some_and(|word| word.is("create"))
        && words.get(1).is_some_and(|word| word.is("extension")))
    {
        return false;
    }
    let skipped = |word: &crate::words::Word<'_>| {
        ["if", "not", "exists"].iter().any(|keyword| word.is(keyword))
    };
    let name = words[2..].iter().find(|word| !skipped(word)).and_then(|word| word.name());
    name.is_none_or(|name| {
        let reaches =
            |names: &Names| names.values().flatten().any(|effect| effect.place() == Place::Nowhere);
        LIBRARIES.get(name.as_str()).is_some_and(reaches) || !is_known_extension(&name)
    })
}

/// Whether CREATE EXTENSION brings functions that the table knows.
fn is_known_extension(name: &str) -> bool {
    known_extensions().any(|known| known == name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Effect, FUNCTIONS, LIBRARIES, Native, functions, without_version};

    #[test]
    fn no_name_is_in_the_table_twice() {
        let rows = functions::TABLE.iter();
        let named: usize = rows.map(|(_, _, names)| names.split_whitespace().count()).sum();
        let known: usize = LIBRARIES.values().map(|names| names.len()).sum();
        assert_eq!(named, known);
        let effects = functions::TABLE.iter().filter(|row| row.1.is_some());
        let with_effect =
            effects.flat_map(|row| row.2.split_whitespace()).filter(|name| *name != "*").count();
        assert_eq!(with_effect, FUNCTIONS.len());
    }

    #[test]
    fn versions_of_symbols_are_left_out() {
        for (symbol, name) in [
            ("pgstatindex_v1_5", "pgstatindex"),
            ("pg_stat_statements_1_10", "pg_stat_statements"),
            ("uuid_generate_v4", "uuid_generate_v4"),
            ("lo_lseek64", "lo_lseek64"),
            ("pg_stat_reset", "pg_stat_reset"),
        ] {
            assert_eq!(without_version(symbol), name);
        }
    }

    #[test]
    fn functions_in_c_are_known_by_library_and_symbol() {
        let effect = |library, symbol, is_volatile, is_of_an_extension| {
            Native { library, symbol, is_volatile, is_of_an_extension }.effect()
        };
        // Whatever it says of itself.
        assert_eq!(effect("$libdir/dblink", "dblink_exec", false, true), Some(Effect::OtherServer));
        assert_eq!(effect("dblink.so", "dblink_record", true, false), Some(Effect::OtherServer));
        assert_eq!(effect("$libdir/dblink", "dblink_get_pkey", true, false), None);
        assert_eq!(effect("$libdir/pg_trgm", "similarity", false, true), None);
        assert_eq!(effect("$libdir/pg_trgm", "similarity", false, false), Some(Effect::Unknown));
        assert_eq!(effect("$libdir/pg_trgm", "new_one", true, true), Some(Effect::Unknown));
        assert_eq!(effect("/tmp/evil", "similarity", false, true), Some(Effect::Unknown));
        assert_eq!(effect("$libdir/http", "http_request", true, true), Some(Effect::OtherServer));
    }
}
