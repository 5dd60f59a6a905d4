//! What a copy does not have like its original, and what that means.

use std::collections::BTreeMap;

use super::{Judgement, LeftOut, Unlike, Why};
use crate::fingerprint::{Difference, Fingerprint};

/// Settings of the server that a private one has its own way, and that change nothing of what a statement does.
const OWN_SETTINGS: &[&str] = &["wal_level", "fsync", "full_page_writes"];

/// Compares the live database with its sandbox, before the plan runs.
pub(in super::super) fn compare(
    live: &Fingerprint,
    sandbox: &Fingerprint,
    left_out: &[LeftOut],
) -> Vec<Unlike> {
    let missing = Missing::of(left_out);
    live.diff(sandbox)
        .into_iter()
        .map(|difference| Unlike { judgement: judge(&difference, &missing), difference })
        .collect()
}

/// What was left out, by its name in a fingerprint.
struct Missing<'a>(BTreeMap<String, &'a LeftOut>);

impl Missing<'_> {
    fn of(left_out: &[LeftOut]) -> Missing<'_> {
        Missing(left_out.iter().map(|one| (one.fingerprinted(), one)).collect())
    }

    fn why(&self, object: &str) -> Option<&Why> {
        Some(&self.0.get(object)?.why)
    }

    /// Whether the plan cannot reach the object, or a table that it stands on.
    fn is_not_needed(&self, object: &str) -> bool {
        let is = |object: &str| self.why(object) == Some(&Why::NotNeeded);
        let is_table = |table: &str| is(&format!("table {table}"));
        let Some((what, table)) = object.rsplit_once(" on ") else { return is(object) };
        // `trigger "RI_FKey_check_ins" of constraint key of public.child on public.parent`
        let key = what.split_once(" of constraint ").and_then(|(_, key)| key.rsplit_once(" of "));
        is(object)
            || is_table(table)
            || key.is_some_and(|(key, child)| {
                is_table(child) || is(&format!("constraint {key} on {child}"))
            })
    }
}

fn judge(difference: &Difference, missing: &Missing<'_>) -> Judgement {
    let object = difference.object.as_str();
    let (kind, name) = object.split_once(' ').unwrap_or((object, ""));
    let is_new = difference.attribute.is_none() && difference.before.is_none();
    let is_gone = difference.attribute.is_none() && difference.after.is_none();
    match kind {
        // Of the server, and none of the plan's business.
        "password" | "system" => return Judgement::Harmless,
        "setting" if OWN_SETTINGS.contains(&name) => return Judgement::Harmless,
        // The sandbox has another incarnation, or none.
        _ if difference.before.as_ref().is_some_and(|text| text.contains("<incarnation>")) => {
            return Judgement::Harmless;
        }
        // Where a table's files lie.
        _ if difference.attribute.as_deref() == Some("tablespace") => return Judgement::Harmless,
        // Ours: the superuser, the tripwires, and what keeps roles from being dropped.
        "role" | "database" | "schema" if is_new && name.starts_with("birthgate_") => {
            return Judgement::Harmless;
        }
        "event" if is_new && name.starts_with("trigger birthgate_") => {
            return Judgement::Harmless;
        }
        _ if name.starts_with("birthgate_tripwire.") || name.starts_with("pg_catalog.") => {
            return Judgement::Harmless;
        }
        _ => {}
    }
    if missing.is_not_needed(object) {
        return Judgement::Harmless;
    }
    let why = match (kind, missing.why(object)) {
        (_, Some(why)) => why.to_string(),
        ("subscription", _) => "subscriptions are not copied into the sandbox".to_owned(),
        ("security", _) => "security labels are not copied into the sandbox".to_owned(),
        ("database", _) if is_gone => {
            "the server's other databases are not copied into the sandbox".to_owned()
        }
        ("foreign", _) if difference.attribute.as_deref() == Some("handler") => {
            "the sandbox reaches no other server".to_owned()
        }
        _ if is_gone => "the sandbox does not have it".to_owned(),
        _ if is_new => "the sandbox has it, the live database does not".to_owned(),
        _ => format!("the sandbox's copy differs: {difference}"),
    };
    Judgement::IfTouched { why }
}
