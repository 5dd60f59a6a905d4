use birthgate::collection::{self, Collection, Govern, Mode};
use birthgate::schema;
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use crate::connection::ConnectionArgs;
use crate::error::Result;
use crate::output::Output;

/// The governed tables
#[derive(Debug, Subcommand)]
pub enum Command {
    Govern(GovernArgs),
    /// Give a table back exactly as it was before it was governed
    Ungovern {
        /// The collection
        collection: String,
    },
    /// List the collections with their gates, and who could weaken them
    List,
    /// Show, set or drop the rule of a collection's codes
    #[command(
        after_help = "Example:\n  birthgate collection rule dot_tools '^(DOT-[0-9]+|dot-[a-z]+-[a-z]+)$'"
    )]
    Rule {
        /// The collection
        collection: String,
        /// A POSIX regular expression that every code must match
        pattern: Option<String>,
        /// Drop the rule
        #[arg(long, conflicts_with = "pattern")]
        drop: bool,
    },
    /// Let a role request permits in a collection
    #[command(
        after_help = "Example:\n  birthgate collection grant dot_tools directus_app --quota 20000"
    )]
    Grant {
        /// The collection
        collection: String,
        /// The role
        role: String,
        /// The most permits that it may have active at once [default: no bound]
        #[arg(long)]
        quota: Option<i64>,
    },
}

/// Set a gate on a table
///
/// From then on a row is inserted only under a permit, deleted only under a retire permit, and its
/// code never changes. Prints whether the gate is `enforced` or `detect-only`: a role that owns the
/// table can take the gate off again, which is detected, not prevented.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  birthgate collection govern public.dot_tools --code code \\\n    --rule '^[A-Z]+-[0-9]+$' --replaces trg_birth_gate"
)]
pub struct GovernArgs {
    /// The table
    table: String,
    /// The column that holds the entity code, or several, separated by commas; they need NOT NULL and a
    /// unique key of their own
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', required = true)]
    code: Vec<String>,
    /// The collection's name in the registry [default: the table's name]
    #[arg(long)]
    collection: Option<String>,
    /// What the gate does
    #[arg(long, value_enum, default_value = "enforce")]
    mode: ModeArg,
    /// One trigger call a statement, or one a row [default: as the table needs it]
    #[arg(long, value_enum)]
    form: Option<FormArg>,
    /// Finalise births at the commit boundary, or at once
    #[arg(long, value_enum, default_value = "required")]
    finalize: FinalizeArg,
    /// Count the orphans of this collection as critical
    #[arg(long)]
    critical: bool,
    /// A POSIX regular expression that every code must match
    #[arg(long, value_name = "REGEX")]
    rule: Option<String>,
    /// A trigger of the table that the gate replaces; its function stays. Can be repeated
    #[arg(long, value_name = "TRIGGER")]
    replaces: Vec<String>,
    /// Allow permits that leave the code to the database: for serial, identity and generated codes
    #[arg(long)]
    open_permits: bool,
    /// Columns that a permit can be bound to, separated by commas
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    bind: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeArg {
    /// Known, without a gate
    Listed,
    /// Refuse nothing, record what would have been refused
    Observe,
    /// Refuse
    Enforce,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormArg {
    Statement,
    Row,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FinalizeArg {
    Required,
    Off,
}

impl GovernArgs {
    fn into_request(self) -> Govern {
        let name = self.table.rsplit('.').next().unwrap_or(&self.table).replace('"', "");
        Govern {
            collection: self.collection.unwrap_or(name),
            table: self.table,
            code_columns: self.code,
            mode: match self.mode {
                ModeArg::Listed => Mode::Listed,
                ModeArg::Observe => Mode::Observe,
                ModeArg::Enforce => Mode::Enforce,
            },
            form: self.form.map(|form| match form {
                FormArg::Statement => "statement".to_owned(),
                FormArg::Row => "row".to_owned(),
            }),
            finalize: match self.finalize {
                FinalizeArg::Required => "required".to_owned(),
                FinalizeArg::Off => "off".to_owned(),
            },
            critical: self.critical,
            rule: self.rule,
            replaces: self.replaces,
            open_permits: self.open_permits,
            bound_columns: self.bind,
        }
    }
}

pub async fn run(command: Command, connection: &ConnectionArgs, output: &Output) -> Result {
    let mut client = connection.database()?.connect().await?;
    schema::require_installed(&client).await?;
    match command {
        Command::Govern(args) => {
            let governed = collection::govern(&mut client, &args.into_request()).await?;
            output.say(format!(
                "{} is in mode {} ({} form, finalize {}); trust: {}",
                governed.collection_name,
                governed.mode,
                governed.form.as_deref().unwrap_or("no"),
                governed.finalize,
                governed.trust
            ));
            output.result("collection govern", governed)
        }
        Command::Ungovern { collection } => {
            collection::ungovern(&mut client, &collection).await?;
            output.say(format!("{collection} is as it was before."));
            output.result("collection ungovern", json!({ "collection_name": collection }))
        }
        Command::List => {
            let collections = collection::list(&client).await?;
            output.table(
                &["COLLECTION", "TABLE", "CODE", "MODE", "FORM", "FINALIZE", "RULE", "TRUST"],
                collections.iter().map(row).collect(),
            );
            output.result("collection list", collections)
        }
        Command::Rule { collection, pattern, drop } => {
            if drop || pattern.is_some() {
                collection::set_rule(&client, &collection, pattern.as_deref()).await?;
            }
            let rule = collection::list(&client)
                .await?
                .into_iter()
                .find(|known| known.collection_name == collection)
                .and_then(|known| known.rule);
            output.say(rule.as_deref().unwrap_or("no rule"));
            output.result("collection rule", json!({ "collection_name": collection, "rule": rule }))
        }
        Command::Grant { collection, role, quota } => {
            collection::grant(&client, &collection, &role, quota).await?;
            output.say(format!("{role} may request permits in {collection}."));
            output.result(
                "collection grant",
                json!({ "collection_name": collection, "role": role, "quota": quota }),
            )
        }
    }
}

fn row(collection: &Collection) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or("-".to_owned());
    vec![
        collection.collection_name.clone(),
        collection.table.clone(),
        collection.code_columns.join(", "),
        collection.mode.clone(),
        text(&collection.form),
        collection.finalize.clone(),
        text(&collection.rule),
        collection.trust.clone(),
    ]
}
