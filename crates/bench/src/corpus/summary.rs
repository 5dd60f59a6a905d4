//! The table: what became of the cases, by product and by reason.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::{Table, presets};

use super::outcome::{Class, Outcome, general};

/// The most cases, or reasons, that a list shows.
const MOST: usize = 30;

/// The outcomes so far, counted; of those that somebody has to look at, the lines.
#[derive(Default)]
pub struct Summary {
    groups: BTreeMap<String, Counts>,
    total: Counts,
    false_passes: Vec<String>,
    live_changes: Vec<String>,
    crashes: Vec<String>,
    false_fails: Vec<String>,
    others: Vec<String>,
    fail_reasons: BTreeMap<String, (usize, String)>,
    reasons: BTreeMap<String, (usize, String)>,
    needless_reasons: BTreeMap<String, (usize, String)>,
    crash_reasons: BTreeMap<String, (usize, String)>,
}

#[derive(Clone, Default)]
struct Counts {
    classes: BTreeMap<Class, usize>,
    cases: usize,
    live_changes: usize,
    statistics: usize,
    seconds: f64,
}

impl Counts {
    fn add(&mut self, outcome: &Outcome) {
        *self.classes.entry(outcome.class).or_default() += 1;
        self.cases += 1;
        self.live_changes += usize::from(!outcome.live_changes.is_empty());
        self.statistics += usize::from(!outcome.statistics.is_empty());
        self.seconds += outcome.seconds;
    }

    fn of(&self, classes: &[Class]) -> usize {
        classes.iter().filter_map(|class| self.classes.get(class)).sum()
    }

    fn cells(&self) -> Vec<String> {
        use Class::{
            Crash, Fail, FalseFail, FalsePass, Incomplete, NeedlessIncomplete, NoOracle, NoSetup,
            Pass, Refused, TooLong,
        };
        [
            self.cases,
            self.of(&[Pass, FalsePass]),
            self.of(&[Fail, FalseFail]),
            self.of(&[Incomplete, NeedlessIncomplete, Refused]),
            self.of(&[FalsePass]),
            self.of(&[FalseFail]),
            self.of(&[NeedlessIncomplete]),
            self.live_changes,
            self.statistics,
            self.of(&[Crash]),
            self.of(&[TooLong]),
            self.of(&[Refused]),
            self.of(&[NoOracle, NoSetup]),
        ]
        .iter()
        .map(usize::to_string)
        .chain([format!("{:.1}", self.seconds)])
        .collect()
    }
}

impl Summary {
    pub fn add(&mut self, outcome: &Outcome) {
        self.groups.entry(outcome.group.clone()).or_default().add(outcome);
        self.total.add(outcome);
        let case = &outcome.case;
        let psql = outcome.psql.as_deref().unwrap_or_default();
        let first = outcome.reasons.first().map_or("", |reason| &reason.message);
        let count = |reasons: &mut BTreeMap<String, (usize, String)>, reason: String| {
            reasons.entry(reason).or_insert((0, case.clone())).0 += 1;
        };
        match outcome.class {
            Class::Pass | Class::Fail | Class::Refused => {}
            Class::FalsePass => self.false_passes.push(format!("{case}: psql: {psql}")),
            Class::FalseFail => {
                count(&mut self.fail_reasons, outcome.reason());
                self.false_fails.push(format!("{case}: {first}"));
            }
            Class::Incomplete => count(&mut self.reasons, outcome.reason()),
            Class::NeedlessIncomplete => count(&mut self.needless_reasons, outcome.reason()),
            Class::Crash | Class::TooLong => {
                let crash = outcome.crash.as_deref().unwrap_or_default();
                count(&mut self.crash_reasons, general(crash));
                self.crashes.push(format!("{case}: {crash}"));
            }
            Class::NoOracle | Class::NoSetup => self.others.push(format!("{case}: {psql}")),
        }
        if outcome.class == Class::Fail && outcome.same_error == Some(false) {
            self.others
                .push(format!("{case}: FAIL, but psql says {psql}, and the rehearsal {first}"));
        }
        for change in &outcome.live_changes {
            self.live_changes.push(format!("{case}: {change}"));
        }
        for left in &outcome.left_behind {
            self.others.push(format!("{case}: left behind: {left}"));
        }
    }

    /// Everything in words.
    pub fn text(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header([
            "",
            "cases",
            "PASS",
            "FAIL",
            "INCOMPLETE",
            "false PASS",
            "false FAIL",
            "INCOMPLETE, psql succeeds",
            "live changes",
            "statistics moved",
            "crashes",
            "too long",
            "refused",
            "no oracle",
            "seconds",
        ]);
        let total = ("total".to_owned(), &self.total);
        for (name, counts) in self.groups.iter().map(|(name, c)| (name.clone(), c)).chain([total]) {
            table.add_row([vec![name], counts.cells()].concat());
        }
        let mut text = format!("{table}\n");
        self.bars(&mut text);
        list(&mut text, "False PASS", &self.false_passes);
        list(&mut text, "Live changes", &self.live_changes);
        list(&mut text, "Crashes and what took too long", &self.crashes);
        by_reason(&mut text, "Crashes, by reason", &self.crash_reasons);
        by_reason(&mut text, "False FAIL, by reason", &self.fail_reasons);
        list(&mut text, "False FAIL", &self.false_fails);
        by_reason(&mut text, "INCOMPLETE where psql succeeds, by reason", &self.needless_reasons);
        by_reason(&mut text, "INCOMPLETE where psql fails, by reason", &self.reasons);
        list(&mut text, "To be looked at", &self.others);
        text
    }

    fn bars(&self, text: &mut String) {
        let share = |classes: &[Class]| {
            100.0 * self.total.of(classes) as f64 / self.total.cases.max(1) as f64
        };
        let (fails, incomplete) = (share(&[Class::FalseFail]), share(&[Class::NeedlessIncomplete]));
        for (name, value, bar) in [
            ("false PASS", self.total.of(&[Class::FalsePass]) as f64, 0.0),
            ("live changes", self.total.live_changes as f64, 0.0),
            ("crashes", self.total.of(&[Class::Crash, Class::TooLong]) as f64, 0.0),
            ("false FAIL, in % of the cases", fails, 1.0),
            ("INCOMPLETE where psql succeeds, in % of the cases", incomplete, 5.0),
        ] {
            let met = if value <= bar { "met" } else { "NOT met" };
            let _ = writeln!(text, "{name}: {value:.1} (bar: {bar}), {met}");
        }
    }
}

fn list(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title} ({})", lines.len());
    for line in lines.iter().take(MOST) {
        let _ = writeln!(text, "  {}", line.replace('\n', " "));
    }
    if lines.len() > MOST {
        let _ = writeln!(text, "  and {} more; --format json has all", lines.len() - MOST);
    }
}

fn by_reason(text: &mut String, title: &str, reasons: &BTreeMap<String, (usize, String)>) {
    if reasons.is_empty() {
        return;
    }
    let mut sorted: Vec<_> = reasons.iter().collect();
    sorted.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    let _ = writeln!(text, "\n{title}");
    for (reason, (count, case)) in sorted.iter().take(MOST) {
        let _ = writeln!(text, "  {count:5}  {reason} (first: {case})");
    }
}
