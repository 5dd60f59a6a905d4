//! What an agent is told: a page at a time, and no text without end.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::ser::Error;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::failure::Failure;
use super::input::{Number, Text};

/// How many a page holds unless more are asked for.
const USUAL: i64 = 20;
/// The longest text of a field that came out of the database.
const LONGEST: usize = 2_000;

/// Where a page begins.
pub type Cursor = Text<1, 4000>;
/// How many a page is to hold.
pub type Most = Number<1, 50>;

/// Which page of a list.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// The next_cursor of the page before; left out for the first page.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// At most so many.
    #[serde(default)]
    pub most: Option<Most>,
}

impl Paging {
    pub fn most(&self) -> i64 {
        self.most.map_or(USUAL, |most| most.0)
    }

    /// Where the page begins.
    pub fn place<T: DeserializeOwned>(&self) -> Result<Option<T>, Failure> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let bytes = URL_SAFE_NO_PAD.decode(cursor.as_str()).ok();
        let place = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        place.map(Some).ok_or_else(|| {
            Failure::of("bad_cursor", "the cursor is none that this tool gave")
                .next("Pass the next_cursor of the page before as it is, or leave it out.")
        })
    }

    /// A page of what is all there.
    pub fn of<T>(&self, all: Vec<T>) -> Result<Page<T>, Failure> {
        let from: usize = self.place()?.unwrap_or_default();
        let most = usize::try_from(self.most()).unwrap_or_default();
        let next = from.saturating_add(most);
        let next = (next < all.len()).then_some(next);
        Ok(Page::new(all.into_iter().skip(from).take(most).collect(), next))
    }
}

/// A page of a list.
#[derive(Serialize, JsonSchema)]
pub struct Page<T> {
    /// What was found.
    pub found: Vec<T>,
    /// The cursor of the next page; null when there is none. A page may hold less than was asked for, or nothing, and
    /// still have a next one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    pub fn new(found: Vec<T>, next: Option<impl Serialize>) -> Page<T> {
        let place = next.and_then(|place| serde_json::to_vec(&place).ok());
        Page { found, next_cursor: place.map(|place| URL_SAFE_NO_PAD.encode(place)) }
    }
}

/// What is told, with every long text cut.
pub struct Told<T>(pub T);

impl<T: Serialize> Serialize for Told<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut value = serde_json::to_value(&self.0).map_err(S::Error::custom)?;
        cut(&mut value);
        value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Told<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Cuts every text that is too long, and says so in its place.
pub fn cut(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((at, _)) = text.char_indices().nth(LONGEST) {
                let more = text[at..].chars().count();
                text.truncate(at);
                text.push_str(&format!("… [{more} characters more]"));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(cut),
        Value::Object(values) => values.values_mut().for_each(cut),
        _ => {}
    }
}
