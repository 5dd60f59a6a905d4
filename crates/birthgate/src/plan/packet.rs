//! The packet: `packet.toml` and the files of SQL that it names. Its errors point into the file; its
//! digest is over what it says, not over how it is laid out.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::{Plan, Rehearse, Source, Step, Verify, Watch, Watchable, read_file, script};
use crate::error::{Error, Result};
use crate::schema;
use crate::script::{Conduct, Place, Problem, Script};

/// What a step may name instead of a file: Birthgate's own scripts, as `birthgate:init`. The digest is over
/// their text, so that another version of Birthgate makes another packet.
const BUILT_IN: &str = "birthgate:";

/// A packet as it was read.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Its name.
    pub macro_name: String,
    /// The one that follows it.
    pub next: Option<String>,
    /// How many owners must sign.
    pub quorum: u32,
    /// The key that it changes.
    pub key_change: Option<PacketKeyChange>,
    /// The doors and stops, by step.
    pub doors: Vec<Door>,
    /// Its steps.
    pub plan: Plan,
    /// SHA-256 over what it says.
    pub digest: String,
}

/// What of a step is decided rather than found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Door {
    /// The step.
    pub step: String,
    /// Whether there is no way back through it.
    pub one_way: bool,
    /// Whether the apply stops before it.
    pub stop_before: bool,
}

impl Door {
    /// Why the apply stops before the step until an owner has approved it by name; `None`: it does not. `undone` is whether
    /// a way back through it was seen.
    pub fn stops(&self, undone: bool) -> Option<&'static str> {
        if self.stop_before {
            Some("the packet stops before it")
        } else if self.one_way || !undone {
            Some("there is no way back through it")
        } else {
            None
        }
    }
}

/// The key that a packet changes, so that the decision about it is made again with each rehearsal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PacketKeyChange {
    /// The table.
    pub table: String,
    /// The columns of the old key.
    pub from: Vec<String>,
    /// The columns of the new one.
    pub to: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
