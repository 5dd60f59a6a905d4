//! The files of migration tools, as they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tokio_postgres::Client;

use super::{Plan, Source, Step, read_file, script};
use crate::error::{Doing, Error, Result};
use crate::unprepared::Unprepared;

/// Reads a tool's folder; the tool is known by its files.
pub fn read(folder: &Path) -> Result<Plan> {
    let name = folder.display().to_string();
    if folder.join("sqitch.plan").is_file() {
        return Ok(Plan {
            name,
            source: Source::Sqitch,
            steps: sqitch(folder)?,
            watch: Vec::new(),
        });
    }
    let failed = |source| Error::File { path: name.clone(), source };
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(failed)?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    if files.is_empty() {
        return Err(Error::BadInput(format!(
            "{name} holds neither packet.toml nor sqitch.plan nor any .sql file"
        )));
    }
    files.sort_by_key(|path| order(&file_name(path)));
    read_files(&files).map(|plan| Plan { name, ..plan })
}

/// Reads single files in this order, and pairs each with the file that undoes it, if that is among them
/// or beside them.
pub fn read_files(files: &[PathBuf]) -> Result<Plan> {
    let mut steps = Vec::new();
    let mut source = Source::Files;
    for path in files {
        let name = file_name(path);
        if is_undo(&name) {
            continue;
        }
        let text = read_file(path)?;
        if let Some((up, down)) = dbmate(&text) {
            source = Source::Dbmate;
            let does = script(path, &up)?;
            let undo = down.map(|down| script(path, &down)).transpose()?;
            steps.push(Step::plain(name, does, undo));
            continue;
        }
        let does = script(path, &text)?;
        let undo = match undo_of(path) {
            Some(undo) if undo.is_file() => Some(script(&undo, &read_file(&undo)?)?),
            _ => None,
        };
        if name.ends_with(".up.sql") {
            source = Source::GolangMigrate;
        } else if flyway_version(&name).is_some() {
            source = Source::Flyway;
        }
        steps.push(Step::plain(name, does, undo));
    }
    let name = files.iter().map(|path| file_name(path)).collect::<Vec<_>>().join(", ");
    Ok(Plan { name, source, steps, watch: Vec::new() })
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Files sort by the numbers at their beginning, then by name; a repeatable one comes last.
fn order(name: &str) -> (bool, Vec<u128>, String) {
    let rest = name.strip_prefix(['V', 'U']).unwrap_or(name);
    let numbers = rest
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|part| part.parse().ok())
        .collect::<Vec<u128>>();
    (name.starts_with("R__"), numbers, name.to_owned())
}

fn is_undo(name: &str) -> bool {
    name.ends_with(".down.sql")
        || name.ends_with(".undo.sql")
        || name.ends_with(".revert.sql")
        || (name.starts_with('U')
            && name.contains("__")
            && name[1..].starts_with(|c: char| c.is_ascii_digit()))
}

/// The file that would undo this one.
fn undo_of(path: &Path) -> Option<PathBuf> {
    let name = file_name(path);
    for (does, undo) in [(".up.sql", ".down.sql"), (".do.sql", ".undo.sql")] {
        if let Some(stem) = name.strip_suffix(does) {
            return Some(path.with_file_name(format!("{stem}{undo}")));
        }
    }
    if let Some(rest) = name.strip_prefix('V').filter(|_| flyway_version(&name).is_some()) {
        return Some(path.with_file_name(format!("U{rest}")));
    }
    name.strip_suffix(".sql").map(|stem| path.with_file_name(format!("{stem}.undo.sql")))
}

/// The version of `V1.2__name.sql`.
fn flyway_version(name: &str) -> Option<&str> {
    let (version, _) = name.strip_prefix('V')?.split_once("__")?;
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
}

