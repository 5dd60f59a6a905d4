//! What an address asks for, read strictly: a name that is not known or is given twice is an error, and so is a number that is none.

use axum::http::Uri;

use super::failure::Failure;

/// The longest that anybody looks for.
const LONGEST: usize = 1_000;

pub struct Query(Vec<(String, String)>);

impl Query {
    /// Of an address that may have these names.
    pub fn of(uri: &Uri, names: &[&str]) -> Result<Query, Failure> {
        let mut said: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            if !names.contains(&name.as_ref()) {
                return Err(Failure::Unclear(format!("{name:?} means nothing in this address.")));
            }
            if said.iter().any(|(known, _)| *known == name) {
                return Err(Failure::Unclear(format!("{name} is in this address twice.")));
            }
            if value.len() > LONGEST || value.contains('\0') {
                return Err(Failure::Unclear(format!("{name} cannot be that.")));
            }
            // An empty field of a form asks for nothing.
            if !value.trim().is_empty() {
                said.push((name.into_owned(), value.trim().to_owned()));
            }
        }
        Ok(Query(said))
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn number(&self, name: &str) -> Result<Option<i64>, Failure> {
        self.text(name).map(number).transpose()
    }

    /// The address with these values instead; `None` takes one out.
    pub fn with(&self, path: &str, changes: &[(&str, Option<&str>)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.0 {
            if !changes.iter().any(|(changed, _)| changed == name) {
                query.append_pair(name, value);
            }
        }
        for (name, value) in changes {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        match query.finish() {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }
}

/// A number as this page writes it.
pub fn number(text: &str) -> Result<i64, Failure> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.ok_or_else(|| Failure::Unclear(format!("{text:?} is no number.")))
}
