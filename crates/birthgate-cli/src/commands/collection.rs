use std::path::PathBuf;

use birthgate::collection::{self, Collection, Govern, Mode, Observed};
use birthgate::decision::{self, Identity};
use birthgate::declaration::Binding;
use birthgate::{ownership, schema};
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::signing::{Signing, SigningArgs};
use crate::connection::ConnectionArgs;
use crate::error::{CommandError, Result};
use crate::output::Output;
use crate::progress::Step;

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
    /// What would have been refused in the observed collections
    #[command(after_help = "Example:\n  birthgate collection observed dot_tools")]
    Observed {
        /// Only this collection
        collection: Option<String>,
    },
    /// Bear the rows that were there before the gate
    ///
    /// In batches of a transaction each; writers are not stopped. Broken off, it is simply run again.
    #[command(after_help = "Example:\n  birthgate collection backfill dot_tools")]
    Backfill {
        /// The collection
        collection: String,
        /// Rows in one transaction
        #[arg(long, value_name = "ROWS", default_value_t = 5000, value_parser = clap::value_parser!(i64).range(1..=100_000))]
        batch: i64,
    },
    /// Set a gate again: after a rename, a move or a restore of its table, for new partitions, in another mode
    #[command(
        after_help = "Examples:\n  birthgate collection rearm dot_tools --mode enforce\n  birthgate collection rearm dot_tools --table attic.dot_tools"
    )]
    Rearm {
        /// The collection
        collection: String,
        /// Its table, where it cannot be found by its gate or its name
        #[arg(long)]
        table: Option<String>,
        /// What the gate does from now on [default: what it did]
        #[arg(long, value_enum)]
        mode: Option<GateModeArg>,
    },
    /// Say what the entities of a collection are, as its owner has signed it
    ///
    /// `own`: each of its rows has a birth; those that have none are born. `alias-of=C`: they are other names of entities of
    /// C. `excluded`: they are no entities. `retired`: all of them have ended.
    #[command(
        after_help = "Example:\n  birthgate collection decide dot_iu_command_catalog --identity own --sign ~/.ssh/id_ed25519"
    )]
    Decide {
        /// The collection
        collection: String,
        /// own, alias-of=COLLECTION, excluded or retired
        #[arg(long)]
        identity: Identity,
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// Write the packet that takes tables from the application that owns them
    ///
    /// Whoever owns a table, or its schema, can take the gate off. After the packet another role owns them, and the old owner
    /// reads and writes rows as before; it can no longer alter or drop these tables.
    #[command(
        after_help = "Example:\n  psql \"$DATABASE_URL\" -c 'CREATE ROLE tables NOLOGIN'\n  birthgate collection reassign dot_tools --owner tables --packet ./reassign"
    )]
    Reassign {
        /// The collections
        #[arg(required = true)]
        collections: Vec<String>,
        /// The role that is to own the tables: one that nobody can log in as
        #[arg(long, value_name = "ROLE")]
        owner: String,
        /// Write the packet into this folder
        #[arg(long, value_name = "DIR")]
        packet: PathBuf,
    },
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
    /// Take that back, and cancel what the role requested and has not spent
    #[command(after_help = "Example:\n  birthgate collection revoke dot_tools directus_app")]
    Revoke {
        /// The collection
        collection: String,
        /// The role
        role: String,
    },
}

