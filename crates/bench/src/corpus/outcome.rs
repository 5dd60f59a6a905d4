//! What became of a case: what the rehearsal said beside what psql showed.

use serde::{Deserialize, Serialize};

use super::cases::Step;
use super::child::{Ended, How};
use super::ground::Said;

/// The most reasons that are kept, and the most characters of each.
const MOST_REASONS: usize = 8;
const LONGEST: usize = 400;

/// What the rehearsal said, in the words of its own document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    Pass,
    Fail,
    Incomplete,
}

#[derive(Debug, Deserialize)]
struct Document {
    result: Report,
}

#[derive(Debug, Deserialize)]
struct Report {
    verdict: Verdict,
    reasons: Vec<Reason>,
    mutated: String,
    #[serde(default)]
    steps: Vec<StepReport>,
}

#[derive(Debug, Deserialize)]
struct StepReport {
    #[serde(default)]
    statements: Vec<Place>,
}

/// Where a statement stands that was run.
#[derive(Debug, Deserialize)]
pub struct Place {
    pub path: String,
    pub line: usize,
}

/// Why it is no PASS.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reason {
    pub verdict: Verdict,
    pub step: Option<String>,
    pub message: String,
    #[serde(default)]
    pub detail: Option<String>,
}

/// What the program said.
#[derive(Debug)]
pub enum Answer {
    Verdict {
        verdict: Verdict,
        reasons: Vec<Reason>,
        mutated: Option<String>,
        /// The statements that were run as the way there.
        ran: Vec<Place>,
    },
    Crash(String),
    TooLong {
        ended_on_interrupt: bool,
    },
}

/// What a case shows. FAIL and INCOMPLETE are judged by whether psql could run the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    Pass,
    FalsePass,
    Fail,
    FalseFail,
    Incomplete,
    /// INCOMPLETE although psql runs it.
    NeedlessIncomplete,
    /// INCOMPLETE, and not run: the file bears the marks of a tool that keeps both directions in one.
    Refused,
    Crash,
    TooLong,
    /// psql took too long: nothing to compare with.
    NoOracle,
    /// What comes before it failed.
    NoSetup,
}

/// A case and what became of it: a line of JSON.
#[derive(Debug, Serialize)]
pub struct Outcome {
    pub case: String,
    pub group: String,
    pub class: Class,
    pub files: usize,
    pub verdict: Option<Verdict>,
    pub reasons: Vec<Reason>,
    pub mutated: Option<String>,
    /// What ended the program, where no verdict did.
    pub crash: Option<String>,
    /// What psql said; `None`: it succeeded, or was not run.
    pub psql: Option<String>,
    /// Whether a FAIL names what psql fails with.
    pub same_error: Option<bool>,
    /// What is other in the live state afterwards, seen from outside.
    pub live_changes: Vec<String>,
    /// The planner's figures that are other.
    pub statistics: Vec<String>,
    /// Files and sessions that the program left.
    pub left_behind: Vec<String>,
    /// What is wrong with an undo, seen from outside.
    pub undo: Option<String>,
    pub seconds: f64,
    pub psql_seconds: f64,
}

impl Answer {
    pub fn of(ended: &Ended) -> Answer {
        let code = match ended.how {
            How::Exit(code @ (0 | 3 | 4)) => code,
            How::TooLong { ended_on_interrupt } => return Answer::TooLong { ended_on_interrupt },
            how => return Answer::Crash(format!("{how:?}: {}", last(&ended.err))),
        };
        let expected = match code {
            0 => Verdict::Pass,
            3 => Verdict::Fail,
            _ => Verdict::Incomplete,
        };
        match serde_json::from_str::<Document>(&ended.out) {
            Ok(Document { result }) if result.verdict == expected => Answer::Verdict {
                verdict: expected,
                reasons: kept(result.reasons),
                mutated: Some(result.mutated),
                ran: result.steps.into_iter().flat_map(|step| step.statements).collect(),
            },
            Ok(Document { result }) => {
                Answer::Crash(format!("exit code {code}, but the verdict {:?}", result.verdict))
            }
            // Refused before it was rehearsed.
            Err(_) if ended.out.trim().is_empty() && code != 0 => {
                let reason = Reason {
                    verdict: expected,
                    step: None,
                    message: last(&ended.err),
                    detail: None,
                };
                let reasons = kept(vec![reason]);
                Answer::Verdict { verdict: expected, reasons, mutated: None, ran: Vec::new() }
            }
            Err(error) => Answer::Crash(format!("its JSON cannot be read: {error}")),
        }
    }
}

