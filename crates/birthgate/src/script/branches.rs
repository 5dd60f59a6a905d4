//! `\if`, `\elif`, `\else` and `\endif`: which parts of a file psql runs.

/// The conditions that a place of a file lies within.
#[derive(Debug, Default)]
pub(super) struct Branches(Vec<Branch>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Branch {
    /// This part runs.
    Taken,
    /// A later part may.
    NotYet,
    /// No other part does: one has, or what is around does not.
    Done,
}

/// A command of these, with what its condition says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conditional {
    If(bool),
    Elif(bool),
    Else,
    Endif,
}

impl Branches {
    /// Whether psql runs what stands here.
    pub fn run(&self) -> bool {
        self.0.last().is_none_or(|branch| *branch == Branch::Taken)
    }

    /// Whether psql asks for the condition of another part here, or of an `\if`.
    pub fn asks(&self, is_elif: bool) -> bool {
        match is_elif {
            true => self.0.last() == Some(&Branch::NotYet),
            false => self.run(),
        }
    }

    /// Whether an `\if` is still open.
    pub fn are_open(&self) -> bool {
        !self.0.is_empty()
    }

    /// Goes past a command; `false`: no `\if` is open for it.
    pub fn pass(&mut self, conditional: Conditional) -> bool {
        let when = |holds: bool| if holds { Branch::Taken } else { Branch::NotYet };
        match (conditional, self.0.last().copied()) {
            (Conditional::If(holds), _) => {
                self.0.push(if self.run() { when(holds) } else { Branch::Done });
                return true;
            }
            (_, None) => return false,
            (Conditional::Endif, Some(_)) => drop(self.0.pop()),
            (Conditional::Elif(holds), Some(Branch::NotYet)) => self.set(when(holds)),
            (Conditional::Else, Some(Branch::NotYet)) => self.set(Branch::Taken),
            (_, Some(_)) => self.set(Branch::Done),
        }
        true
    }

    fn set(&mut self, branch: Branch) {
        if let Some(last) = self.0.last_mut() {
            *last = branch;
        }
    }
}

/// What psql takes for true or false: a word, a beginning of it, or a number.
pub(super) fn truth(said: &str) -> Option<bool> {
    let said = said.trim().to_ascii_lowercase();
    let begins = |word: &str| !said.is_empty() && word.starts_with(&said);
    match said.as_str() {
        "1" => Some(true),
        "0" => Some(false),
        // "o" is a beginning of both.
        "o" => None,
        _ if begins("true") || begins("yes") || said == "on" => Some(true),
        _ if begins("false") || begins("no") || begins("off") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_runs() {
        use Conditional::{Elif, Else, Endif, If};
        let mut branches = Branches::default();
        for (conditional, runs) in [
            (If(false), false),
            (Elif(true), true),
            (If(true), true),
            (Else, false),
            (If(true), false),
            (Else, false),
            (Endif, false),
            (Endif, true),
            (Elif(true), false),
            (Else, false),
            (Endif, true),
        ] {
            assert!(branches.pass(conditional));
            assert_eq!(branches.run(), runs, "{conditional:?}");
        }
        assert!(!branches.pass(Endif));
        assert!(!branches.are_open());
    }

    #[test]
    fn words_are_true_or_false_as_psql_has_it() {
        for (said, truth_of) in [
            ("tr", Some(true)),
            ("YES", Some(true)),
            ("on", Some(true)),
            ("of", Some(false)),
            ("n", Some(false)),
            ("0", Some(false)),
            ("o", None),
            ("2", None),
            ("", None),
        ] {
            assert_eq!(truth(said), truth_of, "{said}");
        }
    }
}
