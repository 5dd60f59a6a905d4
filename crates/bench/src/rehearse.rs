//! What a rehearsal costs above its bare steps, and a fingerprint beside `pg_dump --schema-only`; and the
//! memory that scripts take that are made to take much.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use birthgate::fingerprint::{self, Scope};
use birthgate::plan;
use birthgate::private_server::Search;
use birthgate::rehearsal::{self, Live, Options, RowBudget, Rows, Verdict, Where};
use clap::Args;
use estate_kb_3a66 as estate;

use crate::births::Result;
use crate::report::{Bar, Report};
use crate::server::{Server, run};

/// The steps that are rehearsed on the estate, and what undoes each.
const STEPS: [(&str, &str); 4] = [
    ("CREATE TABLE bench_new (id bigint PRIMARY KEY, note text)", "DROP TABLE bench_new"),
    (
        "ALTER TABLE dot_tools ADD COLUMN bench_note text",
        "ALTER TABLE dot_tools DROP COLUMN bench_note",
    ),
    ("CREATE FUNCTION bench_f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP FUNCTION bench_f()"),
    ("CREATE INDEX bench_i ON dot_tools (bench_note)", "DROP INDEX bench_i"),
];

/// What to measure.
#[derive(Args)]
pub struct Rehearse {
    /// Runs that count, after one that does not
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Objects beside which the fingerprint is taken, in thousands
    #[arg(long, default_value_t = 40)]
    thousands: usize,
    /// The part of the estate's rows
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
}

impl Rehearse {
    /// Measures everything.
    pub async fn measure(&self) -> Result<Report> {
        let server = Server::start().await?;
        let mut report = Report::of(&server, self.runs).await?;
        self.fingerprints(&server, &mut report).await?;
        self.overhead(&server, &mut report).await?;
        memory(&server, &mut report).await?;
        strangers(&server, self.runs, &mut report).await?;
        packet(&server, &mut report).await?;
        server.stop().await?;
        Ok(report)
    }

    async fn fingerprints(&self, server: &Server, report: &mut Report) -> Result<()> {
        server.database("objects").await?;
        let root = server.connect("objects", "postgres").await?;
        eprintln!("making {} thousand objects", self.thousands);
        make_objects(&root, self.thousands).await?;
        let (mut full, mut gate, mut count) = (Vec::new(), Vec::new(), 0);
        let mut figures = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..=self.runs {
            let dump = pg_dump(server, "objects")?;
            let begun = Instant::now();
            count = fingerprint::take(&root, &Scope::All).await?.objects.len();
            let all = begun.elapsed().as_secs_f64();
            let begun = Instant::now();
            fingerprint::take(&root, &Scope::Gate).await?;
            let gated = begun.elapsed().as_secs_f64();
            eprintln!("run {number}: pg_dump {dump:.2} s, full {all:.2} s, gate {gated:.3} s");
            if number > 0 {
                full.push(dump / all);
                gate.push(dump / gated);
                figures.0.push(dump);
                figures.1.push(all);
                figures.2.push(gated);
            }
        }
        let note = format!(
            "{count} objects: pg_dump {:.2} s, full {:.2} s, gate {:.3} s",
            crate::report::median(&figures.0),
            crate::report::median(&figures.1),
            crate::report::median(&figures.2)
        );
        report.add("pg_dump_vs_full_fingerprint", Bar::AtLeast(2.0), &full, note.clone());
        report.add("pg_dump_vs_gate_fingerprint", Bar::AtLeast(20.0), &gate, note);
        Ok(())
    }

    async fn overhead(&self, server: &Server, report: &mut Report) -> Result<()> {
        server.empty_database("estate").await?;
        let root = server.connect("estate", "postgres").await?;
        eprintln!("building the estate");
        estate::build(&root, self.scale, &mut |_, _, _| {}).await?;
        let folder = tempfile::tempdir()?;
        for (number, (does, undo)) in STEPS.iter().enumerate() {
            std::fs::write(folder.path().join(format!("{number}_step.up.sql")), does)?;
            std::fs::write(folder.path().join(format!("{number}_step.down.sql")), undo)?;
        }
        let plan = plan::read(&[folder.path().to_owned()])?;
        let options = options();
        let database = server.reach("estate", "postgres")?;
        let mut above = Vec::new();
        for number in 0..=self.runs {
            let begun = Instant::now();
            run(&root, "running the bare steps", "BEGIN").await?;
            for (does, _) in STEPS {
                run(&root, "running the bare steps", does).await?;
            }
            run(&root, "running the bare steps", "ROLLBACK").await?;
            let bare = begun.elapsed().as_secs_f64();
            let begun = Instant::now();
            let said = rehearsal::rehearse(&database, &plan, &options).await?;
            let total = begun.elapsed().as_secs_f64();
            if said.verdict != Verdict::Pass {
                return Err(
                    format!("the rehearsal says {:?}: {:?}", said.verdict, said.reasons).into()
                );
            }
            eprintln!("run {number}: bare {bare:.3} s, rehearsed {total:.3} s");
            if number > 0 {
                above.push(total - bare);
            }
        }
        let note = format!("seconds above {} bare steps, live, each with its undo", STEPS.len());
        report.add("seconds_above_the_bare_steps", Bar::AtMost(0.5), &above, note);
        Ok(())
    }
}

