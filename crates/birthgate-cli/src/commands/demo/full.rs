//! The whole story: rehearsed, signed, applied to the STOP, through the door, decided, cleaned up, and GO.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use birthgate::apply::{self, Applied, Ended, Options};
use birthgate::approval::Subject;
use birthgate::decision::{self, Identity};
use birthgate::declaration::{Binding, Declaration, Signed};
use birthgate::entity::{self, End, FileRows};
use birthgate::owner::{Change, Owners};
use birthgate::private_server::PrivateServer;
use birthgate::registry;
use birthgate::{Database, block, collection, drift, evidence, evidence_log};
use estate_kb_3a66 as estate;
use serde::Serialize;
use tokio_postgres::Client;

use super::{Args, DATABASE, Rehearsed, build_estate, rehearse_packet, write_packet};
use crate::commands::{apply as apply_command, signing};
use crate::error::{CommandError, Kind, Result};
use crate::output::Output;
use crate::progress::Step;

/// What the whole story comes to.
#[derive(Debug, Default, Serialize)]
pub(super) struct Story {
    postgresql: u32,
    births: i64,
    rehearsal: Rehearsed,
    /// The step that the apply stopped before.
    stopped_before: String,
    doors: Vec<String>,
    steps_applied: usize,
    /// Each at the start, and after what changed it.
    orphan_critical: Vec<i64>,
    phantom_real: Vec<i64>,
    fs_no_registry: Vec<i64>,
    dot_pivot_update: Vec<i64>,
    rp_cleanup: Vec<&'static str>,
    fn_birth_gate_unchanged: bool,
    oids_kept: bool,
    gate_drift: usize,
    evidence_log: usize,
    evidence_intact: bool,
    seconds: BTreeMap<&'static str, f64>,
}

/// An owner with a key that is made for the demo.
struct Owner<'a> {
    folder: &'a Path,
    owners: Owners,
}

pub(super) async fn tell(server: &PrivateServer, args: &Args, output: &Output) -> Result<Story> {
    let mut story = Story { postgresql: server.binaries().major, ..Story::default() };
    let database = Database::new(server.config(DATABASE))?;
    build_estate(server, args.scale, &database).await?;
    let client = database.connect_for_others().await?;
    let start = Counts::of(&client).await?;
    story.births = start.get("births");
    story.note(&start);
    story.rp_cleanup.push(rp_cleanup(&client, output).await?);
    let before = functions(&client).await?;

    let folder = tempfile::tempdir()?;
    let packet = write_packet(folder.path())?;
    let (rehearsal, written) =
        rehearse_packet(args, &database, &packet, folder.path(), output).await?;
    story.rehearsal = rehearsal;
    let rehearsed = evidence::read(&written.folder)?;
    let subject = Subject { packet: &packet, rehearsed: &rehearsed };
    let owner = Owner::new(folder.path(), output)?;

    apply_packet(&database, subject, &owner, &mut story, output).await?;
    decide(&database, &client, &owner, &mut story, output).await?;
    clean_up(server, &client, &mut story, output).await?;

    let step = Step::begin("baseline");
    let baseline = drift::take_baseline(&client, None).await?;
    story.gate_drift = drift::check(&client).await?.objects();
    story.seconds.insert("baseline", step.end().as_secs_f64());
    output.say(format!(
        "\nbirthgate drift baseline: {}…; the gate is as it says.",
        &baseline.root[..16]
    ));
    story.rp_cleanup.push(rp_cleanup(&client, output).await?);

    let after = functions(&client).await?;
    story.fn_birth_gate_unchanged = before.get("fn_birth_gate") == after.get("fn_birth_gate");
    story.oids_kept = before.len() == after.len()
        && before
            .iter()
            .all(|(name, (oid, _))| after.get(name).is_some_and(|known| known.0 == *oid));
    let log = evidence_log::entries(&client, 0, None).await?;
    let mut flaws = evidence_log::verify(&log);
    flaws.extend(evidence_log::verify_signatures(&log, &owner.owners));
    (story.evidence_log, story.evidence_intact) = (log.len(), flaws.is_empty());
    output.say(format!(
        "fn_birth_gate is byte for byte what it was: {}. The evidence log holds {} entries, and every hash and signature in it {}.",
        if story.fn_birth_gate_unchanged { "yes" } else { "NO" },
        log.len(),
        if story.evidence_intact { "holds" } else { "does NOT hold" }
    ));
    Ok(story)
}

