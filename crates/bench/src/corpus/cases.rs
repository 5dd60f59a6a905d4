//! What lies below a folder: the cases, in the order of their names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::births::Result;

/// The file that is run before the single files of its folder, and the end of the name of what is run before a
/// tool's folder beside it: neither is a case, and the tool's folder holds nothing that is not the tool's.
const SETUP: &str = "setup.sql";
const FOLDER_SETUP: &str = ".setup.sql";

/// The marks of tools that keep both directions in one file: of the way there, and of the way back.
const MARKS: [(&str, &str); 4] = [
    ("-- migrate:up", "-- migrate:down"),
    ("-- +goose Up", "-- +goose Down"),
    ("-- +migrate Up", "-- +migrate Down"),
    ("-- Up Migration", "-- Down Migration"),
];

/// Something to be rehearsed.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its path below the corpus.
    pub name: String,
    /// The first part of the name: a product, say.
    pub group: String,
    /// What the rehearsal is given.
    pub paths: Vec<PathBuf>,
    /// What psql runs.
    pub steps: Vec<Step>,
    /// What psql runs before both.
    pub before: Vec<Step>,
}

/// A file, as its tool runs it.
#[derive(Clone, Debug)]
pub struct Step {
    pub file: PathBuf,
    pub does: Script,
    pub undo: Option<Script>,
    /// Whether its tool runs it in one transaction.
    pub transaction: bool,
    /// The line at which the way back begins, where the file holds both.
    pub back: Option<usize>,
}

/// The text of a script.
#[derive(Clone, Debug)]
pub enum Script {
    File(PathBuf),
    /// A part of a file.
    Part(String),
}

/// Which part of a folder is applied first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing.
    Whole,
    /// Its first half.
    Half,
    /// All that comes before; each file is a case.
    Next,
    /// Nothing; each file is a case, and no folder is.
    Single,
}

/// The cases below a folder.
pub fn find(root: &Path, part: Part, before: &[Step]) -> Result<Vec<Case>> {
    let mut found = Vec::new();
    walk(root, root, part, before, &mut found)?;
    Ok(found)
}

/// A file, or all files in a folder, for psql.
pub fn scripts(path: &Path) -> Result<Vec<Step>> {
    let mut files = if path.is_dir() { sql_files(path)? } else { vec![path.to_owned()] };
    files.sort_by_key(|file| order(&name_of(file)));
    files.into_iter().map(|file| plain(&file)).collect()
}

fn walk(
    root: &Path,
    folder: &Path,
    part: Part,
    before: &[Step],
    found: &mut Vec<Case>,
) -> Result<()> {
    let after = |setup: PathBuf| -> Result<Vec<Step>> {
        let setup = Some(setup).filter(|setup| setup.is_file());
        let setup = setup.map(|setup| plain(&setup)).transpose()?;
        Ok(before.iter().cloned().chain(setup).collect())
    };
    if part != Part::Single
        && let Some((steps, is_named)) = tool_folder(folder)?
    {
        let first = after(folder.with_file_name(name_of(folder) + FOLDER_SETUP))?;
        found.extend(cases_of(root, folder, part, &first, steps, is_named));
        return Ok(());
    }
    let first = after(folder.join(SETUP))?;
    let mut files = sql_files(folder)?;
    files.retain(|file| !is_undo(&name_of(file)));
    files.sort_by_key(|file| order(&name_of(file)));
    for file in files {
        let step = step(&file)?;
        found.push(case(root, &file, vec![file.clone()], vec![step], first.clone()));
    }
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    folders.retain(|path| path.is_dir() && !path.is_symlink() && !name_of(path).starts_with('.'));
    folders.sort_by_key(|path| order(&name_of(path)));
    folders.iter().try_for_each(|below| walk(root, below, part, before, found))
}

/// The cases of a tool's folder. The rehearsal is given the folder where it is whole and the tool's names show
/// the order, else the files.
fn cases_of(
    root: &Path,
    folder: &Path,
    part: Part,
    first: &[Step],
    steps: Vec<Step>,
    is_named: bool,
) -> Vec<Case> {
    let files = |steps: &[Step]| steps.iter().map(|step| step.file.clone()).collect::<Vec<_>>();
    let after = |applied: &[Step]| first.iter().chain(applied).cloned().collect::<Vec<_>>();
    match part {
        Part::Half => {
            let (applied, rest) = steps.split_at(steps.len() / 2);
            vec![case(root, folder, files(rest), rest.to_vec(), after(applied))]
        }
        Part::Next => (0..steps.len())
            .map(|number| {
                let (applied, rest) = steps.split_at(number);
                let path = rest[0].file.clone();
                case(root, &path, vec![path.clone()], vec![rest[0].clone()], after(applied))
            })
            .collect(),
        Part::Whole | Part::Single => {
            let paths = if is_named { vec![folder.to_owned()] } else { files(&steps) };
            vec![case(root, folder, paths, steps, after(&[]))]
        }
    }
}

fn case(
    root: &Path,
    path: &Path,
    paths: Vec<PathBuf>,
    steps: Vec<Step>,
    before: Vec<Step>,
) -> Case {
    let below = path.strip_prefix(root).unwrap_or(path);
    let name = match below.as_os_str().is_empty() {
        true => name_of(path),
        false => below.display().to_string(),
    };
    let group = name.split('/').next().unwrap_or_default().to_owned();
    Case { name, group, paths, steps, before }
}

