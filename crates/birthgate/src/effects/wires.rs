//! What the sandbox watches: functions whose effect ROLLBACK does not undo leave a trace there.

use super::{Effect, LIBRARIES, Place, known_extensions};

/// How the sandbox watches a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// It runs there, and leaves a trace.
    Runs,
    /// It leaves a trace and answers as if it had acted: the other sessions there are the rehearsal's own.
    Answers,
    /// It leaves a trace and fails.
    Fails,
}

/// A function that the sandbox watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tripwire {
    /// The library that it is in; empty for the server's own.
    pub library: &'static str,
    /// Its name, or that of its symbol; `*` for all of the library.
    pub name: &'static str,
    /// How it is watched.
    pub wire: Wire,
}

/// The functions that the sandbox watches. Sequences are watched by their positions, and what writes past the rules
/// of catalogs refuses to by itself.
pub fn tripwires() -> impl Iterator<Item = Tripwire> {
    let functions = LIBRARIES.iter().flat_map(|(library, names)| {
        names.iter().filter_map(|(name, effect)| Some((*library, *name, (*effect)?)))
    });
    functions.filter_map(|(library, name, effect)| {
        let wire = match (effect, effect.place()) {
            (Effect::MovesSequence | Effect::BypassesCatalog, _) | (_, Place::Anywhere) => {
                return None;
            }
            (_, Place::Nowhere) => Wire::Fails,
            (Effect::OtherSession, _) if library.is_empty() => Wire::Answers,
            (_, Place::SandboxOnly) => Wire::Runs,
        };
        Some(Tripwire { library, name, wire })
    })
}

/// The extensions that bring no function to be watched, but for some that reset statistics.
fn quiet_extensions() -> impl Iterator<Item = &'static str> {
    let is_watched = |name: &str| {
        LIBRARIES.get(name).is_some_and(|names| {
            names.values().any(|effect| effect.is_some_and(|effect| effect != Effect::Statistics))
        })
    };
    known_extensions().filter(move |name| !is_watched(name))
}

/// SQL for the sandbox before anything is restored in it: the server's own functions are watched, and so is making
/// functions in C. A trace is a sequence of that name that moves in the schema `birthgate_tripwire`.
pub fn tripwires_sql() -> String {
    watching(include_str!("../../sql/rehearsal/sandbox_tripwires.sql"), |wire| {
        wire.library.is_empty().then(|| wire.name.to_owned())
    })
}

/// SQL for the sandbox once the schema is restored: what the database brings is watched too.
pub fn ways_out_sql() -> String {
    watching(include_str!("../../sql/rehearsal/sandbox_ways_out.sql"), |wire| {
        Some(format!("{}/{}", wire.library, wire.name))
    })
}

/// With the lists of what is watched, each named as is said here.
fn watching(sql: &str, name: impl Fn(&Tripwire) -> Option<String>) -> String {
    let list = |names: Vec<String>| format!("{{{}}}", names.join(","));
    let of = |wire: Wire| {
        let watched = tripwires().filter(|one| one.wire == wire);
        list(watched.filter_map(|one| name(&one)).collect())
    };
    sql.replace("{runs}", &of(Wire::Runs))
        .replace("{answers}", &of(Wire::Answers))
        .replace("{fails}", &of(Wire::Fails))
        .replace("{quiet}", &list(quiet_extensions().map(str::to_owned).collect()))
}

#[cfg(test)]
mod tests {
    use super::{Wire, quiet_extensions, tripwires};

    #[test]
    fn what_stays_in_the_sandbox_runs_there() {
        let of = |name: &str| tripwires().find(|wire| wire.name == name).map(|wire| wire.wire);
        assert_eq!(of("pg_advisory_lock"), Some(Wire::Runs));
        assert_eq!(of("pg_switch_wal"), Some(Wire::Runs));
        assert_eq!(of("pg_terminate_backend"), Some(Wire::Answers));
        assert_eq!(of("lo_export"), Some(Wire::Fails));
        assert_eq!(of("dblink_exec"), Some(Wire::Fails));
        assert_eq!(of("nextval"), None);
        assert_eq!(of("pg_advisory_xact_lock"), None);
    }

    #[test]
    fn extensions_that_bring_what_acts_are_not_quiet() {
        let quiet: Vec<&str> = quiet_extensions().collect();
        for name in ["pg_trgm", "hstore", "pg_stat_statements", "postgis", "xml2"] {
            assert!(quiet.contains(&name), "{name}");
        }
        for name in ["dblink", "pg_surgery", "http", "evil"] {
            assert!(!quiet.contains(&name), "{name}");
        }
    }
}
