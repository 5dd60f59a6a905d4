//! What the schemas of the tools are besides what their types say: an answer may be a failure as well, and formats that only
//! Rust knows are left out, for clients warn of them.

use std::sync::Arc;

use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::schema_for_output;
use rmcp::model::JsonObject;
use serde_json::{Value, json};

use super::Mcp;
use super::failure::Failure;

/// The tools with whole schemas.
pub fn whole(mut tools: ToolRouter<Mcp>) -> ToolRouter<Mcp> {
    for route in tools.map.values_mut() {
        let input = Value::Object(route.attr.input_schema.as_ref().clone());
        route.attr.input_schema = object(plain(input));
        if let Some(output) = route.attr.output_schema.take() {
            route.attr.output_schema = Some(object(plain(or_failure(output.as_ref().clone()))));
        }
    }
    tools
}

fn object(schema: Value) -> Arc<JsonObject> {
    Arc::new(schema.as_object().cloned().unwrap_or_default())
}

/// Clients judge what is told of a failure by the same schema.
fn or_failure(mut success: JsonObject) -> Value {
    let definitions = success.remove("$defs").unwrap_or_else(|| json!({}));
    let mut failure = schema_for_output::<Failure>().as_ref().clone();
    for schema in [&mut success, &mut failure] {
        schema.remove("$schema");
    }
    json!({ "type": "object", "anyOf": [success, failure], "$defs": definitions })
}

fn plain(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(said) => {
            // A property may be called format; its schema is no text.
            if said.get("format").is_some_and(Value::is_string) {
                said.remove("format");
            }
            for inner in said.values_mut() {
                *inner = plain(inner.take());
            }
        }
        Value::Array(said) => said.iter_mut().for_each(|inner| *inner = plain(inner.take())),
        _ => {}
    }
    schema
}