/// The steps of a migration tool's folder, and whether the rehearsal may be given the folder itself. `None`:
/// it is no such folder.
fn tool_folder(folder: &Path) -> Result<Option<(Vec<Step>, bool)>> {
    let plan = folder.join("sqitch.plan");
    if plan.is_file() {
        let text = fs::read_to_string(&plan)?;
        let changes = text.lines().filter_map(|line| line.split_whitespace().next());
        let steps = changes.filter(|change| !change.starts_with(['%', '@', '#'])).map(|change| {
            let file = |part: &str| folder.join(part).join(format!("{change}.sql"));
            let undo = Some(file("revert")).filter(|file| file.is_file()).map(Script::File);
            Step { undo, ..Step::of(file("deploy")) }
        });
        return Ok(Some((steps.collect(), true)));
    }
    let mut files = sql_files(folder)?;
    files.retain(|file| !is_undo(&name_of(file)));
    if files.len() >= 2 && files.iter().all(|file| is_numbered(&name_of(file))) {
        files.sort_by_key(|file| order(&name_of(file)));
        let steps = files.iter().map(|file| step(file)).collect::<Result<_>>()?;
        return Ok(Some((steps, true)));
    }
    // Diesel and Prisma: a folder for each.
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    let file_in = |path: &PathBuf| {
        let names = ["up.sql", "migration.sql"].map(|name| path.join(name));
        names.into_iter().find(|file| file.is_file())
    };
    folders.retain(|path| is_numbered(&name_of(path)) && file_in(path).is_some());
    if folders.len() < 2 {
        return Ok(None);
    }
    // As strings, and without the hyphens that Diesel has in some.
    folders.sort_by_key(|path| name_of(path).replace('-', ""));
    let steps = folders.iter().filter_map(file_in).map(|file| {
        let down = Some(file.with_file_name("down.sql")).filter(|file| file.is_file());
        Step { undo: down.map(Script::File), ..Step::of(file) }
    });
    Ok(Some((steps.collect(), false)))
}

impl Step {
    fn of(file: PathBuf) -> Step {
        Step { does: Script::File(file.clone()), file, undo: None, transaction: false, back: None }
    }
}

fn plain(file: &Path) -> Result<Step> {
    Ok(Step { undo: None, ..step(file)? })
}

/// A file with what undoes it, as it is called.
fn step(file: &Path) -> Result<Step> {
    let text = String::from_utf8_lossy(&fs::read(file)?).into_owned();
    for (up, down) in MARKS {
        if let Some(does) = between(&text, up, down) {
            let undo = between(&text, down, up).map(Script::Part);
            let back = text.lines().position(|line| line.trim_start().starts_with(down));
            let (file, does) = (file.to_owned(), Script::Part(does));
            return Ok(Step { file, does, undo, transaction: true, back: back.map(|at| at + 1) });
        }
    }
    let name = name_of(file);
    let (undo, transaction) = if let Some(stem) = name.strip_suffix(".up.sql") {
        (Some(format!("{stem}.down.sql")), true)
    } else if name.contains("__") && name.starts_with('V') {
        (Some(format!("U{}", &name[1..])), true)
    } else {
        (name.strip_suffix(".sql").map(|stem| format!("{stem}.undo.sql")), false)
    };
    let undo = undo.map(|undo| file.with_file_name(undo)).filter(|undo| undo.is_file());
    Ok(Step { undo: undo.map(Script::File), transaction, ..Step::of(file.to_owned()) })
}

/// The lines from a mark to the other, or to the end.
fn between(text: &str, from: &str, to: &str) -> Option<String> {
    let mut lines = text.lines().skip_while(|line| !line.trim_start().starts_with(from));
    lines.next()?;
    let part: Vec<&str> = lines.take_while(|line| !line.trim_start().starts_with(to)).collect();
    Some(part.join("\n") + "\n")
}

fn sql_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    let is_sql = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "sql");
    let is_setup = |name: &str| name == SETUP || name.ends_with(FOLDER_SETUP);
    files.retain(|path| is_sql(path) && path.is_file() && !is_setup(&name_of(path)));
    Ok(files)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn is_numbered(name: &str) -> bool {
    let is_flyway = name.contains("__") && name.starts_with(['V', 'R']);
    is_flyway || name.starts_with(|c: char| c.is_ascii_digit())
}

fn is_undo(name: &str) -> bool {
    let ends: BTreeSet<&str> = name.split('.').rev().skip(1).take(1).collect();
    ["down", "undo", "revert"].iter().any(|end| ends.contains(end))
        || name == "down.sql"
        || name.starts_with('U') && name.contains("__")
}

/// Names sort by the numbers at their beginning, then by themselves; Flyway's repeatable ones come last.
fn order(name: &str) -> (bool, Vec<u128>, String) {
    let rest = name.strip_prefix('V').unwrap_or(name);
    let numbers = rest.split(['.', '_', '-']).map_while(|part| part.parse().ok()).collect();
    (name.starts_with("R__"), numbers, name.to_owned())
}
