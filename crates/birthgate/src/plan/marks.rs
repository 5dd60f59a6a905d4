//! The marks by which migration tools know what is what in a file: comments that stand alone on their line. What
//! stands within a literal, a function's body or the data of a COPY is none.

use squawk_lexer::{TokenKind, tokenize};

use super::unready::Unready;
use crate::script::Place;

/// A comment of one line that stands alone on it.
pub(super) struct Mark<'a> {
    /// The byte of the text at which it begins.
    pub at: usize,
    /// All of it, dashes included.
    pub text: &'a str,
}

impl Mark<'_> {
    /// Without the two dashes that make it a comment.
    fn rest(&self) -> &str {
        self.text[2..].trim_end()
    }

    /// Without any dashes and spaces at its beginning.
    pub fn words(&self) -> &str {
        self.text.trim_start_matches(['-', ' ', '\t']).trim_end()
    }
}

/// The marks of a text, in their order.
pub(super) fn marks(text: &str) -> Vec<Mark<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(resumes) = read(text, from, &mut found) {
        from = resumes;
    }
    found
}

/// Reads on from a byte; answers where the data of a COPY ends that come between.
fn read<'a>(text: &'a str, from: usize, found: &mut Vec<Mark<'a>>) -> Option<usize> {
    let mut statement: Vec<&str> = Vec::new();
    let mut at = from;
    for token in tokenize(&text[from..]) {
        let end = at + token.len as usize;
        let word = text.get(at..end)?;
        match token.kind {
            TokenKind::LineComment => {
                let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
                // The sign of Play's evolutions is in front of its comment.
                if text[line..at].trim_start_matches('\u{feff}').trim().trim_matches('#').is_empty()
                {
                    found.push(Mark { at, text: word });
                }
            }
            TokenKind::Ident if statement.len() < 64 => statement.push(word),
            TokenKind::Semi => {
                let copies =
                    statement.first().is_some_and(|word| word.eq_ignore_ascii_case("copy"))
                        && statement.iter().any(|word| word.eq_ignore_ascii_case("stdin"));
                if copies && let Some(data) = text[end..].find("\n\\.") {
                    return Some(end + data + "\n\\.".len());
                }
                statement.clear();
            }
            _ => {}
        }
        at = end;
    }
    None
}

type IsMark = fn(&Mark) -> bool;

/// The marks of tools that are not read.
const FOREIGN: &[(&str, IsMark)] = &[
    ("goose", |mark| mark.words().starts_with("+goose ")),
    ("sql-migrate", |mark| mark.words().starts_with("+migrate ")),
    ("micrate", |mark| mark.words().starts_with("+micrate ")),
    ("node-pg-migrate", |mark| is_words(mark.words(), &["up migration", "down migration"])),
    ("Liquibase", |mark| {
        let text = mark.words();
        is(text, &["liquibase formatted sql"])
            || is(text, &["changeset "])
                && text.contains(':')
                && mark.rest().starts_with(['c', ' '])
    }),
    ("Atlas", |mark| {
        let directive = mark.words().strip_prefix("atlas:");
        directive.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    }),
    ("graphile-migrate", |mark| {
        mark.rest().strip_prefix('!').is_some_and(|rest| {
            let word = rest.split_whitespace().next().unwrap_or_default();
            rest.starts_with(' ') && word.len() > 1 && word.ends_with(':')
                || ["include", "Included", "EndIncluded", "split:", "no-transaction"]
                    .contains(&word)
                || word.starts_with("AllowInvalidHash")
        })
    }),
    ("Drizzle", |mark| mark.rest().starts_with("> statement-breakpoint")),
    ("rambler", |mark| ["rambler up", "rambler down"].contains(&mark.words())),
    ("tern", |mark| {
        mark.text.starts_with("---- create above / drop below ----")
            || mark.text.starts_with("---- tern:")
    }),
    ("MyBatis Migrations", |mark| mark.words().trim_start_matches('/').starts_with("@UNDO")),
    ("Play", |mark| mark.words().starts_with("!Ups") || mark.words().starts_with("!Downs")),
    ("shmig", |mark| is(mark.words(), &["==== up ====", "==== down ===="])),
    ("Migratus", |mark| mark.rest().starts_with(";;")),
    ("bun", |mark| mark.words() == "bun:split"),
];

/// Whether a text begins with one of these, in whatever letters.
fn is(text: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| {
        text.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
    })
}

/// Whether a text begins with one of these, and no word goes on there: "down migrations are not available" says
/// something, and marks nothing.
fn is_words(text: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| {
        is(text, &[beginning]) && !text[beginning.len()..].starts_with(char::is_alphanumeric)
    })
}

/// Words for a way there, each with those for the way back.
const DIRECTIONS: &[(&str, &[&str])] = &[
    ("up", &["down"]),
    ("ups", &["downs"]),
    ("do", &["undo"]),
    ("redo", &["undo"]),
    ("apply", &["undo", "revert", "rollback", "unapply"]),
    ("deploy", &["revert", "undo", "rollback"]),
    ("forward", &["backward", "reverse", "rollback"]),
    ("forwards", &["backwards"]),
    ("upgrade", &["downgrade"]),
    ("migrate", &["rollback", "revert", "undo"]),
];

/// The word of a short mark that says a direction, and the mark without it.
fn direction(mark: &Mark) -> Option<(String, String)> {
    let text = mark.words().to_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
    if words.iter().filter(|word| !word.is_empty()).count() > 4 {
        return None;
    }
    let said =
        |word: &&&str| DIRECTIONS.iter().any(|(up, downs)| up == *word || downs.contains(*word));
    let mut told = words.iter().filter(said);
    let (word, None) = (told.next()?, told.next()) else { return None };
    // A comment that explains something has words of its own.
    let of_marks =
        ["migration", "migrations", "script", "sql", "section", "step", "begin", "start", "here"];
    if words.iter().any(|one| !one.is_empty() && one != word && !of_marks.contains(one)) {
        return None;
    }
    Some(((*word).to_owned(), text.replacen(word, "*", 1)))
}

/// What of a text is marked as a tool has it that is not read. Atlas checks the folders of other tools too, and its
/// marks there (`certain`) do nothing.
pub(super) fn foreign(path: &str, text: &str, certain: bool) -> Option<Unready> {
    let marks = marks(text);
    let place = |mark: &Mark| Place::of(path, text, mark.at..mark.at + mark.text.len());
    for mark in &marks {
        let known = FOREIGN.iter().find(|(_, has)| has(mark));
        if let Some((tool, _)) = known.filter(|(tool, _)| !(certain && *tool == "Atlas")) {
            let told = mark.text.trim_end().chars().take(60).collect();
            return Some(Unready::Foreign { place: place(mark), tool, mark: told });
        }
    }
    let told: Vec<_> =
        marks.iter().filter_map(|mark| direction(mark).map(|said| (mark, said))).collect();
    for (at, (up, (word, around))) in told.iter().enumerate() {
        let Some((_, downs)) = DIRECTIONS.iter().find(|(up, _)| up == word) else { continue };
        let back = told[at + 1..]
            .iter()
            .find(|(_, (word, rest))| downs.contains(&word.as_str()) && rest == around);
        if let Some((down, _)) = back {
            let told = |mark: &Mark| mark.text.trim_end().to_owned();
            return Some(Unready::TwoDirections {
                place: place(up),
                up: told(up),
                down: told(down),
            });
        }
    }
    None
}