/// The two parts of a file of dbmate. The part that is not wanted becomes spaces, so that places stay.
fn dbmate(text: &[u8]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let find = |mark: &[u8]| {
        text.windows(mark.len())
            .enumerate()
            .find(|(at, window)| *window == mark && (*at == 0 || text[at - 1] == b'\n'))
            .map(|(at, _)| at)
    };
    let up = find(b"-- migrate:up")?;
    let down = find(b"-- migrate:down");
    let only = |range: std::ops::Range<usize>| -> Vec<u8> {
        text.iter()
            .enumerate()
            .map(|(at, byte)| match byte {
                b'\n' => b'\n',
                _ if range.contains(&at) => *byte,
                _ => b' ',
            })
            .collect()
    };
    match down {
        Some(down) if down < up => Some((only(up..text.len()), Some(only(down..up)))),
        Some(down) => Some((only(up..down), Some(only(down..text.len())))),
        None => Some((only(up..text.len()), None)),
    }
}

/// The changes of a sqitch project, in the order of its plan.
fn sqitch(folder: &Path) -> Result<Vec<Step>> {
    let plan = folder.join("sqitch.plan");
    let text = String::from_utf8_lossy(&read_file(&plan)?).into_owned();
    let mut steps = Vec::new();
    for line in text.lines().map(str::trim) {
        let Some(change) = line.split_whitespace().next() else { continue };
        if change.starts_with(['%', '@', '#']) {
            continue;
        }
        let file = |part: &str| folder.join(part).join(format!("{change}.sql"));
        let optional = |path: PathBuf| match path.is_file() {
            true => read_file(&path).and_then(|text| script(&path, &text)).map(Some),
            false => Ok(None),
        };
        let deploy = file("deploy");
        let does = script(&deploy, &read_file(&deploy)?)?;
        steps.push(Step::plain(change.to_owned(), does, optional(file("revert"))?));
    }
    Ok(steps)
}

/// Leaves out the steps that the tool's own table says are applied. Answers their names.
pub async fn leave_out_applied(plan: &mut Plan, client: &Client) -> Result<Vec<String>> {
    const DOING: &str = "looking at what is applied";
    let rows =
        client.rows(include_str!("../../sql/rehearsal/tool_tables.sql"), &[]).await.doing(DOING)?;
    let tables: BTreeMap<String, String> =
        rows.iter().map(|row| (row.get("tool"), row.get("query"))).collect();
    let tool = match plan.source {
        Source::Sqitch => "sqitch",
        Source::Dbmate => "schema_migrations",
        Source::Flyway if tables.contains_key("flyway") => "flyway",
        Source::Flyway => "refinery",
        Source::GolangMigrate if tables.contains_key("sqlx") => "sqlx",
        Source::GolangMigrate => "schema_migrations",
        Source::Packet | Source::Files => return Ok(Vec::new()),
    };
    let Some(query) = tables.get(tool) else { return Ok(Vec::new()) };
    let rows = client.rows(query, &[]).await.doing(DOING)?;
    let applied: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    // golang-migrate keeps the newest version alone.
    let newest = (plan.source == Source::GolangMigrate && tool == "schema_migrations")
        .then(|| applied.iter().filter_map(|version| version.parse::<u128>().ok()).max())
        .flatten();
    let is_applied = |step: &Step| {
        let version = match plan.source {
            Source::Flyway => flyway_version(&step.id).unwrap_or_default().replace('_', "."),
            Source::Sqitch => step.id.clone(),
            _ => step.id.chars().take_while(char::is_ascii_digit).collect(),
        };
        let number = version.parse::<u128>().ok();
        match newest {
            Some(newest) => number.is_some_and(|number| number <= newest),
            None => applied.iter().any(|one| {
                *one == version || number.is_some() && one.parse::<u128>().ok() == number
            }),
        }
    };
    let (done, pending): (Vec<Step>, Vec<Step>) =
        std::mem::take(&mut plan.steps).into_iter().partition(is_applied);
    plan.steps = pending;
    Ok(done.into_iter().map(|step| step.id).collect())
}
