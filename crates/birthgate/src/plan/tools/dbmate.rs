//! dbmate: both directions in one file `12_name.sql` of the folder itself, in order of the names. Each part is one
//! message in a transaction, unless its mark says `transaction:false`. Its table has the digits in front of the names.

use std::ops::Range;

use super::{Claim, Reader, Reading, Sent, Tool, script_of};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::plan::folder::{File, Folder};
use crate::plan::history::History;
use crate::plan::marks::marks;
use crate::script::{Place, Problem};

pub(super) struct Dbmate;

/// The digits in front of a name.
fn version(name: &str) -> Option<&str> {
    let end = name.find(|c: char| !c.is_ascii_digit())?;
    (end > 0 && name.ends_with(".sql")).then(|| &name[..end])
}

impl Reader for Dbmate {
    fn tool(&self) -> Tool {
        Tool::Dbmate
    }

    fn claim(&self, folder: &Folder) -> Claim {
        let marked = |file: &File| {
            let text = file.read().unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            text.contains("migrate:")
                && marks(&text).iter().any(|mark| said(mark.text, "up").is_some())
        };
        if folder.top_sql().any(marked) { Claim::Certain } else { Claim::No }
    }

    fn reads(&self) -> &'static str {
        "dbmate reads 12_name.sql of the folder itself"
    }

    fn read(&self, folder: &Folder) -> Result<Reading> {
        // A single file that was named may have any name.
        let is_own = |file: &&File| folder.root.is_none() || version(file.name()).is_some();
        let mut reading = Reading::default();
        for file in folder.top_sql().filter(is_own) {
            let text = file.read()?;
            let Parts { up, down } = parts(&file.path.display().to_string(), &text)?;
            let does = script_of(&file.path, &only(&text, &up.bytes), true)?;
            let undo = down
                .as_ref()
                .map(|down| script_of(&file.path, &only(&text, &down.bytes), true))
                .transpose()?;
            if down.is_none() {
                reading.notes.push(format!(
                    "{} has no `-- migrate:down`: dbmate 2 refuses such a file",
                    file.name()
                ));
            }
            let sent = if up.in_transaction { Sent::InTransaction } else { Sent::AsOneMessage };
            reading.steps.push(sent.step(file.name().to_owned(), does, undo));
            reading.known.insert(file.within.clone());
        }
        Ok(reading)
    }

    fn applied(
        &self,
        plan: &Plan,
        history: &History,
        _notes: &mut Vec<String>,
    ) -> Result<Vec<bool>> {
        Ok(plan
            .steps
            .iter()
            .map(|step| {
                let version = version(&step.id);
                version.is_some()
                    && history.rows.iter().any(|row| row.version.as_deref() == version)
            })
            .collect())
    }
}

/// What a mark of this direction says besides, if the line is one.
fn said<'a>(line: &'a str, direction: &str) -> Option<&'a str> {
    let rest = line.strip_prefix("--")?.trim_start();
    let options = rest.strip_prefix("migrate:")?.strip_prefix(direction)?;
    options.chars().next().is_none_or(char::is_whitespace).then(|| options.trim())
}

/// One direction of a file.
struct Part {
    bytes: Range<usize>,
    in_transaction: bool,
}

struct Parts {
    up: Part,
    down: Option<Part>,
}

/// The directions of a file, line by line as dbmate looks for them.
fn parts(path: &str, text: &[u8]) -> Result<Parts> {
    let text = String::from_utf8_lossy(text);
    let problem = |at: Range<usize>, message: &str| {
        let place = Place::of(path, &text, at);
        Error::Unreadable(vec![Problem { place, message: message.to_owned() }])
    };
    let (mut up, mut down): (Option<Part>, Option<Part>) = (None, None);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let (here, end) = (at..at + line.len(), text.len());
        at = here.end;
        let told = line.trim_end();
        let part = |options: &str| Part {
            bytes: here.start..end,
            in_transaction: !options.split_whitespace().any(|option| option == "transaction:false"),
        };
        if let Some(options) = said(told, "up") {
            if up.is_some() {
                return Err(problem(
                    here,
                    "dbmate notes the version for each `-- migrate:up`, and may do so once: give each a file of its own",
                ));
            }
            up = Some(part(options));
        } else if let Some(options) = said(told, "down") {
            let Some(up) = up.as_mut().filter(|_| down.is_none()) else {
                return Err(problem(
                    here,
                    "dbmate wants one `-- migrate:down`, after its `-- migrate:up`",
                ));
            };
            up.bytes.end = here.start;
            down = Some(part(options));
        } else if up.is_none() && !told.trim().is_empty() && !told.trim_start().starts_with("--") {
            return Err(problem(here, "dbmate takes no statement in front of `-- migrate:up`"));
        }
    }
    match up {
        Some(up) => Ok(Parts { up, down }),
        None => Err(problem(0..0, "dbmate wants a `-- migrate:up` in each of its files")),
    }
}

/// A part of a text. The rest becomes spaces, so that places stay.
fn only(text: &[u8], range: &Range<usize>) -> Vec<u8> {
    text.iter()
        .enumerate()
        .map(|(at, byte)| if *byte == b'\n' || range.contains(&at) { *byte } else { b' ' })
        .collect()
}
