//! How far a rehearsal is: one line that changes on a terminal, a line for each step elsewhere.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use birthgate::plan::Plan;
use birthgate::rehearsal::{Observer, Stage, Where};
use indicatif::ProgressBar;

use crate::error::{CommandError, Kind};

/// What is shown of a rehearsal that goes on.
#[derive(Clone)]
pub struct Progress {
    name: String,
    bar: ProgressBar,
    begun: Instant,
    now: Arc<Mutex<Now>>,
}

/// Where it is.
#[derive(Default)]
struct Now {
    text: String,
    since: Option<Instant>,
    done: usize,
    of: usize,
    place: Option<Where>,
}

impl Now {
    /// The stage that ends, with how long it took.
    fn ended(&self) -> Option<String> {
        let took = self.since?.elapsed().as_secs_f64();
        Some(format!("{} {took:.1} s", self.text))
    }
}

impl Progress {
    /// Begins to show it.
    pub fn begin(plan: &Plan) -> Progress {
        let bar = match std::io::stderr().is_terminal() {
            true => ProgressBar::new_spinner(),
            false => ProgressBar::hidden(),
        };
        bar.enable_steady_tick(Duration::from_millis(100));
        let now = Arc::new(Mutex::new(Now { of: plan.steps.len(), ..Now::default() }));
        Progress { name: plan.name.clone(), bar, begun: Instant::now(), now }
    }

    /// What the rehearsal tells.
    pub fn observer(&self) -> Observer {
        let progress = self.clone();
        Observer { tell: Arc::new(move |stage| progress.show(stage)) }
    }

    fn show(&self, stage: &Stage<'_>) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        self.tell(&now);
        now.place = None;
        now.text = match stage {
            Stage::Sandbox => "making the sandbox,".to_owned(),
            Stage::Rows => "copying rows into the sandbox,".to_owned(),
            Stage::Proof => "comparing the live database with what it was,".to_owned(),
            Stage::Step { at, of, id, place } => {
                (now.done, now.of, now.place) = (*at, *of, Some(*place));
                format!("step {}/{of}, {id}, {}", at + 1, word(*place))
            }
        };
        now.since = Some(Instant::now());
        self.bar.set_message(now.text.clone());
    }

    /// A line for what ends now, where no terminal shows it anyway.
    fn tell(&self, now: &Now) {
        if let (true, Some(line)) = (self.bar.is_hidden(), now.ended()) {
            eprintln!("{line}");
        }
    }

    /// Ends it.
    pub fn end(&self) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        self.tell(&now);
        now.since = None;
        self.bar.finish_and_clear();
        let took = self.begun.elapsed().as_secs_f64();
        eprintln!("\x1b[2m{took:>8.2} s  rehearsed {}\x1b[0m", self.name);
    }

    /// What is said when somebody ended it.
    pub fn stopped(&self) -> CommandError {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, of) = (now.done, now.of);
        let was = match now.place {
            Some(Where::Live | Where::Clone) => {
                format!("stopped at step {} of {of} in the live database", done + 1)
            }
            Some(_) => format!("stopped at step {} of {of} in the sandbox", done + 1),
            None => "stopped before the first step, or between two".to_owned(),
        };
        CommandError {
            kind: Kind::Unknown,
            message: was,
            detail: None,
            hint: Some(
                "nothing was changed: the server rolls back what was open, and the sandbox is removed. There is no verdict; rehearse again"
                    .to_owned(),
            ),
        }
    }
}

fn word(place: Where) -> &'static str {
    match place {
        Where::Live => "live database",
        Where::Clone => "clones",
        Where::Sandbox => "sandbox",
        Where::Nowhere => "nowhere",
    }
}
