//! Where sqitch.conf says that a project's files are.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::plan::folder::Folder;

/// The layout of a project, by names within its folder.
pub(super) struct Conf {
    pub plan_file: String,
    values: BTreeMap<String, String>,
}

impl Conf {
    /// Reads sqitch.conf, if there is one: what it says of PostgreSQL stands above what it says of all.
    pub fn of(folder: &Folder) -> Result<Conf> {
        let text = match folder.file("sqitch.conf") {
            Some(file) => String::from_utf8_lossy(&file.read()?).into_owned(),
            None => String::new(),
        };
        let values = values(&text);
        let plan_file = match values.get("plan_file") {
            Some(path) => clean(path),
            None => join(values.get("top_dir").map_or("", String::as_str), "sqitch.plan"),
        };
        if let Some(engine) = values.get("engine").filter(|engine| *engine != "pg") {
            return Err(Error::BadInput(format!(
                "{}: sqitch.conf is of the engine {engine}, and birthgate knows PostgreSQL (pg)",
                folder.name
            )));
        }
        Ok(Conf { plan_file, values })
    }

    /// The script of a change.
    pub fn script(&self, kind: &str, change: &str, reworked: bool) -> String {
        let value = |key: String| self.values.get(&key).map(|path| clean(path));
        let top = self.values.get("top_dir").map_or("", String::as_str);
        let plain = || value(format!("{kind}_dir")).unwrap_or_else(|| join(top, kind));
        let folder = match reworked {
            true => value(format!("reworked_{kind}_dir"))
                .or_else(|| value("reworked_dir".to_owned()).map(|folder| join(&folder, kind)))
                .unwrap_or_else(|| match value("reworked_dir".to_owned()) {
                    None => join(top, kind),
                    Some(folder) => folder,
                }),
            false => plain(),
        };
        let extension = self.values.get("extension").map_or("sql", String::as_str);
        join(&folder, &format!("{change}.{extension}"))
    }
}

/// The keys of `[core]` and `[engine "pg"]`, in the syntax of git.
fn values(text: &str) -> BTreeMap<String, String> {
    let mut found: [BTreeMap<String, String>; 2] = Default::default();
    let mut section = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = match line.to_lowercase().as_str() {
                line if line.starts_with("[core]") => Some(0),
                line if line.starts_with("[core \"variables\"]") => None,
                line if line.starts_with("[engine \"pg\"]") => Some(1),
                _ => None,
            };
        } else if let (Some(section), Some((key, value))) = (section, line.split_once('='))
            && !line.starts_with(['#', ';'])
        {
            let value = value.split([';', '#']).next().unwrap_or_default();
            let value = value.trim().trim_matches('"').to_owned();
            found[section].insert(key.trim().to_lowercase(), value);
        }
    }
    let [core, pg] = found;
    core.into_iter().chain(pg).collect()
}

fn clean(path: &str) -> String {
    path.trim_start_matches("./").trim_end_matches('/').to_owned()
}

fn join(folder: &str, name: &str) -> String {
    match clean(folder).as_str() {
        "" | "." => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}
