//! What a code means, and what to do about it.

use birthgate::RefusalCode;
use birthgate::refusal::Explanation;
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Mcp;
use super::failure::{self, Failure};
use super::input::Text;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRefusal {
    /// The code of a refusal; without one, all of them are told.
    #[serde(default)]
    #[schemars(example = &"PB001")]
    code: Option<Text<1, 20>>,
}

#[derive(Serialize, JsonSchema)]
pub struct Explained {
    /// The codes.
    codes: Vec<Explanation>,
}

#[tool_router(router = explaining, vis = "pub(super)")]
impl Mcp {
    /// Explain a refusal by its code (PB001 to PB026): what it means, what is likely behind it, what to do next. Needs no database.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn explain_refusal(
        &self,
        Parameters(asked): Parameters<ExplainRefusal>,
    ) -> Result<Json<Explained>, Failure> {
        let codes: Vec<RefusalCode> = match &asked.code {
            None => RefusalCode::ALL.to_vec(),
            Some(code) => vec![failure::code(code.as_str()).ok_or_else(|| unknown(code.as_str()))?],
        };
        Ok(Json(Explained { codes: codes.into_iter().map(RefusalCode::explanation).collect() }))
    }
}

fn unknown(code: &str) -> Failure {
    match failure::WORDS.iter().find(|(word, _)| *word == code) {
        Some((word, meaning)) => {
            Failure::not_found(format!("{word} is no refusal of Birthgate's: {meaning}"))
        }
        None => Failure::not_found(format!("{code:?} is no code of Birthgate's")),
    }
    .next(
        "Leave the code out, and all of them are told. Other codes are PostgreSQL's own SQLSTATEs.",
    )
}
