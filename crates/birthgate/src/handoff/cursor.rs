//! How far a sink has come: the last birth and the last change that it has, each with the hash of its content. A database that
//! was restored may give the same ids to other rows; the hashes tell.

use super::fence::Settled;
use std::fmt;
use std::str::FromStr;

/// A row that was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its id.
    pub id: i64,
    /// The hash of what never changes of it, 16 hexadecimal digits.
    pub hash: String,
}

/// How far a sink has come; the default is nowhere. As text: `birth/change`, each `id-hash` or `-`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The last birth.
    pub birth: Option<Mark>,
    /// The last change.
    pub change: Option<Mark>,
}

impl Cursor {
    /// The id after which births are still to come.
    pub(crate) fn births(&self) -> i64 {
        self.birth.as_ref().map_or(i64::MIN, |mark| mark.id)
    }

    /// The id after which changes are still to come.
    pub(crate) fn changes(&self) -> i64 {
        self.change.as_ref().map_or(i64::MIN, |mark| mark.id)
    }
}

impl Cursor {
    /// How many ids are settled beyond it; an id need not have an event.
    pub fn behind(&self, settled: Settled) -> u64 {
        let behind = |settled: i64, done: i64| settled.max(0).saturating_sub(done.max(0));
        let ids = behind(settled.births, self.births()).max(0)
            + behind(settled.changes, self.changes()).max(0);
        ids.unsigned_abs()
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.id, self.hash)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.birth {
            Some(mark) => write!(f, "{mark}/")?,
            None => write!(f, "-/")?,
        }
        match &self.change {
            Some(mark) => write!(f, "{mark}"),
            None => write!(f, "-"),
        }
    }
}

impl FromStr for Mark {
    type Err = ();

    fn from_str(text: &str) -> Result<Mark, ()> {
        let (id, hash) = text.rsplit_once('-').ok_or(())?;
        let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        match id.parse() {
            Ok(id) if is_hash => Ok(Mark { id, hash: hash.to_owned() }),
            _ => Err(()),
        }
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Cursor, ()> {
        let (birth, change) = text.split_once('/').ok_or(())?;
        let mark = |text: &str| match text {
            "-" => Ok(None),
            text => text.parse().map(Some),
        };
        Ok(Cursor { birth: mark(birth)?, change: mark(change)? })
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Mark};

    #[test]
    fn is_read_as_it_is_written() {
        let mark = |id| Some(Mark { id, hash: "0123456789abcdef".to_owned() });
        for cursor in [
            Cursor::default(),
            Cursor { birth: mark(7), change: None },
            Cursor { birth: mark(-7), change: mark(i64::MAX) },
        ] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for bad in ["", "-", "7/8", "7-xyz/-", "7-0123456789abcdeg/-", "x-0123456789abcdef/-"] {
            assert_eq!(bad.parse::<Cursor>(), Err(()), "{bad}");
        }
    }
}
