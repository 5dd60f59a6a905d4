//! The rehearsal: a plan run and undone, first in a sandbox and then in the live database within BEGIN …
//! ROLLBACK, with a proof that nothing was mutated. What was not seen is not said.

mod as_psql;
mod clone;
mod content;
pub(crate) mod failed;
mod held;
mod kept;
mod libpq;
mod live;
pub(crate) mod lock;
mod placement;
mod progress;
mod proof;
mod quiet;
mod reach;
mod redirect;
mod rounds;
mod rows;
mod sandbox;
pub(crate) mod session;
mod signed;
mod state;
pub(crate) mod steps;
mod trial;
mod twin;
mod watched;
pub(crate) mod watcher;
mod way_back;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::code::Rows as CodeRows;
use crate::database::Database;
use crate::error::{Doing, Result};
use crate::fingerprint::Difference;
use crate::plan::{self, Plan, Source, Step};
use crate::private_server::{Confinement, Search, Walls};
use crate::script::{Place, Problem};
use crate::states::{Delta, States};
use crate::unprepared::Unprepared;

use kept::KeptBack;
pub use lock::Lock;
pub use progress::{Observer, Stage};
pub use rows::RowBudget;
use sandbox::Programs;
pub use session::StatementReport;
pub use state::Leak;
pub use watched::Watched;
pub use watcher::Blocked;

/// How to rehearse.
#[derive(Clone, Debug)]
pub struct Options {
    /// The rows of the sandbox.
    pub rows: Rows,
    /// When the live database is used.
    pub live: Live,
    /// How long anybody may wait for the rehearsal in the live database.
    pub max_block: Duration,
    /// How long the rehearsal in the live database may take.
    pub max_time: Duration,
    /// How long the sandbox may take, with making it.
    pub sandbox_time: Duration,
    /// How many bytes of tables may be cloned in the live database, with their indexes.
    pub max_clone: u64,
    /// Sequences that may be moved for good.
    pub burns: Vec<String>,
    /// Where programs of PostgreSQL are looked for.
    pub search: Search,
    /// Below which folder the sandbox lives.
    pub folder: PathBuf,
    /// Is told how far it has come.
    pub observer: Observer,
    /// Whether an undo that leaves a table's columns in another order has not brought back what was.
    pub strict_columns: bool,
    /// Whether nobody vouches for the plan's SQL, such as an agent's: the sandbox then has no rows, and nobody in it may
    /// do everything.
    pub confined: bool,
    /// What the kernel keeps the sandbox within.
    pub walls: Walls,
}

/// The rows that a sandbox gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// None: what depends on rows is not seen there.
    None,
    /// At most so many of each table.
    Some(u64),
    /// All of them.
    All,
    /// Those of the tables that the plan touches, with what they refer to, as far as the budget goes.
    Auto(RowBudget),
}

/// When the live database is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// After a sandbox that was clean.
    AfterSandbox,
    /// At once, without a sandbox.
    First,
    /// Not at all.
    Never,
}

/// What is said of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Every step and every undo was seen, on all the rows, and nothing was mutated.
    Pass,
    /// Something of it does not hold.
    Fail,
    /// Not everything could be seen.
    Incomplete,
}

/// Whether the live database is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mutated {
    /// It is.
    None,
    /// But for numbers of sequences that the plan may burn.
    SequenceGaps,
    /// It is not.
    Yes,
    /// It was not seen.
    Unknown,
}

/// Why the verdict is no PASS.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Reason {
    /// What it makes of the verdict.
    pub verdict: Verdict,
    /// The step that it is about.
    pub step: Option<String>,
    /// The statement that it is about.
    pub place: Option<Place>,
    /// What it is.
    pub message: String,
    /// What the server says besides; it may hold values of rows.
    pub detail: Option<String>,
}

/// Where a step was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Where {
    /// In the live database, on its own rows.
    Live,
    /// In the live database, on exact clones of its tables.
    Clone,
    /// In the sandbox.
    Sandbox,
    /// Nowhere.
    Nowhere,
}

/// What was seen of an undo.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct UndoReport {
    /// Whether it brought everything back that can be compared.
    pub restores: bool,
    /// How long it took.
    pub duration_ms: f64,
    /// What it did not bring back, or why it did not run.
    pub differences: Vec<String>,
    /// What it left otherwise that nobody who uses the objects meets: the order of a table's columns.
    pub notes: Vec<String>,
    /// Whether it did not run because of locks or the like: then nothing is known against it.
    #[serde(skip)]
    unseen: bool,
}

