//! sqitch: the changes of `sqitch.plan` in its order, each with its `deploy`, `revert` and `verify`, run by psql. A
//! change that is planned again after a tag is reworked: what it was before is in files named after that tag.

mod conf;
mod plan;

use std::collections::BTreeMap;

use self::conf::Conf;
use self::plan::{Change, Project, changes};
use super::{Claim, Reader, Reading, Sent, Tool, script};
use crate::error::{Error, Result};
use crate::plan::folder::{File, Folder};
use crate::plan::history::{History, Row};
use crate::plan::unready::Unready;
use crate::plan::{Plan, Verify, read_file};

pub(super) struct Sqitch;

impl Reader for Sqitch {
    fn tool(&self) -> Tool {
        Tool::Sqitch
    }

    fn claim(&self, folder: &Folder) -> Claim {
        let Some(root) = &folder.root else { return Claim::No };
        let has_plan = Conf::of(folder).is_ok_and(|conf| root.join(&conf.plan_file).is_file());
        if has_plan { Claim::Certain } else { Claim::No }
    }

    fn reads(&self) -> &'static str {
        "sqitch reads the scripts of the changes in its plan"
    }

    fn read(&self, folder: &Folder) -> Result<Reading> {
        let conf = Conf::of(folder)?;
        let project = project(folder, &conf)?;
        let mut reading = Reading::default();
        reading.known.extend([conf.plan_file.clone(), "sqitch.conf".to_owned()]);
        for change in &project.changes {
            let scripts = Scripts::of(folder, &conf, change)?;
            reading.known.extend(scripts.files().map(|file| file.within.clone()));
            let does = script(&scripts.deploy, true)?;
            let undo = scripts.revert.as_ref().map(|file| script(file, true)).transpose()?;
            let mut step = Sent::ByStatement.step(change.id(), does, undo);
            if let Some(file) = &scripts.verify {
                match Verify::quiet(script(file, true)?) {
                    Ok(verify) => step.verify = Some(verify),
                    Err(why) => reading.notes.push(format!("{} is not run: {why}", file.within)),
                }
            }
            reading.steps.push(step);
        }
        Ok(reading)
    }

    fn applied(
        &self,
        plan: &Plan,
        history: &History,
        notes: &mut Vec<String>,
    ) -> Result<Vec<bool>> {
        let project = project(&plan.folder, &Conf::of(&plan.folder)?)?;
        let deployed = |project: &str, name: &str| {
            let is = |row: &&Row| row.kind == project && row.name == name;
            history.rows.iter().filter(is).count()
        };
        let mut planned: BTreeMap<&str, usize> = BTreeMap::new();
        // Of a change that was reworked the table has a row for each time it was deployed.
        let mut done: Vec<bool> = project
            .changes
            .iter()
            .map(|change| {
                let times = planned.entry(&change.name).or_default();
                *times += 1;
                *times <= deployed(&project.name, &change.name)
            })
            .collect();
        // sqitch goes on after the last change that is deployed.
        let last = done.iter().rposition(|done| *done);
        for (at, change) in project.changes.iter().enumerate() {
            if done[at] {
                continue;
            }
            if last.is_some_and(|last| at < last) {
                notes.push(format!(
                    "{} stands in the plan before the last change that is deployed, and is not deployed: sqitch passes over it",
                    change.id()
                ));
                done[at] = true;
                continue;
            }
            for need in &change.needs {
                let own = need.project.as_deref().unwrap_or(&project.name);
                let is_there = deployed(own, &need.change) > 0;
                let told = match need.conflicts {
                    true if is_there => format!("conflicts with {}, which is deployed", need.told),
                    false if !is_there && need.project.is_some() => {
                        format!("requires {}, which is not deployed", need.told)
                    }
                    _ => continue,
                };
                let refused = Unready::Needs {
                    file: project.path.clone(),
                    change: change.id(),
                    needs: told,
                    table: history.table.clone(),
                };
                return Err(refused.into());
            }
        }
        let is_done = |id: &str| {
            let at = project.changes.iter().position(|change| change.id() == id);
            at.is_some_and(|at| done[at])
        };
        Ok(plan.steps.iter().map(|step| is_done(&step.id)).collect())
    }
}

/// The project of a folder.
fn project(folder: &Folder, conf: &Conf) -> Result<Project> {
    let path = folder.root.clone().unwrap_or_default().join(&conf.plan_file);
    let text = read_file(&path)?;
    changes(&path, &String::from_utf8_lossy(&text))
}

/// The files of a change.
struct Scripts {
    deploy: File,
    revert: Option<File>,
    verify: Option<File>,
}

impl Scripts {
    fn of(folder: &Folder, conf: &Conf, change: &Change) -> Result<Scripts> {
        let (mut name, mut reworked) = (change.name.clone(), false);
        if let [first, ..] = &change.rework_tags[..] {
            // The first tag after it for which there is a file.
            let has = |tag: &&String| {
                let name = format!("{}@{tag}", change.name);
                folder.file(&conf.script("deploy", &name, true)).is_some()
            };
            let tag = change.rework_tags.iter().find(has).unwrap_or(first);
            (name, reworked) = (format!("{}@{tag}", change.name), true);
        }
        let file = |kind: &str| folder.file(&conf.script(kind, &name, reworked)).cloned();
        let Some(deploy) = file("deploy") else {
            let root = folder.root.clone().unwrap_or_default();
            let path = root.join(conf.script("deploy", &name, reworked));
            let source = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(Error::File { path: path.display().to_string(), source });
        };
        Ok(Scripts { deploy, revert: file("revert"), verify: file("verify") })
    }

    fn files(&self) -> impl Iterator<Item = &File> {
        [Some(&self.deploy), self.revert.as_ref(), self.verify.as_ref()].into_iter().flatten()
    }
}
