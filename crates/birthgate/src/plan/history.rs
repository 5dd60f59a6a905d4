//! What a migration tool's own table says is applied.

use tokio_postgres::Client;

use super::tools::{self, Tool};
use super::unready::Unready;
use super::{Plan, Source, Step};
use crate::error::{Doing, Error, Result};
use crate::unprepared::Unprepared;

/// What was found out about what is applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The tool's table; `None`: there is none, and what is applied is not known.
    pub table: Option<String>,
    /// The steps that were left out.
    pub steps: Vec<String>,
}

/// A tool's table, read.
pub(super) struct History {
    /// Where the plan comes from.
    pub folder: String,
    /// The table.
    pub table: String,
    /// Whether all of the tool's files are here, so that one that is missing is missing.
    pub is_whole: bool,
    /// In the order in which they were applied.
    pub rows: Vec<Row>,
}

/// A row of it.
pub(super) struct Row {
    pub version: Option<String>,
    pub name: String,
    /// Whether it was applied to its end.
    pub holds: bool,
    pub checksum: Option<String>,
    /// The type of a migration of Flyway, the project of a change of sqitch.
    pub kind: String,
}

impl History {
    /// It names something that is not here.
    pub fn missing(&self, tool: Tool, version: impl ToString) -> Unready {
        Unready::Missing {
            folder: self.folder.clone(),
            tool,
            table: self.table.clone(),
            version: version.to_string(),
        }
    }

    /// A file is not what was applied.
    pub fn changed(&self, tool: Tool, version: impl ToString, step: &Step) -> Unready {
        Unready::Changed {
            file: step.does.path.clone(),
            tool,
            table: self.table.clone(),
            version: version.to_string(),
        }
    }
}

/// A table of a tool, as it was found.
struct Found {
    tool: String,
    table: String,
    is_readable: bool,
    is_in_path: bool,
    query: String,
}

const DOING: &str = "looking at what is applied";

impl Plan {
    /// Leaves out the steps that the tool's own table says are applied. Where several tools name their files alike,
    /// the table that is there tells whose they are.
    pub async fn leave_out_applied(&mut self, client: &Client) -> Result<Applied> {
        let Source::Tool(mut tool) = self.source else { return Ok(Applied::default()) };
        let tables: Vec<Found> = client
            .rows(include_str!("../../sql/rehearsal/tool_tables.sql"), &[])
            .await
            .doing(DOING)?
            .iter()
            .map(|row| Found {
                tool: row.get("tool"),
                table: row.get("named"),
                is_readable: row.get("is_readable"),
                is_in_path: row.get("is_in_path"),
                query: row.get("query"),
            })
            .collect();
        if table_of(&tables, tool)?.is_none() {
            for rival in self.rivals.clone() {
                if table_of(&tables, rival)?.is_some() {
                    *self = tools::read_as(self.folder.clone(), rival, true)?;
                    tool = rival;
                    break;
                }
            }
        }
        let Some(found) = table_of(&tables, tool)? else {
            self.refuse_strangers(client, &tables).await?;
            return Ok(Applied::default());
        };
        if !self.rivals.is_empty() {
            // Now it is known whose they are.
            *self = tools::read_as(self.folder.clone(), tool, true)?;
        }
        let table = found.table.clone();
        if !found.is_readable {
            return Err(Unready::Hidden { folder: self.name.clone(), tool, table }.into());
        }
        let rows = client.rows(&found.query, &[]).await.doing(DOING)?;
        let history = History {
            folder: self.name.clone(),
            table: table.clone(),
            is_whole: self.folder.root.is_some(),
            rows: rows
                .iter()
                .map(|row| Row {
                    version: row.get("version"),
                    name: row.get("name"),
                    holds: row.get("holds"),
                    checksum: row.get("checksum"),
                    kind: row.get("kind"),
                })
                .collect(),
        };
        let mut notes = std::mem::take(&mut self.notes);
        let done = tools::applied(tool, self, &history, &mut notes)?;
        self.notes = notes;
        let mut done = done.into_iter();
        let steps = self.leave_out(|_| done.next().unwrap_or(false));
        Ok(Applied { table: Some(table), steps })
    }