/// The way back through a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Door {
    /// The undo worked after the step and after each later one.
    TwoWay,
    /// The undo worked until this later step.
    ShutBy {
        /// Its id.
        step: String,
    },
    /// There is no undo, or it never worked.
    OneWay,
    /// It was not tried.
    Unknown,
}

/// What was seen of a step.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StepReport {
    /// Its id.
    pub id: String,
    /// Where it was seen last.
    #[serde(rename = "where")]
    pub seen: Where,
    /// Why there.
    pub why: String,
    /// How long its statements took there.
    pub duration_ms: f64,
    /// The locks that it took there.
    pub locks: Vec<Lock>,
    /// The tables and indexes that it wrote anew.
    pub rewrites: Vec<String>,
    /// The rows that it returned or changed.
    pub rows: u64,
    /// The WAL that the server wrote meanwhile, in bytes.
    pub wal_bytes: i64,
    /// Temporary files that its statements wrote, in bytes; `None` where the server did not tell.
    pub temp_bytes: Option<u64>,
    /// Whether a stand-in for it was run in the live database.
    pub stand_in: bool,
    /// Its statements, one by one.
    pub statements: Vec<StatementReport>,
    /// The way back through it, as the sandbox shows it.
    pub door: Door,
    /// What was seen of its undo; `None` when it has none or it was not tried.
    pub undo: Option<UndoReport>,
    /// Who waited while it was run in the live database, be it in vain; `None`: it was not run there.
    pub blocked: Option<Vec<Blocked>>,
    #[serde(skip)]
    touched: Vec<String>,
    /// The tables that it touched in any way, be it that it read them.
    #[serde(skip)]
    reached: BTreeSet<String>,
    /// Whether it ran code whose reach was not seen.
    #[serde(skip)]
    reaches_all: bool,
    /// Why the sandbox did not have all the rows that it touched; `None`: it had.
    #[serde(skip)]
    lacks: Option<String>,
    /// Why it may not run in the live database: what it does there would stay.
    #[serde(skip)]
    kept: Option<KeptBack>,
    /// The sequences that it moved and that are not declared to burn.
    #[serde(skip)]
    moved: BTreeSet<String>,
    #[serde(skip)]
    hurting_ms: f64,
    /// How long hashing the rows of what it touched took.
    #[serde(skip)]
    content_ms: f64,
}

/// What a rehearsal says.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Rehearsal {
    /// What was rehearsed.
    pub plan: String,
    /// The live database.
    pub database: String,
    /// How the kernel confined the sandbox; nothing where there was none.
    pub sandbox: Option<Confinement>,
    /// As whom it was reached.
    pub role: String,
    /// Whether that role may do everything.
    pub superuser: bool,
    /// Its server's version.
    pub server: String,
    /// When it began, by the server's clock, in UTC.
    pub began: String,
    /// PASS, FAIL or INCOMPLETE.
    pub verdict: Verdict,
    /// Why it is no PASS.
    pub reasons: Vec<Reason>,
    /// Whether the live database is as it was.
    pub mutated: Mutated,
    /// The fingerprint of the live database before.
    pub entry: String,
    /// And after.
    pub exit: String,
    /// What the packet watches, before and after.
    pub watch: Vec<Watched>,
    /// What others changed in the live database meanwhile.
    pub concurrent: Vec<Difference>,
    /// What it would leave behind.
    pub leaks: Vec<Leak>,
    /// Its steps.
    pub steps: Vec<StepReport>,
    /// The longest that anybody waited for it.
    pub blocked_ms: f64,
    /// Who waited for it in the live database.
    pub blocked: Vec<Blocked>,
    /// What is worth knowing and changes no verdict.
    pub notes: Vec<String>,
    /// Sequences that were moved by us in the live database.
    #[serde(skip)]
    own_sequences: BTreeSet<String>,
    /// What the packet watches, in the sandbox at the end of the last step.
    #[serde(skip)]
    inside: Vec<Option<String>>,
    /// How long a look at the live database takes that finds nothing changed.
    #[serde(skip)]
    look_ms: f64,
    #[serde(skip)]
    logs: content::Logs,
    /// The objects that the plan changes, as sandbox and live database have shown.
    #[serde(skip)]
    changes: BTreeSet<String>,
    /// What each step changes, where all of them were seen one after the other.
    #[serde(skip)]
    deltas: Vec<Delta>,
    /// The functions that the plan ran in the sandbox.
    #[serde(skip)]
    ran: Vec<String>,
    /// What the live database has to be like before and after each step; `None` where that was not seen.
    #[serde(skip)]
    pub states: Option<States>,
}

