//! When a service runs: cron, in UTC.

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use serde::Deserialize;

/// The most that is slept at once, so that a clock that was set is noticed.
const NAP: Duration = Duration::from_secs(30);

/// A schedule: five fields of cron, or six with seconds first. Always in UTC.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Schedule(Cron);

impl TryFrom<String> for Schedule {
    type Error = String;

    fn try_from(text: String) -> Result<Schedule, String> {
        text.parse()
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Schedule, String> {
        let parser = CronParser::builder().seconds(Seconds::Optional).build();
        let cron = parser
            .parse(text)
            .map_err(|error| format!("{text:?} is no schedule of cron: {error}"))?;
        // One that never comes is a mistake.
        let schedule = Schedule(cron);
        match schedule.next(Utc::now()) {
            Some(_) => Ok(schedule),
            None => Err(format!("{text:?} never comes")),
        }
    }
}

impl Schedule {
    /// When it comes next, after a time.
    pub fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.0.find_next_occurrence(&after, false).ok()
    }

    /// Waits until it comes, and then for a random part of the jitter.
    pub(crate) async fn wait(&self, jitter: Duration) {
        let Some(next) = self.next(Utc::now()) else {
            return std::future::pending().await;
        };
        while let Ok(left) = (next - Utc::now()).to_std()
            && !left.is_zero()
        {
            tokio::time::sleep(left.min(NAP)).await;
        }
        tokio::time::sleep(jitter.mul_f64(fastrand::f64())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;
    use chrono::{TimeZone, Utc};

    #[test]
    fn comes_in_utc_with_or_without_seconds() {
        let at = |day, hour, minute, second| {
            Utc.with_ymd_and_hms(2026, 3, day, hour, minute, second).single()
        };
        // The night in which clocks are set forward elsewhere.
        let next = |text: &str| text.parse::<Schedule>().ok()?.next(at(29, 0, 59, 55)?);
        assert_eq!(next("*/10 * * * * *"), at(29, 1, 0, 0));
        assert_eq!(next("30 2 * * *"), at(29, 2, 30, 0));
    }

    #[test]
    fn what_is_no_schedule_or_never_comes_is_refused() {
        assert!("now and then".parse::<Schedule>().is_err());
        assert!("0 0 30 2 *".parse::<Schedule>().is_err());
    }
}
