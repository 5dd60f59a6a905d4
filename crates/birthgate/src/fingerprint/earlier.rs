//! What earlier releases of Birthgate kept of objects, in baselines and in evidence: a column's text began with its place and
//! held the server's own options, and there was less to see.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::COLUMN_ORDER;

/// What an object did not have yet.
const LATER: &[&str] = &[
    COLUMN_ORDER,
    "toast options",
    "detaching",
    "passes over",
    "type acl",
    "target",
    "aggregate also",
    "transforms",
    "more",
    "collation",
    "range",
    "is a shell",
    "relocatable",
    "dumps",
    "members",
    "goes with",
];

/// The name of a column, where the attribute is one.
fn column(attribute: &str) -> Option<&str> {
    attribute.strip_prefix("column ").filter(|_| attribute != COLUMN_ORDER)
}

/// The attributes of an object that was kept, as they are looked at now.
pub(crate) fn read(mut attributes: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::String(options)) = attributes.get_mut("options")
        && let Some(others) = without_the_server_s(options)
    {
        *options = others;
    }
    if attributes.contains_key(COLUMN_ORDER) {
        return attributes;
    }
    let mut order = BTreeMap::new();
    for (name, value) in &mut attributes {
        let (Some(name), Value::String(text)) = (column(name), value) else { continue };
        let Some((place, rest)) = text.split_once(' ') else { continue };
        let Ok(place) = place.parse::<u32>() else { continue };
        order.insert(place, name.to_owned());
        *text = without_options(rest);
    }
    if !order.is_empty() {
        let order: Vec<String> = order.into_values().collect();
        attributes.insert(COLUMN_ORDER.to_owned(), Value::String(order.join(", ")));
    }
    attributes
}

/// The attributes of an object as an earlier release would have looked at them.
pub(crate) fn write(attributes: &Map<String, Value>) -> Map<String, Value> {
    let order = attributes.get(COLUMN_ORDER).and_then(Value::as_str).unwrap_or_default();
    let places: BTreeMap<&str, usize> =
        order.split(", ").enumerate().map(|(at, name)| (name, at + 1)).collect();
    let known = attributes.iter().filter(|(name, _)| !LATER.contains(&name.as_str()));
    let as_it_was = |(name, value): (&String, &Value)| match (column(name), value) {
        (Some(column), Value::String(text)) if places.contains_key(column) => {
            (name.clone(), Value::String(format!("{} {text}", places[column])))
        }
        _ => (name.clone(), value.clone()),
    };
    known.map(as_it_was).collect()
}

/// The text of a column without the server's own options.
fn without_options(text: &str) -> String {
    const OPTIONS: &str = " OPTIONS {";
    let Some(at) = text.find(OPTIONS) else { return text.to_owned() };
    let braces = at + OPTIONS.len() - 1;
    let Some(end) = text[braces..].find('}').map(|end| braces + end + 1) else {
        return text.to_owned();
    };
    match without_the_server_s(&text[braces..end]) {
        Some(none) if none == "{}" => format!("{}{}", &text[..at], &text[end..]),
        Some(others) => format!("{}{others}{}", &text[..braces], &text[end..]),
        None => text.to_owned(),
    }
}

/// An array of options, sorted and without those named pg_*; `None` where its text is more than a list.
fn without_the_server_s(array: &str) -> Option<String> {
    let list = array.strip_prefix('{')?.strip_suffix('}')?;
    if list.contains('"') {
        return None;
    }
    let mut options: Vec<&str> = list.split(',').filter(|one| !one.starts_with("pg_")).collect();
    options.sort_unstable();
    Some(format!("{{{}}}", options.join(",")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Map, Value, json};

    use super::{read, write};

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_baseline_of_before_is_read_as_it_is_looked_at_now() {
        let kept = json!({
            "owner": "app", "options": "{fillfactor=80,autovacuum_enabled=off}",
            "column id": "1 integer NOT NULL OPTIONS {pg_attver=22158912}",
            "column order": null,
            "column b": "3 text OPTIONS {pg_attver=7,n_distinct=5} COMMENT a note",
            "column a": "2 text",
        });
        let mut kept = object(kept);
        kept.remove("column order");
        let now = json!({
            "owner": "app", "options": "{autovacuum_enabled=off,fillfactor=80}",
            "column id": "integer NOT NULL", "column a": "text",
            "column b": "text OPTIONS {n_distinct=5} COMMENT a note", "column order": "id, a, b",
        });
        assert_eq!(read(kept), object(now.clone()));
        assert_eq!(read(object(now.clone())), object(now));
    }

    #[test]
    fn what_is_there_now_is_compared_with_evidence_of_before() {
        let now = json!({ "owner": "app", "column a": "text", "column b": "integer", "column order": "b, a", "toast options": "{x=1}" });
        let before = json!({ "owner": "app", "column a": "2 text", "column b": "1 integer" });
        assert_eq!(write(&object(now)), object(before));
    }
}
