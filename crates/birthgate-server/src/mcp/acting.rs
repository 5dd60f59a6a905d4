//! Tools that act, as the role of the connection: permits and admission. What that role may not, is refused by the database.

use std::time::Duration;

use birthgate::admission::{self, Admission, Admitted};
use birthgate::permit::{self, Filter, Permit, Request};
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio_postgres::Client;

use super::failure::Failure;
use super::input::{Code, Id, Key, Name, Number, Text};
use super::output::Told;
use super::{Mcp, NAME};

/// How long one statement may take.
const STATEMENT: Duration = Duration::from_secs(15);
/// How long an admission may take, with everything that is tried again.
const ADMISSION: Duration = Duration::from_secs(60);
/// The largest row, in bytes of JSON.
const LARGEST_ROW: usize = 200_000;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PermitKind {
    /// An entity is born.
    #[default]
    Birth,
    /// A born entity ends.
    Retire,
    /// An entity gets another code.
    Rename,
    /// A row without a birth is deleted.
    Discard,
}

impl PermitKind {
    fn word(&self) -> &'static str {
        match self {
            PermitKind::Birth => "birth",
            PermitKind::Retire => "retire",
            PermitKind::Rename => "rename",
            PermitKind::Discard => "discard",
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PermitRequest {
    /// The collection.
    #[schemars(example = &"dot_tools")]
    collection: Name,
    /// The entity's code. Left out, the database makes it, where the collection allows open permits.
    #[serde(default)]
    #[schemars(example = &"DOT-500")]
    entity_code: Option<Code>,
    /// What it permits.
    #[serde(default)]
    kind: PermitKind,
    /// Of a rename, the code that ends.
    #[serde(default)]
    from_entity_code: Option<Code>,
    /// Made up by the caller for this one request: the same key with the same request answers the same permit, so a call
    /// whose answer was lost can be made again.
    #[schemars(example = &"order-4711-dot-500")]
    idempotency_key: Key,
    /// How many seconds it may wait to be spent; left out, as the collection says.
    #[serde(default)]
    ttl_seconds: Option<Number<1, 86_400>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PermitReserve {
    /// The permit's number.
    #[schemars(example = 17)]
    id: Id,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PermitCancel {
    /// The permit's number.
    #[schemars(example = 17)]
    id: Id,
    /// Why; it is kept with the permit.
    #[schemars(example = &"the tool is not needed after all")]
    why: Text<1, 500>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntityAdmit {
    /// The collection.
    #[schemars(example = &"dot_tools")]
    collection: Name,
    /// The row: column names and values. At most 200,000 bytes.
    #[schemars(example = serde_json::json!({"code": "DOT-500", "name": "dot-iu-count"}))]
    row: Map<String, Value>,
    /// Made up by the caller for this one entity: the same key admits the same entity once, however often it is called.
    #[schemars(example = &"order-4711-dot-500")]
    idempotency_key: Key,
}

async fn shown(client: &Client, id: i64) -> Result<Json<Told<Permit>>, Failure> {
    let filter = Filter { id: Some(id), most: 1, ..Filter::default() };
    let permit = permit::list(client, &filter).await?.pop();
    permit
        .map(|permit| Json(Told(permit)))
        .ok_or_else(|| Failure::not_found(format!("there is no permit {id}")))
}

#[tool_router(router = acting, vis = "pub(super)")]
impl Mcp {
    /// Request a permit: one act on one entity, once. Then reserve it, and insert the row as the same database role; or let entity_admit do all of it.
    #[tool(annotations(
        read_only_hint = false,
        destructive_hint = false,
        idempotent_hint = true,
        open_world_hint = false
    ))]
    async fn permit_request(
        &self,
        Parameters(asked): Parameters<PermitRequest>,
    ) -> Result<Json<Told<Permit>>, Failure> {
        let request = Request {
            collection: asked.collection.into_string(),
            entity_code: asked.entity_code.map(Code::into_string),
            from_entity_code: asked.from_entity_code.map(Code::into_string),
            kind: asked.kind.word().to_owned(),
            idempotency_key: Some(asked.idempotency_key.into_string()),
            ttl_seconds: asked.ttl_seconds.map(|seconds| seconds.0 as f64),
            holder: None,
            break_glass: None,
        };
        let client = self.database.connect_in_background_for_others(NAME, STATEMENT).await?;
        let id = permit::request(&client, &request).await?;
        shown(&client, id).await
    }

    /// Reserve a requested permit, under the stop-conditions: the collection's BLOCK dimensions and its owner's stop (PB017). A reserved permit lets its entity in.
    #[tool(annotations(
        read_only_hint = false,
        destructive_hint = false,
        idempotent_hint = false,
        open_world_hint = false
    ))]
    async fn permit_reserve(
        &self,
        Parameters(asked): Parameters<PermitReserve>,
    ) -> Result<Json<Told<Permit>>, Failure> {
        let client = self.database.connect_in_background_for_others(NAME, STATEMENT).await?;
        permit::reserve(&client, asked.id.0).await?;
        shown(&client, asked.id.0).await
    }

    /// Cancel a permit of one's own that is not spent, so that the entity is free for another.
    #[tool(annotations(
        read_only_hint = false,
        destructive_hint = true,
        idempotent_hint = false,
        open_world_hint = false
    ))]
    async fn permit_cancel(
        &self,
        Parameters(asked): Parameters<PermitCancel>,
    ) -> Result<Json<Told<Permit>>, Failure> {
        let client = self.database.connect_in_background_for_others(NAME, STATEMENT).await?;
        permit::cancel(&client, asked.id.0, Some(asked.why.as_str())).await?;
        shown(&client, asked.id.0).await
    }

    /// Admit one entity: request, reserve, insert the row, finalise. Call again with the same key whenever the outcome is not known.
    #[tool(annotations(
        read_only_hint = false,
        destructive_hint = false,
        idempotent_hint = true,
        open_world_hint = false
    ))]
    async fn entity_admit(
        &self,
        Parameters(asked): Parameters<EntityAdmit>,
    ) -> Result<Json<Told<Admitted>>, Failure> {
        let size = serde_json::to_vec(&asked.row).map_or(usize::MAX, |bytes| bytes.len());
        if size > LARGEST_ROW {
            return Err(Failure::of(
                "bad_input",
                format!("the row has {size} bytes, more than {LARGEST_ROW}"),
            )
            .next("Admit a smaller row; what is large can be updated afterwards."));
        }
        let admission = Admission {
            collection: asked.collection.into_string(),
            row: asked.row,
            idempotency_key: asked.idempotency_key.into_string(),
            break_glass: None,
        };
        match tokio::time::timeout(ADMISSION, admission::admit(&self.database, &admission)).await {
            Ok(admitted) => Ok(Json(Told(admitted?))),
            Err(_) => Err(Failure::of(
                "too_long",
                format!("the admission took longer than {} s; whether the entity is born is not known", ADMISSION.as_secs()),
            )
            .next("Call again with the same idempotency key: what is born is found, and not born twice.")),
        }
    }
}
