//! Evidence of a rehearsal: documents 00 to 14, a checkpoint, and a page that stands alone, in a folder of its
//! own. A later revision carries the hash of the one before; any changed byte is found. No SQL, no rows and no
//! server's detail is in it, only what was seen of them.

mod checkpoint;
mod documents;
mod page;
mod steps;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::block::Dimension;
use crate::error::{Error, Result};
use crate::key_change::KeyChange;
use crate::plan::packet::Packet;
use crate::rehearsal::Rehearsal;
use crate::states::States;

pub(crate) use checkpoint::without_values;
pub use checkpoint::{Checkpoint, Decision, Proof};
pub use steps::{Held, StepSeen, Steps};

const CHECKPOINT: &str = "checkpoint.json";
const CHECKPOINT_HASH: &str = "checkpoint.sha256";
/// What an apply compares the database with.
const STATES: &str = "states.json";

/// What evidence is made of.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// What was rehearsed.
    pub packet: &'a Packet,
    /// What was seen.
    pub rehearsal: &'a Rehearsal,
    /// The decision about a key, where the packet changes one.
    pub key_change: Option<&'a KeyChange>,
    /// The BLOCK dimensions of the live database; `None` where Birthgate is not in it.
    pub dimensions: Option<&'a [Dimension]>,
}

/// A folder of evidence.
#[derive(Clone, Debug, Serialize)]
pub struct Evidence {
    /// Where it is.
    pub folder: PathBuf,
    /// Its id, which is the folder's name.
    pub id: String,
    /// Its revision.
    pub revision: u32,
    /// The hash of its checkpoint.
    pub hash: String,
    /// PASS, FAIL or INCOMPLETE.
    pub status: String,
    /// When the rehearsal began.
    pub date: String,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Flaw {
    /// The evidence.
    pub id: String,
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Writes evidence below a folder, as the next revision of its macro.
pub fn write(root: &Path, sources: Sources<'_>) -> Result<Evidence> {
    let slug = slug(&sources.packet.macro_name);
    let before = list(root)?.into_iter().filter(|one| is_of(&one.id, &slug));
    let newest = before.max_by_key(|one| one.revision);
    let revision = newest.as_ref().map_or(1, |one| one.revision + 1);
    let previous = newest.map(|one| one.hash);
    let day = sources.rehearsal.began.get(..10).unwrap_or("undated");
    let id = format!("{slug}-{day}-r{revision}");
    let mut checkpoint = Checkpoint::of(sources, id.clone(), revision, previous);
    let mut files: BTreeMap<String, String> = documents::all(sources, &checkpoint)
        .into_iter()
        .map(|document| (document.file, document.text))
        .collect();
    files.insert("checkpoint.md".to_owned(), checkpoint.markdown());
    files.insert("index.html".to_owned(), page::page(sources, &checkpoint));
    files.insert(Steps::FILE.to_owned(), json(&Steps::of(sources))?);
    if let Some(states) = &sources.rehearsal.states {
        files.insert(STATES.to_owned(), json(states)?);
    }
    checkpoint.files = files.iter().map(|(name, text)| (name.clone(), sha256(text))).collect();
    let text = json(&checkpoint)?;
    let hash = sha256(&text);
    files.insert(CHECKPOINT.to_owned(), text);
    files.insert(CHECKPOINT_HASH.to_owned(), format!("{hash}  {CHECKPOINT}\n"));

    // Made beside its place and renamed into it: no half of it is ever there.
    fs::create_dir_all(root).map_err(file(root))?;
    let work =
        tempfile::Builder::new().prefix(".evidence-").tempdir_in(root).map_err(file(root))?;
    for (name, text) in &files {
        let path = work.path().join(name);
        fs::write(&path, text).map_err(file(&path))?;
    }
    let folder = root.join(&id);
    let work = work.keep();
    fs::rename(&work, &folder).map_err(|source| {
        let _ = fs::remove_dir_all(&work);
        file(&folder)(source)
    })?;
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).map_err(file(&folder))?;
    Ok(Evidence {
        folder,
        id,
        revision,
        hash,
        status: checkpoint.final_status,
        date: checkpoint.date,
    })
}

/// The evidence below a folder, oldest first.
pub fn list(root: &Path) -> Result<Vec<Evidence>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(file(root)(error)),
    };
    for entry in entries {
        let folder = entry.map_err(file(root))?.path();
        if folder.join(CHECKPOINT).is_file()
            && !folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
        {
            found.push(open(&folder)?);
        }
    }
    found.sort_by(|a, b| (&a.date, a.revision).cmp(&(&b.date, b.revision)));
    Ok(found)
}

/// One folder of evidence.
pub fn open(folder: &Path) -> Result<Evidence> {
    let path = folder.join(CHECKPOINT);
    let text = fs::read_to_string(&path).map_err(file(&path))?;
    let said: Checkpoint = serde_json::from_str(&text)
        .map_err(|error| Error::BadInput(format!("{}: {error}", path.display())))?;
    Ok(Evidence {
        folder: folder.to_owned(),
        id: said.id,
        revision: said.revision,
        hash: sha256(&text),
        status: said.final_status,
        date: said.date,
    })
}

/// What a rehearsal said, read back from evidence of which every byte is as it was written.
#[derive(Clone, Debug)]
pub struct Rehearsed {
    /// Its id.
    pub id: String,
    /// The hash of its checkpoint, which holds the hash of every other file.
    pub hash: String,
    /// What it said.
    pub checkpoint: Checkpoint,
    /// What the database has to be like before and after each step.
    pub states: States,
}

