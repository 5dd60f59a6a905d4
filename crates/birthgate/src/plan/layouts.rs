//! Folders that are laid out as those of tools that are not read, though their files bear no mark.

use super::folder::{File, Folder};
use super::unready::Unready;
use crate::error::Result;
use crate::script::Place;

/// A tool, and the file by which its folder is known.
struct Layout {
    tool: &'static str,
    sign: fn(&Folder) -> Option<&File>,
}

/// The file of this name in the folder itself.
fn top<'a>(folder: &'a Folder, names: &[&str]) -> Option<&'a File> {
    folder.find(|file| names.contains(&file.within.as_str()))
}

/// A file of this name one folder below.
fn below<'a>(folder: &'a Folder, name: &str) -> Option<&'a File> {
    folder.find(|file| file.name() == name && file.within.matches('/').count() == 1)
}

/// A file in the folder itself whose name ends so and begins with a digit.
fn numbered<'a>(folder: &'a Folder, endings: &[&str]) -> Option<&'a File> {
    folder.find(|file| {
        file.is_top()
            && file.name().starts_with(|c: char| c.is_ascii_digit())
            && endings.iter().any(|ending| file.name().ends_with(ending))
    })
}

/// Whether the folder's path ends so.
fn is_at(folder: &Folder, ending: &str) -> bool {
    let root = folder.root.as_ref().and_then(|root| root.canonicalize().ok());
    root.is_some_and(|root| root.ends_with(ending))
}

const LAYOUTS: &[Layout] = &[
    Layout {
        tool: "Prisma",
        sign: |folder| top(folder, &["migration_lock.toml", "schema.prisma"]),
    },
    Layout {
        tool: "Drizzle",
        sign: |folder| {
            folder
                .file("meta/_journal.json")
                .or_else(|| below(folder, "snapshot.json").and(below(folder, "migration.sql")))
        },
    },
    Layout { tool: "Prisma", sign: |folder| below(folder, "migration.sql") },
    Layout { tool: "Diesel or Hasura", sign: |folder| below(folder, "up.sql") },
    Layout { tool: "Atlas", sign: |folder| top(folder, &["atlas.sum", "atlas.hcl"]) },
    Layout {
        tool: "Supabase",
        sign: |folder| {
            let has = || folder.top_sql().next();
            if is_at(folder, "supabase/migrations") { has() } else { None }
        },
    },
    Layout {
        tool: "graphile-migrate",
        sign: |folder| {
            let current = folder
                .find(|file| file.within == "current.sql" || file.within.starts_with("current/"));
            current.filter(|_| folder.find(|file| file.within.starts_with("committed/")).is_some())
        },
    },
    Layout { tool: "PGmigrate", sign: |folder| top(folder, &["migrations.yml"]) },
    Layout { tool: "tern", sign: |folder| top(folder, &["tern.conf"]) },
    Layout { tool: "rambler", sign: |folder| top(folder, &["rambler.json"]) },
    Layout { tool: "sql-migrate", sign: |folder| top(folder, &["dbconfig.yml"]) },
    Layout { tool: "Alembic", sign: |folder| top(folder, &["env.py", "alembic.ini"]) },
];

/// Folders in which no file of SQL is run as it is.
const CODE: &[Layout] = &[
    Layout { tool: "Django", sign: |folder| numbered(folder, &[".py"]) },
    Layout { tool: "Rails", sign: |folder| numbered(folder, &[".rb"]) },
    Layout { tool: "Ecto", sign: |folder| numbered(folder, &[".exs"]) },
    Layout { tool: "Entity Framework", sign: |folder| numbered(folder, &[".cs"]) },
    Layout {
        tool: "Knex, TypeORM, Sequelize or another tool of JavaScript",
        sign: |folder| numbered(folder, &[".ts", ".js", ".mjs", ".cjs"]),
    },
    Layout { tool: "goose or another tool of Go", sign: |folder| numbered(folder, &[".go"]) },
    Layout {
        tool: "pgroll or Liquibase",
        sign: |folder| numbered(folder, &[".json", ".yaml", ".yml", ".xml"]),
    },
    Layout {
        tool: "Liquibase",
        sign: |folder| {
            folder.find(|file| {
                let name = file.name().to_lowercase();
                name.contains("changelog")
                    && [".xml", ".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end))
            })
        },
    },
];

/// Refuses a folder that is another tool's.
pub(super) fn refuse(folder: &Folder) -> Result<()> {
    let code = if folder.top_sql().next().is_none() { CODE } else { &[] };
    for layout in LAYOUTS.iter().chain(code) {
        if let Some(file) = (layout.sign)(folder) {
            return Err(Unready::Foreign {
                place: Place::of(&file.path.display().to_string(), "", 0..0),
                tool: layout.tool,
                mark: format!("{} lies there", file.within),
            }
            .into());
        }
    }
    Ok(())
}
