//! Runs the files of `sql/` in order, the content in slices.

use tokio_postgres::Client;

use crate::{Error, FULL_BIRTHS, FULL_CHANGELOG, MIN_BIRTHS, MIN_CHANGELOG, tool_names};

/// A file of `sql/`, embedded.
struct Step {
    name: &'static str,
    /// What the progress calls it.
    label: &'static str,
    sql: &'static str,
    /// Its part of the work for every thousand births; 0 for a file that does not scale.
    weight: u64,
}

macro_rules! step {
    ($name:literal, $label:literal, $weight:literal) => {
        Step {
            name: $name,
            label: $label,
            sql: include_str!(concat!("../sql/", $name)),
            weight: $weight,
        }
    };
}

const ROLES: Step = step!("010_roles.sql", "roles", 0);

const BEFORE: [Step; 7] = [
    step!("020_registry_tables.sql", "registry", 0),
    step!("021_content_tables.sql", "tables", 0),
    step!("022_tool_tables.sql", "tables", 0),
    step!("030_birth_functions.sql", "functions", 0),
    step!("031_gate_functions.sql", "functions", 0),
    step!("032_assert_function.sql", "functions", 0),
    step!("040_rows_tools.sql", "tools and pivots", 0),
];

const SLICE: Step = step!("050_rows_content.sql", "content and births", 1000);

const AFTER: [Step; 8] = [
    step!("060_keys_registry.sql", "keys of the registry", 200),
    step!("061_keys_content.sql", "keys of the collections", 200),
    step!("062_rows_changelog.sql", "changelog", 100),
    step!("070_ddl_guard.sql", "DDL guard", 0),
    step!("071_triggers.sql", "triggers", 0),
    step!("080_incidents.sql", "incidents", 0),
    step!("090_grants.sql", "grants", 0),
    step!("095_vacuum.sql", "vacuum and statistics", 200),
];

/// The births of the tools and pivots, which come before the content.
const SINGLE_BIRTHS: u64 = 175;

/// The births of one slice: well under a second.
const SLICE_BIRTHS: u64 = 50_000;

/// The owner of everything, and what makes a bulk load quick. Undone by [`SESSION_RESET`].
const SESSION: &str = "SET ROLE workflow_admin;
    SET search_path = public, pg_temp;
    SET client_min_messages = warning;
    SET synchronous_commit = off;
    SET maintenance_work_mem = '256MB'";

/// Brings the session back to what it was when it was opened.
const SESSION_RESET: &str = "RESET ROLE;
    RESET search_path;
    RESET client_min_messages;
    RESET synchronous_commit;
    RESET maintenance_work_mem";

/// The births at `scale`: its share of 1,126,728, rounded, and 3,000 at least.
pub fn expected_births(scale: f64) -> u64 {
    share(FULL_BIRTHS, scale).max(MIN_BIRTHS)
}

/// The rows of `registry_changelog` at `scale`: its share of 70,434, rounded, and 200 at least.
pub fn expected_changelog(scale: f64) -> u64 {
    share(FULL_CHANGELOG, scale).max(MIN_CHANGELOG)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "both totals are far below 2^53, and a cast of a negative number gives 0"
)]
fn share(full: u64, scale: f64) -> u64 {
    (full as f64 * scale).round() as u64
}

/// Builds the estate in the database of `client`, at `scale` (above 0, at most 1).
///
/// The session must be a superuser's. The roles `workflow_admin` and `directus_app` are made if
/// the cluster lacks them. Each file of `sql/`, and each slice of the content, is one
/// transaction. `progress` is called with what was just finished, and with how much of the work
/// is done, of how much in all (in no unit).
///
/// # Errors
/// [`Error::Scale`] and [`Error::NotEmpty`] before anything is touched, [`Error::Database`] when
/// a statement fails. The session's role and settings are reset in every case, unless the future
/// is dropped before it is done.
pub async fn build(
    client: &Client,
    scale: f64,
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<(), Error> {
    if !(scale > 0.0 && scale <= 1.0) {
        return Err(Error::Scale(scale));
    }
    const CHECK: &str = "the check that the database is empty";
    let row = client
        .query_one("SELECT to_regclass('public.birth_registry') IS NOT NULL", &[])
        .await
        .map_err(Error::at(CHECK))?;
    if row.try_get(0).map_err(Error::at(CHECK))? {
        return Err(Error::NotEmpty);
    }

    let built = Builder::new(client, scale, progress).run().await;
    let reset = client.batch_execute(SESSION_RESET).await.map_err(Error::at("the reset"));
    built.and(reset)
}

struct Builder<'a> {
    client: &'a Client,
    progress: &'a mut dyn FnMut(&str, u64, u64),
    births: u64,
    changes: u64,
    done: u64,
    total: u64,
}