struct File {
    r#macro: String,
    next: Option<String>,
    key_change: Option<PacketKeyChange>,
    #[serde(default)]
    owners: Owners,
    #[serde(default)]
    watch: Vec<Spanned<FileWatch>>,
    #[serde(default)]
    step: Vec<Spanned<FileStep>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileWatch {
    name: Option<String>,
    object: Option<String>,
    query: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Owners {
    quorum: u32,
}

impl Default for Owners {
    fn default() -> Owners {
        Owners { quorum: 1 }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
struct FileStep {
    id: Spanned<String>,
    r#do: Spanned<String>,
    undo: Option<Spanned<String>>,
    verify: Option<Spanned<String>>,
    #[serde(default = "yes")]
    transaction: bool,
    #[serde(default)]
    rehearse: Rehearse,
    #[serde(default)]
    door: FileDoor,
    stop: Option<Spanned<String>>,
    stand_in: Option<Spanned<String>>,
    lock_timeout: Option<Spanned<String>>,
    statement_timeout: Option<Spanned<String>>,
    #[serde(default)]
    burns: Vec<String>,
}

fn is_one_query(text: &str) -> bool {
    let script = Script::parse_alone("query", text.as_bytes());
    script.is_ok_and(
        |script| matches!(&script.statements[..], [one] if matches!(one.conduct, Conduct::Inside)),
    )
}

/// A time as PostgreSQL writes it: `200ms`, `5s`, `2min`; without a unit, milliseconds.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let count: u64 = text[..text.len() - digits.len()].parse().ok()?;
    let unit = match digits.trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(Duration::from_millis(count.checked_mul(unit)?)).filter(|time| !time.is_zero())
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum FileDoor {
    #[default]
    TwoWay,
    OneWay,
}

/// Reads a packet.
pub fn read(path: &Path) -> Result<Packet> {
    read_with(path, &|_| true)
}

/// Reads a packet of which every file must really be below a folder, whatever names and links say.
pub fn read_below(folder: &Path, path: &Path) -> Result<Packet> {
    let below = |path: &Path| {
        let real = folder.canonicalize().and_then(|folder| Ok((folder, path.canonicalize()?)));
        real.is_ok_and(|(folder, path)| path.starts_with(folder))
    };
    if !below(path) {
        let message = format!("{} is not below {}", path.display(), folder.display());
        return Err(Error::BadInput(message));
    }
    read_with(path, &below)
}

fn read_with(path: &Path, may_read: &dyn Fn(&Path) -> bool) -> Result<Packet> {
    let name = path.display().to_string();
    let bytes = read_file(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let problem = |span: Range<usize>, message: String| {
        Error::Unreadable(vec![Problem { place: Place::of(&name, &text, span), message }])
    };
    let file: File = toml::from_str(&text)
        .map_err(|error| problem(error.span().unwrap_or(0..0), error.message().to_owned()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let named = |file: &Spanned<String>| -> Result<Script> {
        if let Some(known) = file.get_ref().strip_prefix(BUILT_IN) {
            let text = match known {
                "init" => schema::script(0),
                "uninstall" => schema::UNINSTALL.to_owned(),
                _ => {
                    let message = format!("{BUILT_IN}{known} is neither init nor uninstall");
                    return Err(problem(file.span(), message));
                }
            };
            return script(Path::new(file.get_ref()), text.as_bytes()).map(Script::unwrapped);
        }
        let target = folder.join(file.get_ref());
        if !may_read(&target) {
            let message = format!("{} is not where files may be read", file.get_ref());
            return Err(problem(file.span(), message));
        }
        let bytes = read_file(&target).map_err(|error| problem(file.span(), error.to_string()))?;
        script(&target, &bytes).map(Script::unwrapped)
    };
    if file.step.is_empty() {
        return Err(problem(0..0, "a packet has at least one [[step]]".to_owned()));
    }
    if file.r#macro.chars().any(char::is_control) {
        return Err(problem(0..0, "the macro's name holds control characters".to_owned()));
    }
    let time = |said: &Option<Spanned<String>>| {
        let Some(said) = said else { return Ok(None) };
        duration(said.get_ref()).map(Some).ok_or_else(|| {
            problem(said.span(), "this is no time such as \"200ms\", \"5s\" or \"2min\"".to_owned())
        })
    };
    let mut watch = Vec::new();
    for one in &file.watch {
        let (span, one) = (one.span(), one.get_ref());
        let what = match (&one.object, &one.query) {
            (Some(object), None) => Watchable::Object(object.clone()),
            (None, Some(query)) if is_one_query(query) => Watchable::Query(query.clone()),
            (None, Some(_)) => return Err(problem(span, "this is not one query".to_owned())),
            _ => {
                let message = "a [[watch]] has an object or a query";
                return Err(problem(span, message.to_owned()));
            }
        };
        let (Watchable::Object(text) | Watchable::Query(text)) = &what;
        watch.push(Watch { name: one.name.clone().unwrap_or_else(|| text.clone()), what });
    }
    let (mut steps, mut doors): (Vec<Step>, Vec<Door>) = Default::default();
    for step in &file.step {
        let (span, step) = (step.span(), step.get_ref());
        if steps.iter().any(|known| known.id == *step.id.get_ref()) {
            return Err(problem(step.id.span(), "another step has this id".to_owned()));
        }
        let id = step.id.get_ref();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if id.is_empty() || id == "none" || !id.chars().all(plain) {
            let message = "an id is of letters, digits, dashes, dots and underscores, and not none: owners sign it";
            return Err(problem(step.id.span(), message.to_owned()));
        }
        if let Some(stop) = step.stop.as_ref().filter(|stop| stop.get_ref() != "before") {
            return Err(problem(stop.span(), "a stop stands \"before\" its step".to_owned()));
        }
        let does = named(&step.r#do)?;
        let outside = does.statements.iter().find(|one| matches!(one.conduct, Conduct::Outside(_)));
        if let (Some(statement), true) = (outside, step.transaction) {
            return Err(problem(
                span,
                format!(
                    "{} runs outside of a transaction: say transaction = false",
                    statement.place
                ),
            ));
        }
        steps.push(Step {
            id: step.id.get_ref().clone(),
            does,
            undo: step.undo.as_ref().map(named).transpose()?,
            verify: step.verify.as_ref().map(named).transpose()?.map(Verify::True),
            transaction: step.transaction,
            stand_in: step.stand_in.as_ref().map(named).transpose()?,
            lock_timeout: time(&step.lock_timeout)?,
            statement_timeout: time(&step.statement_timeout)?,
            rehearse: step.rehearse,
            burns: step.burns.clone(),
        });
        doors.push(Door {
            step: step.id.get_ref().clone(),
            one_way: step.door == FileDoor::OneWay,
            stop_before: step.stop.is_some(),
        });
    }
    let digest = digest(&file, &watch, &steps, &doors);
    Ok(Packet {
        macro_name: file.r#macro.clone(),
        next: file.next,
        key_change: file.key_change,
        quorum: file.owners.quorum,
        doors,
        plan: Plan { steps, watch, ..Plan::empty(&file.r#macro, Source::Packet) },
        digest,
    })
}

/// Makes a folder with a packet of one step, to be filled in.
pub fn new(folder: &Path, name: &str) -> Result<()> {
    let text = include_str!("new_packet.toml").replace("{name}", name);
    write(
        folder,
        &text,
        &[
            ("010_first.do.sql".to_owned(), "-- What the step does.\n".to_owned()),
            ("010_first.undo.sql".to_owned(), "-- What brings everything back.\n".to_owned()),
            ("010_first.verify.sql".to_owned(), "SELECT true;\n".to_owned()),
        ],
    )
}

/// Makes a folder with a packet of a plan, such as a migration tool's files.
pub fn import(plan: &Plan, folder: &Path, name: &str) -> Result<()> {
    let mut files = Vec::new();
    let mut steps = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        let stem = format!("{:03}_{}", (at + 1) * 10, slug(&step.id));
        let mut file = |kind: &str, script: Option<&Script>| {
            let script = script?;
            let named = format!("{stem}.{kind}.sql");
            // Only the statements: a transaction around them is the packet's business.
            let statements: Vec<&str> =
                script.statements.iter().map(|statement| script.text_of(statement)).collect();
            let text = statements.iter().map(|text| format!("{text};\n")).collect();
            files.push((named.clone(), text));
            Some(named)
        };
        // The packet's transaction takes the place of the file's.
        let does = step.does.clone().unwrapped();
        let undo = step.undo.clone().map(Script::unwrapped);
        let transaction = !does.leaves_the_transaction();
        let (does, undo) = (file("do", Some(&does)), file("undo", undo.as_ref()));
        let mut table = toml::Table::new();
        table.insert("id".to_owned(), slug(&step.id).into());
        for (key, value) in [("do", does), ("undo", undo)] {
            if let Some(value) = value {
                table.insert(key.to_owned(), value.into());
            }
        }
        if !transaction {
            table.insert("transaction".to_owned(), false.into());
        }
        steps.push(toml::Value::Table(table));
    }
    let mut packet = toml::Table::new();
    packet.insert("macro".to_owned(), name.into());
    packet.insert("step".to_owned(), steps.into());
    write(folder, &packet.to_string(), &files)
}

/// Small letters, digits and dashes.
pub(crate) fn slug(id: &str) -> String {
    let stem = id.trim_end_matches(".sql").trim_end_matches(".up").trim_end_matches(".do");
    let text: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    text.trim_matches('-').to_owned()
}

/// Writes a packet into a folder that holds none yet.
pub(crate) fn write(folder: &Path, packet: &str, files: &[(String, String)]) -> Result<()> {
    let named = |path: &Path| {
        let path = path.display().to_string();
        move |source| Error::File { path, source }
    };
    let path = folder.join("packet.toml");
    if path.exists() {
        return Err(Error::BadInput(format!("{} is there already", path.display())));
    }
    std::fs::create_dir_all(folder).map_err(named(folder))?;
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(named(&path))?;
    }
    std::fs::write(&path, packet).map_err(named(&path))
}

/// SHA-256 over everything that the packet says and the text of each file that it names, in one order.
fn digest(file: &File, watch: &[Watch], steps: &[Step], doors: &[Door]) -> String {
    let hash = |script: &Script| format!("{:x}", Sha256::digest(&script.text));
    let steps: Vec<serde_json::Value> = steps
        .iter()
        .map(|step| {
            json!({
                "id": step.id,
                "do": hash(&step.does),
                "undo": step.undo.as_ref().map(hash),
                "verify": step.verify.as_ref().map(|verify| hash(verify.script())),
                "stand_in": step.stand_in.as_ref().map(hash),
                "lock_timeout_ms": step.lock_timeout.map(|time| time.as_millis()),
                "statement_timeout_ms": step.statement_timeout.map(|time| time.as_millis()),
                "transaction": step.transaction,
                "rehearse": step.rehearse,
                "burns": step.burns,
            })
        })
        .collect();
    let said = json!({
        "macro": file.r#macro, "next": file.next, "quorum": file.owners.quorum,
        "key_change": file.key_change, "watch": watch, "steps": steps, "doors": doors,
    });
    format!("{:x}", Sha256::digest(said.to_string()))
}