/// Set a gate on a table
///
/// From then on a row is inserted only under a permit, deleted only under a retire permit, and its
/// code never changes. Prints whether the gate is `enforced` or `detect-only`: a login that owns the table or its schema, or may
/// set its triggers, can take the gate off again, which is detected, not prevented.
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
pub enum GateModeArg {
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
    let database = connection.database()?;
    let mut client = database.connect().await?;
    schema::require_installed(&client).await?;
    match command {
        Command::Govern(args) => {
            let governed = {
                let mut request = args.into_request();
                request.table = database.qualified(&request.table).await?;
                collection::govern(&mut client, &request).await?
            };
            output.say(format!(
                "{} is in mode {} ({} form, finalize {}); trust: {}",
                governed.collection_name,
                governed.mode,
                governed.form.as_deref().unwrap_or("no"),
                governed.finalize,
                governed.trust
            ));
            if governed.trust.starts_with("detect-only") {
                output.say(format!(
                    "To have it enforced: birthgate collection reassign {} --owner ROLE --packet DIR",
                    governed.collection_name
                ));
            }
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
        Command::Observed { collection } => {
            let observed = collection::observed(&client, collection.as_deref()).await?;
            output.table(
                &["COLLECTION", "WHAT", "TIMES", "BY", "WOULD HAVE MET", "FOR EXAMPLE", "LAST"],
                observed.iter().map(observed_row).collect(),
            );
            if observed.is_empty() {
                output.say("Nothing would have been refused.");
            }
            output.result("collection observed", observed)
        }
        Command::Backfill { collection, batch } => {
            let step = Step::begin(&format!("bearing the rows of {collection}"));
            let done = collection::backfill(&database, &collection, batch, |done| {
                step.count(&format!("{} births", done.born));
            })
            .await?;
            step.end();
            output.say(format!("{} rows were born.", done.born));
            if done.left_over > 0 {
                output.say(format!(
                    "{} rows are left over: their codes are born in another collection, and the registry's key is the code alone.",
                    done.left_over
                ));
            }
            output.result("collection backfill", done)
        }
        Command::Rearm { collection, table, mode } => {
            let mode = mode.map(|mode| match mode {
                GateModeArg::Observe => Mode::Observe,
                GateModeArg::Enforce => Mode::Enforce,
            });
            let table = match table {
                Some(table) => Some(database.qualified(&table).await?),
                None => None,
            };
            let armed = collection::rearm(&mut client, &collection, table.as_deref(), mode).await?;
            output.say(format!(
                "{} is in mode {} on {}; trust: {}",
                armed.collection_name, armed.mode, armed.table, armed.trust
            ));
            output.result("collection rearm", armed)
        }
        Command::Decide { collection, identity, signing } => {
            let owners = signing.owners(connection)?;
            let signed = if signing.brings() {
                signing.brought()?
            } else {
                let binding = Binding::make(&client, signing.valid_for()).await?;
                let declaration = decision::declaration(&collection, &identity, &binding);
                let again =
                    format!("birthgate collection decide {collection} --identity {identity}");
                match signing.have_signed(&declaration, "collection.decision", &again, output)? {
                    Signing::Asked(text) => {
                        return output.result("collection decide", json!({ "to_sign": text }));
                    }
                    Signing::Signed(signed) => signed,
                }
            };
            let decided =
                decision::decide(&connection.database()?, &collection, &identity, &owners, &signed)
                    .await?;
            output.say(format!(
                "{} has decided: the entities of {collection} are {identity}; {} of its rows are born now (entry {} of the evidence log).",
                decided.principals.join(", "), decided.births.born, decided.entry
            ));
            output.result("collection decide", decided)
        }
        Command::Reassign { collections, owner, packet } => {
            let found = ownership::examine(&client, &collections, &owner).await?;
            for finding in &found.findings {
                output.say(format!("\x1b[31min the way\x1b[0m: {finding}"));
            }
            let clear = found.findings.is_empty();
            if clear {
                found.write_packet(&packet)?;
                output.say(format!(
                    "The packet is in {0}: birthgate rehearse {0} --rows all",
                    packet.display()
                ));
            }
            output.result("collection reassign", found)?;
            match clear {
                true => Ok(()),
                false => Err(CommandError::no(format!("{owner} cannot be given these tables"))),
            }
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
        Command::Revoke { collection, role } => {
            let cancelled = collection::revoke(&client, &collection, &role).await?;
            output.say(format!(
                "{role} may no longer request permits in {collection}; permits cancelled: {cancelled}."
            ));
            output.result(
                "collection revoke",
                json!({ "collection_name": collection, "role": role, "cancelled": cancelled }),
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

fn observed_row(observed: &Observed) -> Vec<String> {
    let examples = observed.examples.iter().map(|code| code.as_deref().unwrap_or("-"));
    vec![
        observed.collection_name.clone(),
        observed.operation.clone(),
        observed.times.to_string(),
        observed.login.clone(),
        format!("{} {}", observed.refusal, observed.meaning),
        examples.take(3).collect::<Vec<_>>().join(" "),
        observed.last_seen.clone(),
    ]
}