impl Class {
    /// `undo`: whether an undo was seen to be wrong.
    pub fn of(answer: &Answer, psql: &Said, steps: &[Step], undo: bool) -> Class {
        let is_marked = steps.iter().any(|step| step.back.is_some());
        let verdict = match answer {
            Answer::Crash(_) => return Class::Crash,
            Answer::TooLong { .. } => return Class::TooLong,
            Answer::Verdict { verdict, ran, .. } if ran.iter().any(|at| at.is_back(steps)) => {
                if *verdict == Verdict::Pass {
                    return Class::FalsePass;
                }
                verdict
            }
            Answer::Verdict { verdict: Verdict::Incomplete, ran, .. }
                if is_marked && ran.is_empty() =>
            {
                return Class::Refused;
            }
            Answer::Verdict { verdict, .. } => verdict,
        };
        match (verdict, psql) {
            (_, Said::TooLong { .. }) => Class::NoOracle,
            (Verdict::Pass, Said::Done) => Class::Pass,
            (Verdict::Pass, Said::Failed { .. }) => Class::FalsePass,
            (Verdict::Fail, Said::Done) if !undo => Class::FalseFail,
            (Verdict::Fail, _) => Class::Fail,
            (Verdict::Incomplete, Said::Done) => Class::NeedlessIncomplete,
            (Verdict::Incomplete, Said::Failed { .. }) => Class::Incomplete,
        }
    }
}

impl Place {
    /// Whether it stands in the part of a file that is the way back.
    fn is_back(&self, steps: &[Step]) -> bool {
        steps.iter().any(|step| {
            step.back.is_some_and(|back| self.line > back) && step.file.ends_with(&self.path)
        })
    }
}

impl Outcome {
    /// The first reason for its verdict, without what differs from case to case.
    pub fn reason(&self) -> String {
        let first = self.reasons.iter().find(|reason| Some(reason.verdict) == self.verdict);
        first.map_or_else(|| "no reason".to_owned(), |reason| general(&reason.message))
    }
}

impl Said {
    pub fn words(&self) -> Option<String> {
        match self {
            Said::Done => None,
            Said::Failed { file, sqlstate, message } => {
                Some(format!("{file}: {sqlstate}: {message}"))
            }
            Said::TooLong { file } => Some(format!("{file}: too long")),
        }
    }
}

/// Whether one of these reasons has the message of psql in it.
pub fn names_error(reasons: &[Reason], psql: &Said) -> Option<bool> {
    let Said::Failed { message, .. } = psql else { return None };
    Some(reasons.iter().any(|reason| reason.message.contains(message.as_str())))
}

/// A message without names and numbers.
pub fn general(message: &str) -> String {
    let mut said = String::new();
    let mut quote = None;
    for c in message.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            Some(_) => continue,
            None if matches!(c, '"' | '`' | '“') => {
                quote = Some(if c == '“' { '”' } else { c });
                said.push('…');
            }
            None => said.push(c),
        }
    }
    let is_name = |word: &str| {
        let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
        inner.contains(['_', '.', '/']) || inner.contains(|c: char| c.is_ascii_digit())
    };
    let words = said.split_whitespace().map(|word| if is_name(word) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ").chars().take(140).collect()
}

fn kept(mut reasons: Vec<Reason>) -> Vec<Reason> {
    reasons.truncate(MOST_REASONS);
    for reason in &mut reasons {
        reason.message = reason.message.chars().take(LONGEST).collect();
        reason.detail = reason.detail.take().map(|detail| detail.chars().take(LONGEST).collect());
    }
    reasons
}

/// The error: the lines from the first that says it is one, else the last that say something.
fn last(text: &str) -> String {
    let is_error = |line: &&str| line.starts_with("error") || line.contains("panicked at");
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = lines.iter().position(is_error).unwrap_or(lines.len().saturating_sub(4));
    lines[from..].iter().take(4).copied().collect::<Vec<_>>().join(" / ")
}