/// What the live database is.
#[derive(Clone, Debug)]
struct Facts {
    name: String,
    login: String,
    major: u32,
    in_recovery: bool,
}

impl StepReport {
    fn new(id: &str) -> StepReport {
        StepReport {
            id: id.to_owned(),
            seen: Where::Nowhere,
            why: "it was not run".to_owned(),
            duration_ms: 0.0,
            locks: Vec::new(),
            rewrites: Vec::new(),
            rows: 0,
            wal_bytes: 0,
            temp_bytes: None,
            stand_in: false,
            statements: Vec::new(),
            door: Door::Unknown,
            undo: None,
            blocked: None,
            touched: Vec::new(),
            reached: BTreeSet::new(),
            reaches_all: false,
            lacks: None,
            kept: None,
            moved: BTreeSet::new(),
            hurting_ms: 0.0,
            content_ms: 0.0,
        }
    }
}

impl StepReport {
    fn undo_ms(&self) -> f64 {
        self.undo.as_ref().map_or(0.0, |undo| undo.duration_ms)
    }
}

impl Rehearsal {
    /// What is said of a plan that cannot be read: nothing was run.
    pub fn of_unreadable(name: &str, problems: &[Problem]) -> Rehearsal {
        let mut rehearsal = Rehearsal::new(name, &[]);
        rehearsal.reasons = problems
            .iter()
            .map(|problem| Reason {
                verdict: Verdict::Incomplete,
                step: None,
                place: Some(problem.place.clone()),
                message: problem.message.clone(),
                detail: None,
            })
            .collect();
        rehearsal
    }

    fn new(name: &str, steps: &[plan::Step]) -> Rehearsal {
        Rehearsal {
            plan: name.to_owned(),
            database: String::new(),
            sandbox: None,
            role: String::new(),
            superuser: false,
            server: String::new(),
            began: String::new(),
            verdict: Verdict::Incomplete,
            reasons: Vec::new(),
            mutated: Mutated::None,
            entry: String::new(),
            exit: String::new(),
            watch: Vec::new(),
            concurrent: Vec::new(),
            leaks: Vec::new(),
            steps: steps.iter().map(|step| StepReport::new(&step.id)).collect(),
            blocked_ms: 0.0,
            blocked: Vec::new(),
            notes: Vec::new(),
            own_sequences: BTreeSet::new(),
            inside: Vec::new(),
            look_ms: 0.0,
            logs: content::Logs::new(),
            changes: BTreeSet::new(),
            deltas: Vec::new(),
            ran: Vec::new(),
            states: None,
        }
    }

    fn because(&mut self, verdict: Verdict, step: Option<&str>, message: impl Into<String>) {
        self.reasons.push(Reason {
            verdict,
            step: step.map(str::to_owned),
            place: None,
            message: message.into(),
            detail: None,
        });
    }

    fn judge(&mut self) {
        let has = |verdict| self.reasons.iter().any(|reason| reason.verdict == verdict);
        self.verdict = if has(Verdict::Fail) {
            Verdict::Fail
        } else if has(Verdict::Incomplete) {
            Verdict::Incomplete
        } else {
            Verdict::Pass
        };
    }
}

