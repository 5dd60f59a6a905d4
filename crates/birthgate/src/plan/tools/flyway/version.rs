//! A version of Flyway: numbers between dots or underscores; zeros at its end say nothing.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(Vec<u128>);

impl Version {
    pub fn of(text: &str) -> Option<Version> {
        let mut numbers: Vec<u128> = text
            .split(['.', '_'])
            .map(|part| part.parse().ok().filter(|_| !part.starts_with('+')))
            .collect::<Option<_>>()?;
        while numbers.len() > 1 && numbers.last() == Some(&0) {
            numbers.pop();
        }
        Some(Version(numbers))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u128::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}
