//! A corpus of other people's SQL: each case is rehearsed on a fresh database, the live state is looked at from
//! outside before and after, and psql runs the same on a copy.

mod cases;
mod child;
mod ground;
mod look;
mod outcome;
mod summary;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use cases::{Case, Part, Step};
use child::How;
use ground::{Ground, Said};
use outcome::{Answer, Class, Outcome, Verdict, names_error};
use summary::Summary;

use crate::births::Result;
use crate::report::Format;

/// The databases of a case.
const LIVE: &str = "corpus_live";
const COPY: &str = "corpus_copy";
const UNDONE: &str = "corpus_undone";

/// What to rehearse.
#[derive(Args)]
#[group(skip)]
#[command(after_help = "\
What is a case: a folder with sqitch.plan; a folder with two or more .sql files whose names all begin with a
number, or with V or R as Flyway has it; a folder with two or more numbered subfolders that hold up.sql or
migration.sql (Diesel, Prisma), whose files are given in order. Anywhere else each .sql file is one. Files that
undo another (.down.sql, .undo.sql, down.sql, U1__name.sql) are none. psql first runs the setup.sql of a folder of
single files before each of them, and NAME.setup.sql beside a tool's folder NAME before that.

What psql does to compare: it runs the files in order with ON_ERROR_STOP, each in one transaction where the name
or the marks are a tool's that does so (golang-migrate, sqlx, Flyway, dbmate, goose, sql-migrate) unless the
server says that this cannot run in one, else each statement by itself.