/// Rehearses a plan on a database. Everything that is found is in the answer; an error is what kept it from
/// being looked for.
pub async fn rehearse(database: &Database, plan: &Plan, options: &Options) -> Result<Rehearsal> {
    let mut rehearsal = Rehearsal::new(&plan.name, &plan.steps);
    rehearsal.notes.extend(plan.notes.iter().cloned());
    for step in &plan.steps {
        for problem in step.obstacles() {
            rehearsal.reasons.push(Reason {
                verdict: Verdict::Fail,
                step: Some(step.id.clone()),
                place: Some(problem.place),
                message: problem.message,
                detail: None,
            });
        }
    }
    let client = database.connect_for_others().await?;
    let row = client
        .one_row(include_str!("../sql/rehearsal/database.sql"), &[])
        .await
        .doing("looking at the database")?;
    let facts = Facts {
        name: row.get("name"),
        login: row.get("login"),
        major: row.get::<_, i32>("major").unsigned_abs(),
        in_recovery: row.get("in_recovery"),
    };
    rehearsal.database.clone_from(&facts.name);
    rehearsal.role = row.get("role");
    rehearsal.superuser = row.get("superuser");
    rehearsal.server = row.get("server");
    rehearsal.began = row.get("now");
    let refused = !rehearsal.reasons.is_empty();
    let programs = (!refused && options.live != Live::First)
        .then(|| Programs::look_for(facts.major, &options.search));
    let (entry, mut tracker) = proof::entry(&client, plan).await?;
    let code_at_entry = CodeRows::look(&client, false).await?;
    rehearsal.look_ms = entry.look_ms;
    rehearsal.entry = entry.root().to_owned();
    let clean = match programs {
        Some(programs) => {
            let (facts, fingerprint) = (&facts, tracker.now());
            let live = rounds::Pattern { database, client: &client, facts, fingerprint };
            rounds::run(live, programs, plan, options, &mut rehearsal).await?
        }
        None => options.live == Live::First,
    };
    match options.live {
        _ if refused || !clean => {}
        Live::Never => {
            for step in &mut rehearsal.steps {
                "nothing was to be run in the live database".clone_into(&mut step.why);
            }
        }
        _ => {
            live::run(database, &client, &mut tracker, plan, &facts, options, &mut rehearsal)
                .await?;
        }
    }
    (options.observer.tell)(&Stage::Proof);
    proof::exit(&client, &entry, &mut tracker, plan, options, &mut rehearsal).await?;
    signed::note(&client, &entry, &code_at_entry, plan, &mut rehearsal).await?;
    what_was_not_seen(plan, options, &mut rehearsal);
    if rehearsal.superuser && rehearsal.steps.iter().any(|step| step.seen == Where::Live) {
        rehearsal.notes.push(format!(
            "{} may do everything in the live database; a role that owns the tables, and no more, is enough",
            rehearsal.role
        ));
    }
    for table in &rehearsal.logs {
        rehearsal.notes.push(format!(
            "{table} gains rows by every change of the schema; no undo takes those back"
        ));
    }
    rehearsal.judge();
    Ok(rehearsal)
}

/// Says of which steps not everything was seen.
fn what_was_not_seen(plan: &Plan, options: &Options, rehearsal: &mut Rehearsal) {
    let failed = rehearsal.reasons.iter().any(|reason| reason.verdict == Verdict::Fail);
    let is_of_a_packet = plan.source == Source::Packet;
    let holds_nothing = |step: &Step| step.does.statements.is_empty();
    for at in 0..plan.steps.len() {
        let report = &rehearsal.steps[at];
        let (seen, id, lacks) = (report.seen, report.id.clone(), report.lacks.clone());
        match (seen, lacks) {
            (Where::Sandbox, Some(lacks)) if !failed => {
                let unwalled =
                    rehearsal.sandbox == Some(Confinement::None) && !options.walls.is_open();
                let more = match options.confined || unwalled {
                    true => "; this sandbox never has rows",
                    false => "",
                };
                let message = format!(
                    "it was seen in the sandbox only, not on all rows: {lacks}{more} ({})",
                    report.why
                );
                rehearsal.because(Verdict::Incomplete, Some(&id), message);
            }
            (Where::Nowhere, _) if rehearsal.reasons.is_empty() => {
                rehearsal.because(Verdict::Incomplete, Some(&id), "it was not seen");
            }
            _ => {}
        }
        if holds_nothing(&plan.steps[at]) {
            // Products that run on several databases keep an empty file where one of these needs no change.
            match is_of_a_packet || plan.steps.iter().all(holds_nothing) {
                true => rehearsal.because(Verdict::Incomplete, Some(&id), "it holds no statement"),
                false => rehearsal.notes.push(format!("{id} holds no statement")),
            }
        }
        if plan.steps[at].undo.is_none() {
            rehearsal.notes.push(format!("no way back was seen for {id}: it has no undo"));
        }
    }
}
