//! Waiting for a state, rather than for a time.

use std::time::{Duration, Instant};

/// Longer than anything takes that is still to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until it holds.
///
/// # Panics
///
/// When it does not within a minute.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within a minute");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