/// Makes so many thousand objects.
pub async fn make_objects(root: &tokio_postgres::Client, thousands: usize) -> Result<()> {
    for batch in 0..thousands * 125 / 500 {
        let sql = include_str!("../sql/objects.sql").replace("{from}", &(batch * 500).to_string());
        run(root, "making objects", &sql).await?;
    }
    run(root, "analysing", "VACUUM ANALYZE").await
}

/// The seed's packet on the estate: a sandbox with all rows, then live and on clones.
async fn packet(server: &Server, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir()?;
    estate::write_packet(folder.path())?;
    let plan = plan::read(&[folder.path().to_owned()])?;
    let options = Options {
        rows: Rows::All,
        live: Live::AfterSandbox,
        max_block: Duration::from_millis(200),
        max_time: Duration::from_secs(600),
        search: Search {
            path: std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect(),
            ..Search::default()
        },
        ..options()
    };
    let begun = Instant::now();
    let said = rehearsal::rehearse(&server.reach("estate", "postgres")?, &plan, &options).await?;
    let seconds = begun.elapsed().as_secs_f64();
    if said.verdict != Verdict::Pass {
        return Err(format!("the packet: {:?}: {:?}", said.verdict, said.reasons).into());
    }
    let clones = said.steps.iter().filter(|step| step.seen == Where::Clone).count();
    let note = format!("{} steps, {clones} of them on clones; one run", said.steps.len());
    report.add("seconds_for_the_whole_packet", Bar::AtMost(60.0), &[seconds], note);
    Ok(())
}

