//! What a statement would do to the transaction that it runs in, and where it may run, told by its words: the first
//! ones decide, as they do in PostgreSQL's grammar.

use super::{Conduct, Control, Kept};
use crate::effects::{Command, Effect, Place, What, named_in};
use crate::words::Word;

/// How many words of a statement are looked at.
pub(super) const LOOKED_AT: usize = 64;

/// A statement's first words, as keywords.
pub(super) struct Opening<'a>(Vec<&'a str>);

impl<'a> Opening<'a> {
    pub fn of(words: &[Word<'a>]) -> Opening<'a> {
        Opening(words.iter().take(LOOKED_AT).map(|word| word.text).collect())
    }

    fn is(&self, at: usize, keyword: &str) -> bool {
        self.0.get(at).is_some_and(|word| word.eq_ignore_ascii_case(keyword))
    }

    /// Whether it begins with these keywords.
    fn begins(&self, keywords: &[&str]) -> bool {
        keywords.iter().enumerate().all(|(at, keyword)| self.is(at, keyword))
    }

    fn has(&self, keyword: &str) -> bool {
        self.0.iter().any(|word| word.eq_ignore_ascii_case(keyword))
    }

    /// Whether it makes, changes or drops objects, and writes no rows and moves no sequence.
    pub fn is_of_the_schema(&self) -> bool {
        let of_rows = [
            &["create", "materialized"][..],
            &["alter", "sequence"],
            &["alter", "large"],
            &["create", "schema"],
        ];
        let makes_from_query = self.is(0, "create")
            && ["table", "unlogged", "temp", "temporary", "local", "global"]
                .iter()
                .any(|kind| self.is(1, kind))
            && (self.has("as") || self.0.len() == LOOKED_AT);
        let starts = ["create", "alter", "drop", "comment", "grant", "revoke", "security"];
        starts.iter().any(|start| self.is(0, start))
            && !makes_from_query
            && !of_rows.iter().any(|start| self.begins(start))
    }

    /// Whether it only sets or shows parameters of the session.
    pub fn is_of_the_session(&self) -> bool {
        ["set", "reset", "show"].iter().any(|start| self.is(0, start))
            && !self.begins(&["set", "constraints"])
    }

    /// Whether it says how its transaction runs.
    pub fn is_of_the_transaction(&self) -> bool {
        self.begins(&["set", "transaction"])
    }

    /// Whether it writes the planner's figures of a table that is there, in place, where no ROLLBACK brings back what they
    /// were: it builds an index.
    pub fn writes_figures(&self) -> bool {
        let builds = ["unique", "primary", "exclude"].iter().any(|kind| self.has(kind));
        self.is(0, "reindex")
            || self.is(0, "create") && (self.is(1, "index") || self.is(2, "index"))
            || self.begins(&["alter", "table"]) && builds
    }

    /// Whether it puts rows in, one statement like the next.
    pub fn is_an_insert(&self) -> bool {
        self.is(0, "insert")
    }

    /// Whether outside of a transaction block PostgreSQL refuses it.
    fn wants_a_block(&self) -> bool {
        self.is(0, "lock") || self.is(0, "declare") && !(self.has("with") && self.has("hold"))
    }

    pub fn conduct(&self) -> Conduct {
        if let Some(control) = self.control() {
            return Conduct::Controls(control);
        }
        if self.wants_a_block() {
            return Conduct::InBlock;
        }
        match self.outside() {
            Some(what) => Conduct::Outside(what),
            None => Conduct::Inside,
        }
    }

    fn control(&self) -> Option<Control> {
        let chains = self.has("chain") && !(self.has("no") && self.has("chain"));
        Some(match self.0.first()?.to_ascii_lowercase().as_str() {
            "begin" => Control::Begin,
            "start" if self.is(1, "transaction") => Control::Begin,
            "prepare" if self.is(1, "transaction") => Control::PrepareTransaction,
            "commit" if self.is(1, "prepared") => Control::CommitPrepared,
            "rollback" if self.is(1, "prepared") => Control::RollbackPrepared,
            "commit" | "end" if chains => Control::CommitAndChain,
            "commit" | "end" => Control::Commit,
            "rollback" | "abort" if self.has("to") => Control::RollbackToSavepoint,
            "rollback" | "abort" if chains => Control::RollbackAndChain,
            "rollback" | "abort" => Control::Rollback,
            "savepoint" => Control::Savepoint,
            "release" => Control::Release,
            _ => return None,
        })
    }

    fn outside(&self) -> Option<&'static str> {
        let concurrently = self.has("concurrently");
        let first = self.0.first()?.to_ascii_lowercase();
        let second = self.0.get(1).map(|word| word.to_ascii_lowercase()).unwrap_or_default();
        Some(match (first.as_str(), second.as_str()) {
            ("create", "database") => "CREATE DATABASE",
            ("drop", "database") => "DROP DATABASE",
            ("create", "tablespace") => "CREATE TABLESPACE",
            ("drop", "tablespace") => "DROP TABLESPACE",
            ("alter", "database") if self.has("tablespace") => "ALTER DATABASE … SET TABLESPACE",
            ("alter", "system") => "ALTER SYSTEM",
            ("vacuum", _) => "VACUUM",
            ("cluster", _) if self.0.len() <= 2 => "CLUSTER",
            ("discard", "all") => "DISCARD ALL",
            ("create", "subscription") => "CREATE SUBSCRIPTION",
            ("alter", "subscription") => "ALTER SUBSCRIPTION",
            ("drop", "subscription") => "DROP SUBSCRIPTION",
            ("reindex", _)
                if concurrently
                    || self.has("database")
                    || self.has("system")
                    || self.has("schema") =>
            {
                "REINDEX CONCURRENTLY, or of more than a table"
            }
            ("create", _) if concurrently && self.has("index") => "CREATE INDEX CONCURRENTLY",
            ("drop", "index") if concurrently => "DROP INDEX CONCURRENTLY",
            ("alter", "table") if concurrently && self.has("detach") => {
                "DETACH PARTITION CONCURRENTLY"
            }
            _ => return None,
        })
    }

    /// Where it may not run, and why. What moves a sequence is told apart: a plan may declare that.
    pub fn kept(&self, text: &str) -> (Option<Kept>, bool) {
        for (keyword, what) in [
            ("listen", "LISTEN stays in the session"),
            ("prepare", "PREPARE stays in the session"),
            ("vacuum", "VACUUM is not undone by ROLLBACK"),
            ("analyze", "ANALYZE writes the planner's figures in place"),
            ("analyse", "ANALYZE writes the planner's figures in place"),
        ] {
            if self.is(0, keyword) && !self.is(1, "transaction") {
                return (Some(Kept::FromLive(what.to_owned())), false);
            }
        }
        if self.is(0, "set") && self.has("standard_conforming_strings") {
            let what = "standard_conforming_strings changes where strings end";
            return (Some(Kept::FromLive(what.to_owned())), false);
        }
        if self.is_of_the_transaction() {
            return (Some(Kept::FromLive("it sets how its transaction runs".to_owned())), false);
        }
        let named = named_in(text);
        let moves = named
            .iter()
            .any(|one| one.effect() == Effect::MovesSequence && one.place() != Place::Anywhere);
        let worst = named
            .iter()
            .filter(|one| one.effect() != Effect::MovesSequence)
            .max_by_key(|one| one.place())
            .filter(|one| one.place() != Place::Anywhere);
        let kept = worst.map(|one| {
            let why = format!("{} {}, which ROLLBACK does not undo", one.name(), one.effect());
            // Made by the plan itself, no tripwire stands before it.
            let is_native = matches!(
                one.what,
                What::Command(Command::NativeFunction | Command::UntrustedBlock)
            );
            match one.place() {
                Place::Nowhere => Kept::FromEverywhere(why),
                _ if is_native => Kept::FromEverywhere(why),
                _ => Kept::FromLive(why),
            }
        });
        (kept, moves)
    }
}