impl Story {
    fn note(&mut self, counts: &Counts) {
        self.orphan_critical.push(counts.get("orphan_critical"));
        self.phantom_real.push(counts.get("phantom_real"));
        self.fs_no_registry.push(counts.get("fs_no_registry"));
        self.dot_pivot_update.push(counts.get("dot_pivot_update"));
    }
}

/// What the estate counts of itself.
struct Counts(BTreeMap<String, i64>);

impl Counts {
    async fn of(client: &Client) -> Result<Counts> {
        let rows = client.query(estate::COUNTS_SQL, &[]).await?;
        Ok(Counts(rows.iter().map(|row| (row.get(0), row.get(1))).collect()))
    }

    fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(-1)
    }
}

impl Owner<'_> {
    fn new<'a>(folder: &'a Path, output: &Output) -> Result<Owner<'a>> {
        let key = folder.join("owner");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "owner", "-f"])
            .arg(&key)
            .status();
        if !made.as_ref().is_ok_and(std::process::ExitStatus::success) {
            return Err(CommandError {
                kind: Kind::Unknown,
                message: format!("ssh-keygen could not make a key: {made:?}"),
                detail: None,
                hint: Some("Debian, Ubuntu: apt-get install openssh-client".to_owned()),
            });
        }
        let change = Change::Add {
            principal: "owner".to_owned(),
            key: std::fs::read_to_string(folder.join("owner.pub"))?,
            namespaces: vec!["birthgate".to_owned()],
            valid_after: None,
            valid_before: None,
        };
        let none = Owners::parse("allowed_signers", "")?;
        let text = none.change(&change, "2026-01-01T00:00:00Z", &[])?;
        let owners = Owners::parse("allowed_signers", &text)?;
        output.say(format!(
            "\nAn owner signs with the SSH key they have. For this demo one is made: {}",
            owners.owners[0].key
        ));
        Ok(Owner { folder, owners })
    }

    fn sign(&self, declaration: &Declaration) -> Result<Signed> {
        let path = self.folder.join("to_sign");
        std::fs::write(&path, declaration.text())?;
        let signature = self.folder.join("to_sign.sig");
        let _ = std::fs::remove_file(&signature);
        signing::sign(&self.folder.join("owner"), &path)?;
        Ok(Signed { text: declaration.text(), signature: std::fs::read_to_string(signature)? })
    }
}

async fn binding(client: &Client) -> Result<Binding> {
    Ok(Binding::make(client, Duration::from_secs(3600)).await?)
}

/// Signs the packet, applies it to the STOP, opens the doors, bears the pivots, and applies the rest.
async fn apply_packet(
    database: &Database,
    subject: Subject<'_>,
    owner: &Owner<'_>,
    story: &mut Story,
    output: &Output,
) -> Result {
    let client = database.connect_for_others().await?;
    subject.record(&client).await?;
    let declaration = subject.declaration(&[], &binding(&client).await?)?;
    output.say(format!("\nWhat the owner signs:\n\n{}", declaration.text()));
    subject.add(&client, &owner.owners, &owner.sign(&declaration)?).await?;

    let step = Step::begin("the apply, to the STOP");
    let stopped = run(database, subject, owner, None).await?;
    story.seconds.insert("apply_to_the_stop", step.end().as_secs_f64());
    expect("the apply to the STOP", &stopped, Ended::Stopped, output)?;
    story.stopped_before = stopped.next.clone().unwrap_or_default();

    story.doors = subject.doors().into_iter().map(str::to_owned).collect();
    let declaration = subject.declaration(&story.doors, &binding(&client).await?)?;
    subject.add(&client, &owner.owners, &owner.sign(&declaration)?).await?;
    output.say(format!("\nThe owner opens the doors: {}.", story.doors.join(", ")));
    let step = Step::begin("the old key is dropped, the five pivots are born");
    let pivots = run(database, subject, owner, Some("pivot-births")).await?;
    story.seconds.insert("drop_and_pivots", step.end().as_secs_f64());
    expect("the pivots", &pivots, Ended::Stopped, output)?;
    let counts = Counts::of(&client).await?;
    story.note(&counts);
    output.say(format!(
        "\norphan_critical: {} → {}",
        story.orphan_critical[0], story.orphan_critical[1]
    ));

    let step = Step::begin("pilot gate, finalize, code rule");
    let done = run(database, subject, owner, None).await?;
    story.seconds.insert("pilot", step.end().as_secs_f64());
    expect("the rest", &done, Ended::Done, output)?;
    story.steps_applied = done.steps.len();
    Ok(())
}

