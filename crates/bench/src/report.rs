//! What was measured: ratios, one value a run, and the bars that they should meet.

use std::collections::BTreeMap;

use clap::ValueEnum;
use comfy_table::{Table, presets};
use serde::Serialize;

use crate::births::Result;
use crate::server::Server;

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

/// Where a ratio should be.
#[derive(Clone, Copy, Debug)]
pub enum Bar {
    /// The smaller, the better.
    AtMost(f64),
    /// The greater, the better.
    AtLeast(f64),
}

impl Bar {
    fn met(self, value: f64) -> bool {
        match self {
            Bar::AtMost(bar) => value <= bar,
            Bar::AtLeast(bar) => value >= bar,
        }
    }

    fn words(self) -> String {
        match self {
            Bar::AtMost(bar) => format!("<= {bar}"),
            Bar::AtLeast(bar) => format!(">= {bar}"),
        }
    }
}

/// A ratio over all runs.
#[derive(Debug, Serialize)]
struct Ratio {
    median: f64,
    min: f64,
    max: f64,
    bar: String,
    met: bool,
    /// Which way of ours was taken, and its own figures in words.
    note: String,
}

/// What must be known to read the ratios.
#[derive(Debug, Serialize)]
pub struct Settings {
    /// The server's.
    pub fsync: String,
    /// The server's.
    pub version: String,
    /// Runs that count.
    pub runs: usize,
    /// Births in one bulk; none where nothing is done in bulk.
    pub births: Option<i64>,
    /// Births that are there already, in the larger of the two databases of the growth.
    pub growth: Option<i64>,
}

/// Everything that was measured.
#[derive(Debug)]
pub struct Report {
    ratios: BTreeMap<String, Ratio>,
    settings: Settings,
}

impl Report {
    /// An empty one.
    pub fn new(settings: Settings) -> Report {
        Report { ratios: BTreeMap::new(), settings }
    }

    /// An empty one, of what is done neither in bulk nor beside a growing table.
    pub async fn of(server: &Server, runs: usize) -> Result<Report> {
        Ok(Report::new(Settings {
            fsync: server.setting("fsync").await?,
            version: server.setting("server_version").await?,
            runs,
            births: None,
            growth: None,
        }))
    }

    /// Adds a ratio: one value a run.
    pub fn add(&mut self, name: impl Into<String>, bar: Bar, runs: &[f64], note: String) {
        let middle = median(runs);
        let ratio = Ratio {
            median: rounded(middle),
            min: rounded(runs.iter().copied().fold(f64::INFINITY, f64::min)),
            max: rounded(runs.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            bar: bar.words(),
            met: bar.met(middle),
            note,
        };
        self.ratios.insert(name.into(), ratio);
    }

    /// Prints it on stdout.
    pub fn print(&self, command: &str, format: Format) -> Result<()> {
        match format {
            Format::Text => println!("{}", self.table()),
            Format::Json => {
                let mut result = serde_json::to_value(&self.ratios)?;
                result["settings"] = serde_json::to_value(&self.settings)?;
                let document = serde_json::json!({
                    "schema": "birthgate/bench/1", "command": command, "result": result,
                });
                println!("{}", serde_json::to_string_pretty(&document)?);
            }
        }
        Ok(())
    }

    fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_preset(presets::NOTHING)
            .set_header(["name", "median", "min", "max", "bar", "met?", "how"]);
        for (name, ratio) in &self.ratios {
            table.add_row([
                name.clone(),
                format!("{:.2}", ratio.median),
                format!("{:.2}", ratio.min),
                format!("{:.2}", ratio.max),
                ratio.bar.clone(),
                if ratio.met { "yes" } else { "no" }.to_owned(),
                ratio.note.clone(),
            ]);
        }
        let Settings { fsync, version, runs, births, growth } = &self.settings;
        let bulks = births.map_or(String::new(), |births| format!(", bulks of {births}"));
        let growth = growth.map_or(String::new(), |growth| format!(", growth to {growth}"));
        format!("{table}\nPostgreSQL {version}, fsync {fsync}, {runs} runs{bulks}{growth}")
    }
}

/// The middle of the values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