impl<'a> Builder<'a> {
    fn new(client: &'a Client, scale: f64, progress: &'a mut dyn FnMut(&str, u64, u64)) -> Self {
        let births = expected_births(scale);
        let files = BEFORE.iter().chain(&AFTER).chain([&ROLES, &SLICE]);
        let total = files.map(|step| cost(step, births)).sum();
        Self { client, progress, births, changes: expected_changelog(scale), done: 0, total }
    }

    async fn run(mut self) -> Result<(), Error> {
        self.step(&ROLES).await?;
        let client = self.client;
        client.batch_execute(SESSION).await.map_err(Error::at("the session's settings"))?;
        self.set("estate.births", &self.births.to_string()).await?;
        self.set("estate.changes", &self.changes.to_string()).await?;
        self.set("estate.tool_files", &tool_names().join(",")).await?;

        for step in &BEFORE {
            self.step(step).await?;
        }
        self.content().await?;
        for step in &AFTER {
            self.step(step).await?;
        }
        Ok(())
    }

    /// Runs the content's file once for each slice of births.
    async fn content(&mut self) -> Result<(), Error> {
        let end = self.done + cost(&SLICE, self.births);
        let mut first = SINGLE_BIRTHS + 1;
        while first <= self.births {
            let last = (first + SLICE_BIRTHS - 1).min(self.births);
            self.set("estate.first", &first.to_string()).await?;
            self.set("estate.last", &last.to_string()).await?;
            self.client.batch_execute(SLICE.sql).await.map_err(Error::at(SLICE.name))?;
            self.advance(SLICE.label, last + 1 - first);
            first = last + 1;
        }
        self.done = end;
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), Error> {
        self.client.batch_execute(step.sql).await.map_err(Error::at(step.name))?;
        self.advance(step.label, cost(step, self.births));
        Ok(())
    }

    fn advance(&mut self, label: &str, by: u64) {
        self.done += by;
        (self.progress)(label, self.done, self.total);
    }

    /// Sets a setting of the session, which a file of `sql/` reads.
    async fn set(&self, name: &'static str, value: &str) -> Result<(), Error> {
        self.client
            .execute("SELECT set_config($1, $2, false)", &[&name, &value])
            .await
            .map_err(Error::at("the session's settings"))?;
        Ok(())
    }
}

/// A step's part of the progress: its weight, and something for being a step at all.
fn cost(step: &Step, births: u64) -> u64 {
    100 + step.weight * births / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scale_one_is_the_seed() {
        assert_eq!(expected_births(1.0), 1_126_728);
        assert_eq!(expected_changelog(1.0), 70_434);
    }

    #[test]
    fn a_fraction_is_rounded_and_has_a_floor() {
        assert_eq!(expected_births(0.01), 11_267);
        assert_eq!(expected_changelog(0.01), 704);
        assert_eq!(expected_births(1e-9), MIN_BIRTHS);
        assert_eq!(expected_changelog(1e-9), MIN_CHANGELOG);
    }

    #[test]
    fn every_file_is_run() {
        let files = BEFORE.iter().chain(&AFTER).chain([&ROLES, &SLICE]);
        let mut run: Vec<&str> = files.map(|step| step.name).collect();
        run.sort_unstable();
        let there = include_dir::include_dir!("$CARGO_MANIFEST_DIR/sql");
        let mut there: Vec<&str> = there.files().filter_map(|file| file.path().to_str()).collect();
        there.sort_unstable();
        assert_eq!(run, there);
    }
}