async fn run(
    database: &Database,
    subject: Subject<'_>,
    owner: &Owner<'_>,
    until: Option<&str>,
) -> Result<Applied> {
    let options = Options {
        until: until.map(str::to_owned),
        dry_run: false,
        found: None,
        max_block: Duration::from_millis(200),
        attempts: 20,
        strict_columns: false,
    };
    Ok(apply::apply(database, subject, &owner.owners, &options, &mut |_| {}).await?)
}

/// Shows how an apply ended. Any other end than the story's ends the demo: it would be a lie.
fn expect(what: &str, applied: &Applied, ended: Ended, output: &Output) -> Result {
    output.say("");
    apply_command::show(output, applied);
    match applied.ended == ended {
        true => Ok(()),
        false => Err(CommandError::no(format!(
            "{what} ended in {}: {}",
            applied.ended.word(),
            applied.why.clone().unwrap_or_default()
        ))),
    }
}

/// What the catalogue's entries are is the owner's to say.
async fn decide(
    database: &Database,
    client: &Client,
    owner: &Owner<'_>,
    story: &mut Story,
    output: &Output,
) -> Result {
    let name = "dot_iu_command_catalog";
    let declaration = decision::declaration(name, &Identity::Own, &binding(client).await?);
    let signed = owner.sign(&declaration)?;
    let decided =
        decision::decide(database, name, &Identity::Own, &owner.owners, &[signed]).await?;
    let counts = Counts::of(client).await?;
    story.note(&counts);
    output.say(format!(
        "\nbirthgate collection decide {name} --identity own\n  signed, recorded as entry {}; {} rows are born. orphan_critical: {} → {}",
        decided.entry, decided.births.born, story.orphan_critical[1], story.orphan_critical[2]
    ));
    Ok(())
}

/// A registrar retires the phantoms and registers the tools; the estate's own people mend the pivot.
async fn clean_up(
    server: &PrivateServer,
    client: &Client,
    story: &mut Story,
    output: &Output,
) -> Result {
    client.batch_execute(estate::story::REGISTRAR).await?;
    let mut config = server.config(DATABASE);
    config.user("registrar");
    let registrar = Database::new(config)?.connect_for_others().await?;
    let mut retired = 0;
    for finding in registry::reconcile(client, None).await? {
        if finding.finding != "phantom" {
            continue;
        }
        collection::grant(client, &finding.collection_name, "registrar", None).await?;
        for code in finding.examples.iter().flatten() {
            entity::end(&registrar, End::Retire, &finding.collection_name, code, None, false)
                .await?;
            retired += 1;
        }
    }
    collection::grant(client, "dot_tools", "registrar", None).await?;
    let tools = tempfile::tempdir()?;
    estate::write_tools(tools.path())?;
    let column = |name: &str, template: &str| (name.to_owned(), template.to_owned());
    let what = FileRows {
        collection: "dot_tools".to_owned(),
        name_column: "name".to_owned(),
        columns: vec![column("code", "{file}"), column("domain", "{2}"), column("verb", "{3}")],
    };
    let registered = entity::register_folder(&registrar, &what, tools.path()).await?;
    client.batch_execute(estate::story::PIVOT).await?;
    let counts = Counts::of(client).await?;
    story.note(&counts);
    output.say(format!(
        "\nThe registrar retires {retired} phantoms and registers {} tools; the pivot is brought up to date.",
        registered.len()
    ));
    let mut counting = Database::new(server.config(DATABASE))?.connect_for_others().await?;
    block::refresh(&mut counting).await?;
    block::scan(&counting, "fs_no_registry", tools.path(), "dot_tools", "name").await?;
    crate::commands::block::table(output, &block::list(&counting).await?);
    Ok(())
}

/// GO or NO-GO, as the estate's own assertion says it.
async fn rp_cleanup(client: &Client, output: &Output) -> Result<&'static str> {
    match client.batch_execute("SELECT public.fn_assert_safe_for_dot_action('rp_cleanup')").await {
        Ok(()) => {
            output.say("\n\x1b[1;32mGO\x1b[0m for rp_cleanup");
            Ok("GO")
        }
        Err(error) => match error.as_db_error() {
            Some(said) if said.message().starts_with("NO-GO") => {
                output.say(format!("\n\x1b[1;31mNO-GO\x1b[0m for rp_cleanup: {}", said.message()));
                Ok("NO-GO")
            }
            _ => Err(error.into()),
        },
    }
}

/// The OID and the text of each of the estate's functions that the packet watches or patches.
async fn functions(client: &Client) -> Result<BTreeMap<String, (u32, String)>> {
    let rows = client.query(estate::story::FUNCTIONS, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect())
}
