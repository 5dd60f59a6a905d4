//! Which rows the sandbox holds.

use super::rows::{Copied, Gap, holds_large_objects};

/// What a sandbox holds of the live database's rows.
#[derive(Debug)]
pub(super) enum Held {
    /// None, by whoever rehearses.
    Nothing,
    /// Some of each table.
    Some(u64),
    /// Those of the tables that the plan was seen or taken to need.
    Copied {
        copied: Copied,
        /// Whether every table that there is was asked for.
        of_all: bool,
    },
}

impl Held {
    /// Why a table may lack rows; `None`: it has all that there are.
    pub fn gap(&self, table: &str) -> Option<String> {
        match self {
            Held::Nothing => {
                Some("the sandbox was asked to have none; --rows auto or all".to_owned())
            }
            Held::Some(count) => Some(format!("at most {count} of each table were copied")),
            Held::Copied { copied, .. } if holds_large_objects(table) => copied
                .lacks_large_objects
                .then(|| "large objects are not copied into the sandbox".to_owned()),
            Held::Copied { copied, of_all } => match copied.tables.contains_key(table) {
                true => copied.gap(table).map(told),
                // A table that is not in the live database has none to lack; one that was not asked for may.
                false if *of_all => None,
                false => Some("they were not copied".to_owned()),
            },
        }
    }

    /// Why any table may lack rows.
    pub fn any_gap(&self) -> Option<String> {
        match self {
            Held::Nothing | Held::Some(_) => self.gap(""),
            Held::Copied { copied, of_all } => {
                let gap = copied
                    .tables
                    .keys()
                    .find_map(|table| Some(format!("{table}: {}", told(copied.gap(table)?))));
                gap.or_else(|| (!of_all).then(|| "not every table was copied".to_owned()))
            }
        }
    }
}

fn told(gap: &Gap) -> String {
    let more = match gap {
        Gap::Bytes { .. } | Gap::Time { .. } | Gap::Parent { .. } => {
            "; --row-bytes and --row-time raise the budget, --rows all has none"
        }
        _ => "",
    };
    format!("{gap}{more}")
}
