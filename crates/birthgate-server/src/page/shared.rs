//! What is found out once, for all who ask at the same time and a while after.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::failure::Failure;

/// What took long is kept so many times as long, so that finding it out again and again keeps no connection busy.
const SPARING: u32 = 20;

pub struct Shared<T> {
    kept: Mutex<Option<Kept<T>>>,
    at_least: Duration,
    at_most: Duration,
}

struct Kept<T> {
    until: Instant,
    found: Result<T, Failure>,
}

impl<T: Clone> Shared<T> {
    /// Kept for at least and at most so long.
    pub fn new(at_least: Duration, at_most: Duration) -> Shared<T> {
        Shared { kept: Mutex::new(None), at_least, at_most }
    }

    /// What was found out, or is found out now; the others wait for it.
    pub async fn get(
        &self,
        find_out: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| Instant::now() < kept.until) {
            return kept.found.clone();
        }
        let began = Instant::now();
        let found = find_out.await;
        let wait = match &found {
            // A database that comes back is seen at once.
            Err(Failure::Away(_)) => self.at_least.min(Duration::from_secs(1)),
            _ => (began.elapsed() * SPARING).clamp(self.at_least, self.at_most),
        };
        *kept = Some(Kept { until: Instant::now() + wait, found: found.clone() });
        found
    }
}