False PASS: psql fails, or the way back was run as well where a file holds both. False FAIL: psql succeeds, and no undo that the FAIL names is wrong: each is run by psql
and the dumps of the schema before and after are compared. Live changes: rows of all tables and catalogs,
sequences, settings, roles, databases, slots, prepared transactions, advisory locks, files of the data folder that
are not relations', and the canary folder. The planner's figures in pg_class, which ROLLBACK does not take back, are
counted apart.")]
pub struct Corpus {
    /// The folder with the cases
    dir: PathBuf,
    /// Only cases whose name holds this
    #[arg(long)]
    only: Option<String>,
    /// Of the cases only each Nth
    #[arg(long, value_name = "N", default_value_t = 1)]
    every: usize,
    /// The program to test [default: the one beside this one]
    #[arg(long, value_name = "PATH")]
    birthgate: Option<PathBuf>,
    /// SQL that psql runs before each case: a file, or all files of a folder
    #[arg(long, value_name = "FILE|DIR")]
    before: Option<PathBuf>,
    /// Apply the first half of a folder with psql, and rehearse the rest
    #[arg(long, group = "part")]
    half: bool,
    /// Rehearse each file of a folder alone, on what psql made with the files before it
    #[arg(long, group = "part")]
    next: bool,
    /// Rehearse every file alone, those of tools' folders too
    #[arg(long, group = "part")]
    single: bool,
    /// Work as a role that owns the database and is no superuser
    #[arg(long)]
    as_owner: bool,
    /// How long a case may take, in seconds; psql may take as long for a file
    #[arg(long, value_name = "S", default_value_t = 60)]
    limit: u64,
    /// How much memory a rehearsal may have, in MB of address space for each of its programs
    #[arg(long, value_name = "MB", default_value_t = 8192)]
    memory: u64,
    /// A folder to watch besides, made and emptied here: where hostile cases try to write
    #[arg(long, value_name = "DIR", default_value = "/tmp/birthgate-canary")]
    canary: PathBuf,
    /// More arguments for `birthgate rehearse`
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Corpus {
    /// Rehearses all cases. JSON: a line on stdout for each, and the table on stderr.
    pub async fn run(&self, format: Format) -> Result<()> {
        let cases = self.cases()?;
        let birthgate = self.program()?;
        let mut summary = Summary::default();
        let mut ground: Option<Prepared> = None;
        for (number, case) in cases.iter().enumerate() {
            let prepared = match ground.take() {
                Some(mut prepared) if prepared.leads_to(case) => {
                    let rest = &case.before[prepared.before.len()..];
                    if !rest.is_empty() {
                        prepared.said = prepared.ground.prepare(rest, self.next).await?;
                        prepared.before = files(&case.before);
                    }
                    prepared
                }
                other => {
                    if let Some(Prepared { ground, .. }) = other {
                        ground.stop().await?;
                    }
                    self.prepare(case).await?
                }
            };
            let (outcome, kept) = self.rehearse(&birthgate, case, prepared).await?;
            ground = kept;
            let counted = format!("{}/{}", number + 1, cases.len());
            eprintln!("{counted} {:?} {:.1} s {}", outcome.class, outcome.seconds, outcome.case);
            summary.add(&outcome);
            if format == Format::Json {
                println!("{}", serde_json::to_string(&outcome)?);
            }
        }
        if let Some(Prepared { ground, .. }) = ground {
            ground.stop().await?;
        }
        match format {
            Format::Text => println!("{}", summary.text()),
            Format::Json => eprintln!("{}", summary.text()),
        }
        Ok(())
    }

    fn cases(&self) -> Result<Vec<Case>> {
        let part = match (self.half, self.next, self.single) {
            (true, ..) => Part::Half,
            (_, true, _) => Part::Next,
            (.., true) => Part::Single,
            _ => Part::Whole,
        };
        let before = match &self.before {
            Some(path) => cases::scripts(&path.canonicalize()?)?,
            None => Vec::new(),
        };
        let mut cases = cases::find(&self.dir.canonicalize()?, part, &before)?;
        cases
            .retain(|case| self.only.as_ref().is_none_or(|only| case.name.contains(only.as_str())));
        let cases: Vec<Case> = cases.into_iter().step_by(self.every.max(1)).collect();
        match cases.is_empty() {
            true => Err(format!("{} holds no such .sql file", self.dir.display()).into()),
            false => Ok(cases),
        }
    }

    fn program(&self) -> Result<PathBuf> {
        let program = match &self.birthgate {
            Some(program) => program.clone(),
            None => std::env::current_exe()?.with_file_name("birthgate"),
        };
        let missing = |error| {
            let shown = program.display();
            format!("{shown}: {error}; build it (`cargo build --release`) or name it: --birthgate")
        };
        Ok(program.canonicalize().map_err(missing)?)
    }

    /// A new server whose base has what comes before the case.
    async fn prepare(&self, case: &Case) -> Result<Prepared> {
        let limit = Duration::from_secs(self.limit);
        let mut ground = Ground::start(&self.canary, self.as_owner, limit).await?;
        let said = ground.prepare(&case.before, self.next).await?;
        Ok(Prepared { ground, before: files(&case.before), said })
    }

    /// Rehearses a case. Gives back the ground where the next case may use it.
    async fn rehearse(
        &self,
        birthgate: &Path,
        case: &Case,
        prepared: Prepared,
    ) -> Result<(Outcome, Option<Prepared>)> {
        let Prepared { mut ground, mut before, said } = prepared;
        let mut outcome = Outcome::new(case);
        if !matches!(said, Said::Done) {
            outcome.psql = said.words();
            return Ok((outcome, Some(Prepared { ground, before, said })));
        }
        ground.copy(LIVE).await?;
        ground.copy(COPY).await?;
        let answer = self.run_birthgate(birthgate, case, &ground, &mut outcome).await?;
        ground.clear_canary()?;

        let begun = Instant::now();
        let psql = ground.run(COPY, &case.steps).await?;
        outcome.psql_seconds = begun.elapsed().as_secs_f64();
        if let Answer::Verdict { verdict: Verdict::Fail, reasons, .. } = &answer
            && matches!(psql, Said::Done)
        {
            outcome.undo = wrong_undo(&ground, case, reasons).await?;
        }
        outcome.class = Class::of(&answer, &psql, &case.steps, outcome.undo.is_some());
        outcome.psql = psql.words();
        outcome.say(answer, &psql);

        ground.drop(LIVE).await?;
        ground.clear_canary()?;
        match psql {
            Said::Done if self.next => ground.keep(COPY).await?,
            _ => ground.drop(COPY).await?,
        }
        if self.next {
            // A file that fails leaves the base as it is.
            before.extend(files(&case.steps));
        }
        if ground.is_clean().await? {
            return Ok((outcome, Some(Prepared { ground, before, said: Said::Done })));
        }
        ground.stop().await?;
        Ok((outcome, None))
    }

    /// Runs the program, and looks at the live state before and after.
    async fn run_birthgate(
        &self,
        birthgate: &Path,
        case: &Case,
        ground: &Ground,
        outcome: &mut Outcome,
    ) -> Result<Answer> {
        let before = ground.look(LIVE).await?;
        let home = ground.home.path();
        let mut command = child::command_within(birthgate, home, self.memory);
        command.args(["rehearse", "--format", "json", "--database-url", &ground.url(LIVE)]);
        command.args(&self.arguments).arg("--").args(&case.paths);
        let ended = child::run(command, ground.limit).await?;
        outcome.seconds = ended.seconds;
        let sessions = ground.sessions(LIVE).await?;
        if sessions > 0 {
            outcome.left_behind.push(format!("{sessions} sessions"));
        }
        if !matches!(ended.how, How::TooLong { .. }) {
            for entry in std::fs::read_dir(home.join("tmp"))? {
                let path = entry?.path();
                outcome.left_behind.push(path.display().to_string());
                // So that the next case is not blamed for it.
                if path.is_dir() {
                    std::fs::remove_dir_all(path)?;
                } else {
                    std::fs::remove_file(path)?;
                }
            }
        }
        let after = ground.look(LIVE).await?;
        let is_statistics = |change: &String| change.starts_with(look::STATISTICS);
        let (statistics, changed) =
            before.differences(&after).into_iter().partition::<Vec<_>, _>(is_statistics);
        outcome.statistics = statistics;
        outcome.live_changes.clone_from(&changed);
        let relations = changed.iter().filter_map(|change| change.strip_prefix("rows of "));
        for relation in relations.filter_map(|rest| rest.split_once(": ")).map(|(name, _)| name) {
            outcome.live_changes.extend(ground.changed_rows(COPY, LIVE, relation).await?);
        }
        Ok(Answer::of(&ended))
    }
}

/// A server, what was run in its base, and what psql said of that.
struct Prepared {
    ground: Ground,
    before: Vec<PathBuf>,
    said: Said,
}

impl Prepared {
    /// Whether the case begins where this base is, or later.
    fn leads_to(&self, case: &Case) -> bool {
        files(&case.before).starts_with(&self.before)
    }
}

impl Outcome {
    fn new(case: &Case) -> Outcome {
        Outcome {
            case: case.name.clone(),
            group: case.group.clone(),
            class: Class::NoSetup,
            files: case.steps.len(),
            verdict: None,
            reasons: Vec::new(),
            mutated: None,
            crash: None,
            psql: None,
            same_error: None,
            live_changes: Vec::new(),
            statistics: Vec::new(),
            left_behind: Vec::new(),
            undo: None,
            seconds: 0.0,
            psql_seconds: 0.0,
        }
    }

