//! The plan of a sqitch project.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::script::{Place, Problem};

/// A project.
#[derive(Clone, Debug)]
pub(super) struct Project {
    /// The plan's file.
    pub path: String,
    pub name: String,
    pub changes: Vec<Change>,
}

/// A change as it is planned.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub name: String,
    pub needs: Vec<Need>,
    /// The tags after it and before it was planned again, the next one last; empty: it was not.
    pub rework_tags: Vec<String>,
    tags: Vec<String>,
}

/// What a change requires, or conflicts with.
#[derive(Clone, Debug)]
pub(super) struct Need {
    pub conflicts: bool,
    /// Another project.
    pub project: Option<String>,
    pub change: String,
    /// As it stands in the plan.
    pub told: String,
}

impl Change {
    /// What it is called: a change that is reworked later by the tag that ends its time.
    pub fn id(&self) -> String {
        match self.rework_tags.last() {
            Some(tag) => format!("{}@{tag}", self.name),
            None => self.name.clone(),
        }
    }
}

/// Reads a plan.
pub(super) fn changes(path: &Path, text: &str) -> Result<Project> {
    let path = path.display().to_string();
    let (mut name, mut changes): (Option<String>, Vec<Change>) = Default::default();
    // The place of each change that has its name now.
    let mut newest: BTreeMap<String, usize> = BTreeMap::new();
    let mut start = 0;
    for whole in text.split_inclusive('\n') {
        let span = start..start + whole.trim_end().len();
        start += whole.len();
        let refuse = |message: &str| {
            let place = Place::of(&path, text, span.clone());
            Err(Error::Unreadable(vec![Problem { place, message: message.to_owned() }]))
        };
        let line = whole.split('#').next().unwrap_or_default().trim();
        if let Some(pragma) = line.strip_prefix('%') {
            if let Some((key, value)) = pragma.split_once('=')
                && key.trim() == "project"
            {
                name = Some(value.trim().to_owned());
            }
            continue;
        }
        let Some(word) = line.split_whitespace().next() else { continue };
        if let Some(tag) = word.strip_prefix('@') {
            let Some(change) = changes.last_mut() else {
                return refuse("a tag stands after the change that it tags");
            };
            change.tags.push(tag.to_owned());
            continue;
        }
        if word.starts_with('-') {
            return refuse("a change that is taken back in the plan is not read");
        }
        let change = word.trim_start_matches('+').to_owned();
        if let Some(before) = newest.insert(change.clone(), changes.len()) {
            let tags = changes[before..].iter().rev().flat_map(|change| change.tags.clone());
            let tags: Vec<String> = tags.collect();
            if tags.is_empty() {
                return refuse(
                    "this change is planned already: only after a tag it may be reworked",
                );
            }
            changes[before].rework_tags = tags;
        }
        let needs = line.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
        let needs = needs.map_or("", |(needs, _)| needs).split_whitespace().map(need).collect();
        changes.push(Change { name: change, needs, rework_tags: Vec::new(), tags: Vec::new() });
    }
    let Some(name) = name else {
        let place = Place::of(&path, text, 0..0);
        let message = "a plan of sqitch names its project: %project=NAME".to_owned();
        return Err(Error::Unreadable(vec![Problem { place, message }]));
    };
    Ok(Project { path, name, changes })
}

/// `change`, `change@tag`, `project:change`, each perhaps with a `!` for a conflict.
fn need(told: &str) -> Need {
    let rest = told.trim_start_matches('!');
    let (project, change) = match rest.split_once(':') {
        Some((project, change)) => (Some(project.to_owned()), change),
        None => (None, rest),
    };
    let change = change.split('@').next().unwrap_or_default().to_owned();
    Need { conflicts: told.starts_with('!'), project, change, told: rest.to_owned() }
}