/// Reads evidence to act on it.
pub fn read(folder: &Path) -> Result<Rehearsed> {
    let refuse = |why: String| Error::NotSigned(format!("{}: {why}", folder.display()));
    let evidence = open(folder)?;
    if let Some(flaw) = verify(folder)?.first() {
        return Err(refuse(format!("{} is not as it was written: {}", flaw.file, flaw.problem)));
    }
    let text = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(file(&path))
    };
    let checkpoint: Checkpoint = serde_json::from_str(&text(CHECKPOINT)?)
        .map_err(|error| refuse(format!("{CHECKPOINT}: {error}")))?;
    if !checkpoint.files.contains_key(STATES) {
        return Err(refuse("the rehearsal did not see the steps one after the other, so that no apply can compare: rehearse again with a sandbox".to_owned()));
    }
    let states = serde_json::from_str(&text(STATES)?)
        .map_err(|error| refuse(format!("{STATES}: {error}")))?;
    Ok(Rehearsed { id: evidence.id, hash: evidence.hash, checkpoint, states })
}

/// The evidence of a macro below a folder, oldest first.
pub fn of_macro(root: &Path, macro_name: &str) -> Result<Vec<Evidence>> {
    let slug = slug(macro_name);
    Ok(list(root)?.into_iter().filter(|one| is_of(&one.id, &slug)).collect())
}

/// The newest evidence of a macro below a folder.
pub fn newest(root: &Path, macro_name: &str) -> Result<Option<PathBuf>> {
    let of_it = of_macro(root, macro_name)?.into_iter();
    Ok(of_it.max_by_key(|one| one.revision).map(|one| one.folder))
}

/// What is not as it was written: of one folder of evidence.
pub fn verify(folder: &Path) -> Result<Vec<Flaw>> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut flaws = Vec::new();
    let mut flaw = |file: &str, problem: &str| {
        flaws.push(Flaw { id: name.clone(), file: file.to_owned(), problem: problem.to_owned() });
    };
    let path = folder.join(CHECKPOINT);
    let text = fs::read(&path).map_err(file(&path))?;
    let hash = format!("{:x}", Sha256::digest(&text));
    let kept = fs::read_to_string(folder.join(CHECKPOINT_HASH)).unwrap_or_default();
    if kept != format!("{hash}  {CHECKPOINT}\n") {
        flaw(CHECKPOINT, "its hash is not the one beside it");
    }
    let Ok(said) = serde_json::from_slice::<Checkpoint>(&text) else {
        flaw(CHECKPOINT, "it cannot be read");
        return Ok(flaws);
    };
    if said.id != name {
        flaw(CHECKPOINT, "it is of another folder");
    }
    for (file, hash) in &said.files {
        match fs::read(folder.join(file)) {
            Ok(bytes) if format!("{:x}", Sha256::digest(&bytes)) == *hash => {}
            Ok(_) => flaw(file, "it was changed"),
            Err(error) => flaw(file, &format!("it cannot be read: {error}")),
        }
    }
    for entry in fs::read_dir(folder).map_err(file(folder))? {
        let entry = entry.map_err(file(folder))?.file_name().to_string_lossy().into_owned();
        if !said.files.contains_key(&entry) && entry != CHECKPOINT && entry != CHECKPOINT_HASH {
            flaw(&entry, "it does not belong here");
        }
    }
    Ok(flaws)
}

/// What is not as it was written: of all evidence below a folder, and of its chain.
pub fn verify_all(root: &Path) -> Result<Vec<Flaw>> {
    let mut flaws = Vec::new();
    let all = list(root)?;
    for evidence in &all {
        flaws.extend(verify(&evidence.folder)?);
        let text = fs::read_to_string(evidence.folder.join(CHECKPOINT)).map_err(file(root))?;
        let Ok(said) = serde_json::from_str::<Checkpoint>(&text) else { continue };
        let slug = slug(&said.r#macro);
        let before = all
            .iter()
            .find(|one| is_of(&one.id, &slug) && one.revision + 1 == evidence.revision)
            .map(|one| one.hash.clone());
        if said.previous != before {
            flaws.push(Flaw {
                id: evidence.id.clone(),
                file: CHECKPOINT.to_owned(),
                problem: match (&said.previous, before) {
                    (Some(_), Some(_)) => "the revision before it was changed",
                    (Some(_), None) => "the revision before it is not there",
                    _ => "it does not name the revision before it",
                }
                .to_owned(),
            });
        }
    }
    Ok(flaws)
}

/// Every file of a folder of evidence in one document.
pub fn export(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(file(folder))? {
        let path = entry.map_err(file(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.insert(name, fs::read_to_string(&path).map_err(file(&path))?);
    }
    Ok(files)
}

/// For `map_err` on file operations.
fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::File { path, source }
}

fn json(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value);
    Ok(text.map_err(|error| Error::Unexpected(error.to_string()))? + "\n")
}

fn sha256(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}

/// Whether evidence of this id, `slug-YYYY-MM-DD-rN`, is of that macro: one's slug may begin with another's.
fn is_of(id: &str, slug: &str) -> bool {
    let rest = id.strip_prefix(slug).and_then(|rest| rest.strip_prefix('-'));
    rest.and_then(|rest| rest.rsplit_once("-r")).is_some_and(|(day, _)| {
        day == "undated" || day.len() == 10 && day.chars().all(|c| c.is_ascii_digit() || c == '-')
    })
}

/// Small letters, digits and dashes.
fn slug(name: &str) -> String {
    let text: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    text.trim_matches('-').chars().take(80).collect()
}