    fn say(&mut self, answer: Answer, psql: &Said) {
        match answer {
            Answer::Verdict { verdict, reasons, mutated, .. } => {
                if verdict == Verdict::Fail {
                    self.same_error = names_error(&reasons, psql);
                }
                (self.verdict, self.reasons, self.mutated) = (Some(verdict), reasons, mutated);
            }
            Answer::Crash(what) => self.crash = Some(what),
            Answer::TooLong { ended_on_interrupt: true } => {
                self.crash = Some("too long; it ended on SIGINT".to_owned());
            }
            Answer::TooLong { ended_on_interrupt: false } => {
                self.crash = Some("too long; it did not end on SIGINT within 5 s".to_owned());
            }
        }
    }
}

/// What is wrong with an undo that a FAIL names, if psql and pg_dump see it too.
async fn wrong_undo(
    ground: &Ground,
    case: &Case,
    reasons: &[outcome::Reason],
) -> Result<Option<String>> {
    let is_about_undo = |reason: &&outcome::Reason| {
        reason.verdict == Verdict::Fail && reason.message.contains("undo")
    };
    let named: Vec<&str> =
        reasons.iter().filter(is_about_undo).filter_map(|reason| reason.step.as_deref()).collect();
    if named.is_empty() {
        return Ok(None);
    }
    let is_named = |step: &Step| {
        let file = step.file.display().to_string();
        named.iter().any(|id| file.contains(id))
    };
    ground.copy(UNDONE).await?;
    let mut found = None;
    for step in &case.steps {
        let file = step.file.display();
        let run = |script| ground.run_script(UNDONE, &step.file, script, step.transaction);
        if let (Some(undo), true) = (&step.undo, is_named(step)) {
            let before = ground.schema(UNDONE).await?;
            run(&step.does).await?;
            if let Some(said) = run(undo).await?.words() {
                found = Some(format!("the undo of {said}"));
                break;
            }
            let after = ground.schema(UNDONE).await?;
            if before != after {
                let line = before.iter().find(|line| !after.contains(line));
                let line = line.or_else(|| after.iter().find(|line| !before.contains(line)));
                let line = line.map_or("", String::as_str);
                found = Some(format!("the undo of {file} does not restore the schema: {line}"));
                break;
            }
        }
        if let Some(said) = run(&step.does).await?.words() {
            found = Some(format!("after its undo {said}"));
            break;
        }
    }
    ground.drop(UNDONE).await?;
    Ok(found)
}

fn files(steps: &[Step]) -> Vec<PathBuf> {
    steps.iter().map(|step| step.file.clone()).collect()
}