/// The most memory that the rehearsal of a large script takes beyond what was taken before, in MB.
async fn memory(server: &Server, report: &mut Report) -> Result<()> {
    const LITERAL: usize = 100;
    server.empty_database("memory").await?;
    let literal = || format!("SELECT length('{}')", "x".repeat(LITERAL * 1_000_000));
    let notices = "DO $$ BEGIN FOR i IN 1..1000000 LOOP RAISE NOTICE '%', i; END LOOP; END $$";
    let scripts: [(&'static str, f64, String); 4] = [
        ("mb_for_50_000_statements", 200.0, "SELECT 1;\n".repeat(50_000)),
        ("mb_for_a_million_notices", 50.0, notices.to_owned()),
        ("mb_for_ten_million_rows", 50.0, "SELECT generate_series(1, 10000000)".to_owned()),
        ("mb_for_100_mb_in_a_literal", 10.0 * LITERAL as f64, literal()),
    ];
    let database = server.reach("memory", "postgres")?;
    for (name, bar, script) in scripts {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("1.up.sql");
        std::fs::write(&file, &script)?;
        drop(script);
        let before = resident_mb("VmRSS")?;
        // What VmHWM says from here on is the most since now.
        std::fs::write("/proc/self/clear_refs", "5")?;
        let begun = Instant::now();
        let options = Options { max_time: Duration::from_secs(600), ..options() };
        let said = rehearsal::rehearse(&database, &plan::read(&[file])?, &options).await?;
        let seconds = begun.elapsed().as_secs_f64();
        if said.verdict != Verdict::Pass {
            return Err(format!("{name}: {:?}: {:?}", said.verdict, said.reasons).into());
        }
        let most = (resident_mb("VmHWM")? - before).max(0.0);
        eprintln!("{name}: {most:.0} MB, {seconds:.1} s");
        report.add(name, Bar::AtMost(bar), &[most], format!("{seconds:.1} s; one run, live"));
    }
    Ok(())
}

/// What a file does, and what undoes it.
type Files = (String, String);

/// What strangers rehearse first, as they would: one file, a folder of many, one column beside thousands of tables,
/// and a dump's rows.
async fn strangers(server: &Server, runs: usize, report: &mut Report) -> Result<()> {
    const TABLES: &str = "DO $$ BEGIN FOR i IN 0..4999 LOOP
           EXECUTE format('CREATE TABLE t%s (id bigint PRIMARY KEY, a int, b text, c text, d timestamptz, e int, f numeric, g boolean, h text, parent bigint %s)',
                          i, CASE WHEN i > 0 THEN format('REFERENCES t%s', i - 1) END);
           EXECUTE format('CREATE INDEX ON t%s (a)', i);
         END LOOP; END $$";
    server.empty_database("small").await?;
    server.empty_database("wide").await?;
    let wide = server.connect("wide", "postgres").await?;
    eprintln!("making 5,000 tables");
    run(&wide, "making tables", TABLES).await?;
    run(&wide, "analysing", "VACUUM ANALYZE").await?;
    let table = |at: usize| {
        (
            format!(
                "CREATE TABLE n{at} (id bigint PRIMARY KEY, name text); CREATE INDEX ON n{at} (name)"
            ),
            format!("DROP TABLE n{at}"),
        )
    };
    let column = "ALTER TABLE t77 ADD COLUMN added int";
    let insert = |at: usize| {
        format!(
            "INSERT INTO big VALUES ({at}, 'some text of row {at}', 'and some more text of it, to fill a hundred bytes');\n"
        )
    };
    let rows: String = (0..300_000).map(insert).collect();
    let rows = format!("CREATE TABLE big (id int, a text, b text);\n{rows}");
    let one = ("CREATE TABLE one (a int)".to_owned(), "DROP TABLE one".to_owned());
    let wide = (column.to_owned(), "ALTER TABLE t77 DROP COLUMN added".to_owned());
    let cases: [(&'static str, f64, &str, Vec<Files>); 4] = [
        ("seconds_for_one_file", 0.4, "small", vec![one]),
        ("seconds_for_300_files", 30.0, "small", (0..300).map(table).collect()),
        ("seconds_beside_5_000_tables", 5.0, "wide", vec![wide]),
        ("seconds_for_300_000_inserts", 60.0, "small", vec![(rows, String::new())]),
    ];
    for (name, bar, database, files) in cases {
        let folder = tempfile::tempdir()?;
        for (at, (does, undo)) in files.iter().enumerate() {
            std::fs::write(folder.path().join(format!("{at:04}_n.up.sql")), does)?;
            if !undo.is_empty() {
                std::fs::write(folder.path().join(format!("{at:04}_n.down.sql")), undo)?;
            }
        }
        drop(files);
        let plan = plan::read(&[folder.path().to_owned()])?;
        let options = Options {
            rows: Rows::Auto(RowBudget::default()),
            live: Live::AfterSandbox,
            max_time: Duration::from_secs(600),
            sandbox_time: Duration::from_secs(600),
            search: Search {
                path: std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect(),
                ..Search::default()
            },
            ..options()
        };
        let database = server.reach(database, "postgres")?;
        let mut taken = Vec::new();
        for number in 0..=runs.min(3) {
            let begun = Instant::now();
            let said = rehearsal::rehearse(&database, &plan, &options).await?;
            if said.verdict != Verdict::Pass {
                return Err(format!("{name}: {:?}: {:?}", said.verdict, said.reasons).into());
            }
            let seconds = begun.elapsed().as_secs_f64();
            eprintln!("{name}: {seconds:.2} s");
            if number > 0 {
                taken.push(seconds);
            }
        }
        report.add(name, Bar::AtMost(bar), &taken, "with --rows auto and each way back".to_owned());
    }
    Ok(())
}

/// A line of this process's status, in MB.
fn resident_mb(name: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")
        .map_err(|error| format!("memory is measured on Linux only: {error}"))?;
    let line = status.lines().find(|line| line.starts_with(name)).ok_or("no such line")?;
    let kilobytes: f64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
    Ok(kilobytes / 1e3)
}

/// How the steps are rehearsed here.
fn options() -> Options {
    Options {
        rows: Rows::None,
        live: Live::First,
        max_block: Duration::from_millis(500),
        max_time: Duration::from_secs(60),
        sandbox_time: Duration::from_secs(300),
        max_clone: 2_000_000_000,
        burns: Vec::new(),
        search: Search::default(),
        folder: std::env::temp_dir(),
        observer: Default::default(),
        strict_columns: false,
        confined: false,
        walls: Default::default(),
    }
}

/// How long pg_dump takes for the schema.
pub fn pg_dump(server: &Server, database: &str) -> Result<f64> {
    let begun = Instant::now();
    let status = Command::new("pg_dump")
        .args(["--schema-only", "--username=postgres", "--host"])
        .arg(server.socket_folder())
        .arg(database)
        .stdout(Stdio::null())
        .status()?;
    match status.success() {
        true => Ok(begun.elapsed().as_secs_f64()),
        false => Err("pg_dump failed".into()),
    }
}
