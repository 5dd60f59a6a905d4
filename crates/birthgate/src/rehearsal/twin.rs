//! The copy of a database's schema, roles and settings on a server of our own, and what of it is not like the
//! original.

use std::fmt;
use std::time::Duration;

use crate::fingerprint::{Difference, Fingerprint};

/// An object that the sandbox does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// As the dump's table of contents names it: `TABLE public.t`, `EXTENSION postgis`.
    pub object: String,
    /// Its bare name, as it would stand in a plan.
    pub name: String,
    pub why: Why,
}

/// Why an object is not in the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// This role may not read it, and pg_dump locks what it dumps.
    NoSelect { grant: String },
    /// The extension is not installed on this machine.
    NoExtension { name: String, package: Option<String> },
    /// The plan cannot reach it, as far as its text tells.
    NotNeeded,
    /// The sandbox refused to make it, mostly because of something else that was left out.
    Refused { message: String },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::NoSelect { grant } => write!(f, "this role may not read it: {grant}"),
            Why::NoExtension { name, package: Some(package) } => {
                write!(f, "the extension {name} is not on this machine: apt-get install {package}")
            }
            Why::NoExtension { name, package: None } => write!(
                f,
                "the extension {name} is not on this machine: install it, or name a server that has it with --pg-bin"
            ),
            Why::NotNeeded => f.write_str("nothing in the plan names it"),
            Why::Refused { message } => write!(f, "the sandbox could not make it: {message}"),
        }
    }
}

/// A difference between the live database and its sandbox, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unlike {
    pub difference: Difference,
    pub judgement: Judgement,
}

/// What a difference means for the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Nothing.
    Harmless,
    /// INCOMPLETE, if the plan touches the object; with the reason in words.
    IfTouched { why: String },
}

/// Compares the live database with its sandbox, before the plan runs.
pub(super) fn compare(
    live: &Fingerprint,
    sandbox: &Fingerprint,
    left_out: &[LeftOut],
) -> Vec<Unlike> {
    let _ = left_out;
    live.diff(sandbox)
        .into_iter()
        .map(|difference| Unlike { difference, judgement: Judgement::Harmless })
        .collect()
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoSandbox {
    #[error("a confined sandbox has no rows")]
    RowsOfConfined,
    #[error(transparent)]
    Server(#[from] crate::private_server::Error),
    #[error("the schema could not be copied: {0}")]
    Copy(#[from] crate::error::Error),
    #[error("copying the schema took longer than the sandbox's time limit of {} s", .0.as_secs_f64())]
    OutOfTime(Duration),
}
