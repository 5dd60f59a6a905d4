//! Progress on stderr: a bar on a terminal, a line for each step elsewhere.

pub mod rehearsal;

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// One step that takes a while.
pub struct Step {
    bar: ProgressBar,
    label: String,
    started: Instant,
}

impl Step {
    /// Begins a step.
    pub fn begin(label: &str) -> Step {
        let bar = if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(100));
            bar.set_message(label.to_owned());
            bar
        } else {
            ProgressBar::hidden()
        };
        Step { bar, label: label.to_owned(), started: Instant::now() }
    }

    /// Shows how far it is.
    pub fn advance(&self, what: &str, done: u64, total: u64) {
        if self.bar.length() != Some(total) {
            if let Ok(style) =
                ProgressStyle::with_template("{msg} [{bar:30}] {human_pos}/{human_len}")
            {
                self.bar.set_style(style);
            }
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
        self.bar.set_message(format!("{}: {what}", self.label));
    }

    /// Shows how far it is, where the end is not known.
    pub fn count(&self, what: &str) {
        self.bar.set_message(format!("{}: {what}", self.label));
    }

    /// Ends it; answers how long it took.
    pub fn end(self) -> Duration {
        let took = self.started.elapsed();
        self.bar.finish_and_clear();
        eprintln!("\x1b[2m{:>8.2} s  {}\x1b[0m", took.as_secs_f64(), self.label);
        took
    }
}
