//! What an agent may say: texts and numbers within bounds, which the schemas tell and reading them enforces.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};

/// A text of so many characters, without NUL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<const LEAST: usize, const MOST: usize>(String);

/// The name of a collection, an action, a macro or the like.
pub type Name = Text<1, 200>;
/// An entity code; of several columns, a JSON array.
pub type Code = Text<1, 1000>;
/// An idempotency key.
pub type Key = Text<8, 200>;
/// SQL.
pub type Sql = Text<1, 100_000>;

impl<const LEAST: usize, const MOST: usize> Text<LEAST, MOST> {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl<'de, const LEAST: usize, const MOST: usize> Deserialize<'de> for Text<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let length = text.chars().count();
        if length < LEAST || length > MOST {
            return Err(D::Error::custom(format!(
                "a text of {LEAST} to {MOST} characters is needed, this one has {length}"
            )));
        }
        if text.contains('\0') {
            return Err(D::Error::custom("a text holds no NUL"));
        }
        Ok(Text(text))
    }
}

impl<const LEAST: usize, const MOST: usize> JsonSchema for Text<LEAST, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Text{LEAST}To{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": LEAST, "maxLength": MOST })
    }
}

/// A number within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<const LEAST: i64, const MOST: i64>(pub i64);

/// The number of a permit.
pub type Id = Number<1, { i64::MAX }>;

impl<'de, const LEAST: i64, const MOST: i64> Deserialize<'de> for Number<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        match (LEAST..=MOST).contains(&number) {
            true => Ok(Number(number)),
            false => Err(D::Error::custom(format!("a number from {LEAST} to {MOST} is needed"))),
        }
    }
}

impl<const LEAST: i64, const MOST: i64> JsonSchema for Number<LEAST, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Number{LEAST}To{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // The largest is beyond what a JavaScript number holds; it goes without saying.
        match MOST {
            i64::MAX => json_schema!({ "type": "integer", "minimum": LEAST }),
            _ => json_schema!({ "type": "integer", "minimum": LEAST, "maximum": MOST }),
        }
    }
}