    /// Refuses files that bear no tool's mark, and that the table of a tool says are its own.
    async fn refuse_strangers(&self, client: &Client, tables: &[Found]) -> Result<()> {
        for found in tables.iter().filter(|found| found.tool.starts_with('=') && found.is_readable)
        {
            let rows = client.rows(&found.query, &[]).await.doing(DOING)?;
            let names: Vec<&str> = rows.iter().map(|row| row.get("name")).collect();
            let is_its = |step: &&Step| {
                let stem = step.id.strip_suffix(".sql").unwrap_or(&step.id);
                let digits = stem.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
                // A short number says nothing: every tool begins with 1.
                names.iter().any(|name| {
                    *name == stem || *name == step.id || digits.len() > 5 && *name == digits
                })
            };
            if let Some(step) = self.steps.iter().find(is_its) {
                let mark = format!("{} has its row", found.table);
                let place = crate::script::Place::of(&step.does.path, "", 0..0);
                let tool = STRANGERS.iter().find(|tool| found.tool[1..] == ***tool);
                let tool = tool.copied().unwrap_or("another tool");
                return Err(Unready::Foreign { place, tool, mark }.into());
            }
        }
        Ok(())
    }

    /// Takes everything before a file as applied. Answers what is left out.
    pub fn from(&mut self, file: &str) -> Result<Vec<String>> {
        let at = self.position(file)?;
        Ok(self.steps.drain(..at).map(|step| step.id).collect())
    }

    /// Takes a file as applied. Answers what is left out.
    pub fn applied(&mut self, file: &str) -> Result<String> {
        let at = self.position(file)?;
        Ok(self.steps.remove(at).id)
    }

    /// Which step a file is: by the step's name, by the file's, or by its path.
    fn position(&self, file: &str) -> Result<usize> {
        let ends = |step: &Step| std::path::Path::new(&step.does.path).ends_with(file);
        let is = |step: &Step| step.id == file || step.does.path == file || ends(step);
        let found: Vec<usize> = (0..self.steps.len()).filter(|at| is(&self.steps[*at])).collect();
        match found[..] {
            [at] => Ok(at),
            [] => {
                let names: Vec<&str> = self.steps.iter().map(|step| step.id.as_str()).collect();
                let there = super::folder::few(&names);
                Err(Error::BadInput(format!("{file} is no step of {}: {there}", self.name)))
            }
            _ => Err(Error::BadInput(format!(
                "{file} is {} steps of {}: give its path",
                found.len(),
                self.name
            ))),
        }
    }

    /// Leaves out steps; answers their names.
    fn leave_out(&mut self, is_done: impl FnMut(&Step) -> bool) -> Vec<String> {
        let mut is_done = is_done;
        let (done, pending) =
            std::mem::take(&mut self.steps).into_iter().partition(|step| is_done(step));
        self.steps = pending;
        let done: Vec<Step> = done;
        done.into_iter().map(|step| step.id).collect()
    }
}

/// The tools that are not read and that have tables, as tool_tables.sql names them.
const STRANGERS: &[&str] = &[
    "goose",
    "Prisma",
    "Supabase",
    "Atlas",
    "node-pg-migrate",
    "sql-migrate",
    "graphile-migrate",
    "Diesel",
    "Liquibase",
    "Postgrator",
];

/// The table of a tool: the one that a name without a schema means, else the only one.
fn table_of(tables: &[Found], tool: Tool) -> Result<Option<&Found>> {
    let named = tool.to_string();
    let own: Vec<&Found> = tables.iter().filter(|found| found.tool == named).collect();
    if let Some(found) = own.iter().find(|found| found.is_in_path) {
        return Ok(Some(found));
    }
    match own[..] {
        [] => Ok(None),
        [found] => Ok(Some(found)),
        _ => {
            let names: Vec<&str> = own.iter().map(|found| found.table.as_str()).collect();
            Err(Error::BadInput(format!(
                "{tool} has several tables here, and the search_path means none of them: {}; set it in the database's URL: options=-csearch_path=SCHEMA",
                names.join(", ")
            )))
        }
    }
}
