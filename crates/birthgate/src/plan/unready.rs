//! Why files are not rehearsed although nothing is known to be wrong with their SQL: they are not read as their
//! own tool reads them, or the tool itself would not go on. Each says what to do next.

use crate::plan::Tool;
use crate::script::{Place, Problem};

/// Why files are not rehearsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    /// A mark, a name or a layout of a tool that is not read.
    #[error(
        "this is {tool}'s ({mark}), which birthgate does not read yet: give it the SQL that is to run as a file of its own"
    )]
    Foreign {
        /// Where the mark stands.
        place: Place,
        /// The tool.
        tool: &'static str,
        /// What tells.
        mark: String,
    },
    /// Both directions in one file or folder, as no tool that is read has them.
    #[error(
        "{up} and {down} are two directions, marked as no tool that birthgate reads marks them: give it the SQL that is to run as a file of its own"
    )]
    TwoDirections {
        /// Where the first of them stands.
        place: Place,
        /// What marks the way there.
        up: String,
        /// What marks the way back.
        down: String,
    },
    /// The folder is laid out as several tools' at once.
    #[error("these are files of {}: name the tool with --tool, or one tool's files", listed(.tools))]
    Several {
        /// The folder.
        folder: String,
        /// The tools.
        tools: Vec<Tool>,
    },
    /// The tool's table says that a migration stopped halfway.
    #[error("{table} says that {version} {}", halfway(*.tool))]
    Dirty {
        /// The folder.
        folder: String,
        /// The tool.
        tool: Tool,
        /// Its table.
        table: String,
        /// The migration.
        version: String,
    },
    /// A file is not what it was when the tool applied it.
    #[error(
        "{table} says that {version} is applied, and this file is not what was applied: {tool} would refuse; bring the file back, or put the change into a new one"
    )]
    Changed {
        /// The file.
        file: String,
        /// The tool.
        tool: Tool,
        /// Its table.
        table: String,
        /// The migration.
        version: String,
    },
    /// The tool applied something that is not in the folder.
    #[error(
        "{table} says that {version} is applied, and no file here is: {tool} would refuse; update the folder, or name the right one"
    )]
    Missing {
        /// The folder.
        folder: String,
        /// The tool.
        tool: Tool,
        /// Its table.
        table: String,
        /// The migration.
        version: String,
    },
    /// Two files are the same version.
    #[error(
        "{other} is of the same version {version}: {tool} would refuse; number one of them anew"
    )]
    Twice {
        /// One file.
        file: String,
        /// The other.
        other: String,
        /// The tool.
        tool: Tool,
        /// The version.
        version: String,
    },
    /// A value that the tool fills in, and that is not known here.
    #[error(
        "{tool} fills in {placeholder}, and birthgate does not know with what: rehearse a copy of the file that has the value"
    )]
    Placeholder {
        /// Where it stands.
        place: Place,
        /// The tool.
        tool: Tool,
        /// The placeholder as it stands there.
        placeholder: String,
    },
    /// The tool has a rule of its own about this file that is not read.
    #[error("{rule}, which birthgate does not read yet")]
    Rule {
        /// The file.
        file: String,
        /// What the tool does there.
        rule: String,
    },
    /// What a change needs, or must not meet, is not as it needs it.
    #[error("{change} {needs}, says {table}: sqitch would refuse")]
    Needs {
        /// The plan.
        file: String,
        /// The change.
        change: String,
        /// What of it does not hold.
        needs: String,
        /// sqitch's table.
        table: String,
    },
    /// The tool's table may not be read.
    #[error(
        "{table} says what {tool} applied, and this role may not read it: GRANT SELECT ON {table} TO the role (and USAGE on its schema), or say --applied-too"
    )]
    Hidden {
        /// The folder.
        folder: String,
        /// The tool.
        tool: Tool,
        /// Its table.
        table: String,
    },
}

fn listed(tools: &[Tool]) -> String {
    tools.iter().map(Tool::to_string).collect::<Vec<_>>().join(" and of ")
}

fn halfway(tool: Tool) -> &'static str {
    match tool {
        Tool::GolangMigrate => {
            "is dirty: it stopped halfway; find out what of it was done, undo or finish it, and say so with: migrate force VERSION"
        }
        Tool::Flyway => {
            "failed: find out what of it was done, undo that, and say so with: flyway repair"
        }
        Tool::Sqlx => {
            "did not succeed: find out what of it was done, undo that, and delete its row"
        }
        _ => "did not succeed: find out what of it was done, and undo that",
    }
}

impl Unready {
    /// Where it is, and what it is.
    pub fn problem(&self) -> Problem {
        let place = match self {
            Unready::Foreign { place, .. }
            | Unready::TwoDirections { place, .. }
            | Unready::Placeholder { place, .. } => place.clone(),
            Unready::Several { folder: path, .. }
            | Unready::Dirty { folder: path, .. }
            | Unready::Missing { folder: path, .. }
            | Unready::Hidden { folder: path, .. }
            | Unready::Changed { file: path, .. }
            | Unready::Twice { file: path, .. }
            | Unready::Rule { file: path, .. }
            | Unready::Needs { file: path, .. } => Place::of(path, "", 0..0),
        };
        Problem { place, message: self.to_string() }
    }
}
