//! Tools that read the database: blocks, collections, permits, births, drift.

use birthgate::block::{self, Dimension};
use birthgate::browse::{self, Birth, Collection, PermitSearch};
use birthgate::drift::{self, Drift};
use birthgate::permit::{self, Filter, Permit};
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Mcp;
use super::failure::{Failure, is_denied};
use super::input::{Code, Id, Name};
use super::output::{Cursor, Most, Page, Paging, Told};

/// How many differences are told.
const DIFFERENCES: usize = 50;
/// How many births and permits of one entity are told.
const OF_AN_ENTITY: usize = 100;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockAssert {
    /// The action; an admission is birth_admit:COLLECTION.
    #[schemars(example = &"birth_admit:dot_tools")]
    action: Name,
}

#[derive(Serialize, JsonSchema)]
pub struct Safe {
    /// The action.
    action: String,
    /// True: every dimension that blocks it is known, fresh and within its bound. Otherwise the answer is an error, PB017.
    is_safe: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum PermitState {
    Requested,
    Reserved,
    Consumed,
    Finalized,
    Failed,
    Expired,
    Cancelled,
}

impl PermitState {
    fn word(&self) -> &'static str {
        match self {
            PermitState::Requested => "REQUESTED",
            PermitState::Reserved => "RESERVED",
            PermitState::Consumed => "CONSUMED",
            PermitState::Finalized => "FINALIZED",
            PermitState::Failed => "FAILED",
            PermitState::Expired => "EXPIRED",
            PermitState::Cancelled => "CANCELLED",
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PermitList {
    /// Only of this collection.
    #[serde(default)]
    #[schemars(example = &"dot_tools")]
    collection: Option<Name>,
    /// Only in this state.
    #[serde(default)]
    state: Option<PermitState>,
    /// Only of this entity.
    #[serde(default)]
    #[schemars(example = &"DOT-500")]
    entity_code: Option<Code>,
    /// The next_cursor of the page before; left out for the first page.
    #[serde(default)]
    cursor: Option<Cursor>,
    /// At most so many.
    #[serde(default)]
    most: Option<Most>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PermitShow {
    /// The permit's number.
    #[schemars(example = 17)]
    id: Id,
}

#[derive(Serialize, JsonSchema)]
pub struct PermitAndBirths {
    permit: Permit,
    /// The births that it made or ended.
    births: Vec<Birth>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BirthList {
    /// Only of this collection.
    #[serde(default)]
    #[schemars(example = &"dot_tools")]
    collection: Option<Name>,
    /// Only those whose code begins so; they come in the order of their codes, else the newest come first.
    #[serde(default)]
    #[schemars(example = &"DOT-")]
    code_begins: Option<Code>,
    /// The next_cursor of the page before; left out for the first page.
    #[serde(default)]
    cursor: Option<Cursor>,
    /// At most so many.
    #[serde(default)]
    most: Option<Most>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntityShow {
    /// The collection; left out, the code is looked for in all.
    #[serde(default)]
    #[schemars(example = &"dot_tools")]
    collection: Option<Name>,
    /// The exact code; of several columns, a JSON array of texts.
    #[schemars(example = &"DOT-500")]
    entity_code: Code,
}

#[derive(Serialize, JsonSchema)]
pub struct Entity {
    /// Its births.
    births: Vec<Birth>,
    /// Its permits, the newest first.
    permits: Vec<Permit>,
    /// Whether there are more than are told.
    is_cut: bool,
}

#[derive(Serialize, JsonSchema)]
pub struct DriftShown {
    /// The dimension gate_drift as it was observed last; null where there is no baseline.
    observed: Option<Dimension>,
    /// The comparison made now, with the first 50 differences; null where this server's role may not make it.
    compared: Option<Drift>,
    /// How many objects differ, and how many circumstances are told, in the comparison.
    count: Option<i64>,
}

#[tool_router(router = reading, vis = "pub(super)")]
impl Mcp {
    /// List the BLOCK dimensions: what each counts, its last count and bound, and the actions that it blocks while it is over its bound, unknown or too old.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn block_list(
        &self,
        Parameters(paging): Parameters<Paging>,
    ) -> Result<Json<Told<Page<Dimension>>>, Failure> {
        let client = self.pool.lend().await?;
        let all = block::list(&client).await?;
        client.give_back();
        Ok(Json(Told(paging.of(all)?)))
    }

    /// Ask whether an action is safe now. Answers is_safe, or the error PB017 that names every dimension in the way.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn block_assert(
        &self,
        Parameters(asked): Parameters<BlockAssert>,
    ) -> Result<Json<Told<Safe>>, Failure> {
        let client = self.pool.lend().await?;
        let asserted = block::assert_safe(&client, asked.action.as_str()).await;
        client.give_back();
        asserted?;
        Ok(Json(Told(Safe { action: asked.action.into_string(), is_safe: true })))
    }

    /// List the collections: their tables, the columns that make an entity's code, the rule of the codes, and whether the gate refuses (mode enforce) or only observes.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn collection_list(
        &self,
        Parameters(paging): Parameters<Paging>,
    ) -> Result<Json<Told<Page<Collection>>>, Failure> {
        let client = self.pool.lend().await?;
        let all = browse::collections(&client).await?;
        client.give_back();
        Ok(Json(Told(paging.of(all)?)))
    }

    /// List permits, the newest first.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn permit_list(
        &self,
        Parameters(asked): Parameters<PermitList>,
    ) -> Result<Json<Told<Page<Permit>>>, Failure> {
        let search = PermitSearch {
            collection: asked.collection.map(Name::into_string),
            state: asked.state.map(|state| state.word().to_owned()),
            entity_code: asked.entity_code.map(Code::into_string),
        };
        let paging = Paging { cursor: asked.cursor, most: asked.most };
        let before = paging.place()?;
        let client = self.pool.lend().await?;
        let page = browse::permits(&client, &search, before, paging.most()).await?;
        client.give_back();
        Ok(Json(Told(Page::new(page.found, page.next))))
    }

    /// Show a permit with the births that it made or ended.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn permit_show(
        &self,
        Parameters(asked): Parameters<PermitShow>,
    ) -> Result<Json<Told<PermitAndBirths>>, Failure> {
        let id = asked.id.0;
        let client = self.pool.lend().await?;
        let filter = Filter { id: Some(id), most: 1, ..Filter::default() };
        let permit = permit::list(&client, &filter).await?.pop();
        let births = browse::births_of_permit(&client, id).await?;
        client.give_back();
        let permit =
            permit.ok_or_else(|| Failure::not_found(format!("there is no permit {id}")))?;
        Ok(Json(Told(PermitAndBirths { permit, births })))
    }

    /// List births, the newest first, or those whose code begins with a text.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn birth_list(
        &self,
        Parameters(asked): Parameters<BirthList>,
    ) -> Result<Json<Told<Page<Birth>>>, Failure> {
        let collection = asked.collection.as_ref().map(Name::as_str);
        let paging = Paging { cursor: asked.cursor, most: asked.most };
        let most = paging.most();
        let page = match &asked.code_begins {
            None => {
                let before = paging.place()?;
                let client = self.pool.lend().await?;
                let page = browse::births(&client, collection, before, most).await?;
                client.give_back();
                Page::new(page.found, page.next)
            }
            Some(prefix) => {
                let after = paging.place()?;
                let client = self.pool.lend().await?;
                let prefix = prefix.as_str();
                let page =
                    browse::births_from(&client, prefix, collection, after.as_ref(), most).await?;
                client.give_back();
                Page::new(page.found, page.next)
            }
        };
        Ok(Json(Told(page)))
    }

    /// Show what is known of an entity: its births and its permits. Both empty: nobody has heard of it.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn entity_show(
        &self,
        Parameters(asked): Parameters<EntityShow>,
    ) -> Result<Json<Told<Entity>>, Failure> {
        let collection = asked.collection.as_ref().map(Name::as_str);
        let search = PermitSearch {
            collection: collection.map(str::to_owned),
            state: None,
            entity_code: Some(asked.entity_code.as_str().to_owned()),
        };
        let client = self.pool.lend().await?;
        let mut births = browse::births_of(&client, asked.entity_code.as_str(), collection).await?;
        let most = i64::try_from(OF_AN_ENTITY).unwrap_or(i64::MAX);
        let page = browse::permits(&client, &search, None, most).await?;
        client.give_back();
        let mut permits = page.found;
        let is_cut =
            births.len() > OF_AN_ENTITY || permits.len() > OF_AN_ENTITY || page.next.is_some();
        births.truncate(OF_AN_ENTITY);
        permits.truncate(OF_AN_ENTITY);
        Ok(Json(Told(Entity { births, permits, is_cut })))
    }

    /// Show gate drift: how it was observed last, and where this server's role may, compared now, without storing the outcome. Accepting drift is an owner's act, and not done here.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn drift_show(&self) -> Result<Json<Told<DriftShown>>, Failure> {
        let client = self.pool.lend().await?;
        let all = block::list(&client).await?;
        let observed = all.into_iter().find(|one| one.name == "gate_drift");
        // The comparison is for who may act as the gate's owner; the observation is everybody's.
        let mut compared = match drift::look(&client).await {
            Ok(drift) => Some(drift),
            Err(error) if is_denied(&error) => None,
            Err(error) => return Err(error.into()),
        };
        client.give_back();
        let count = compared.as_ref().map(Drift::count);
        if let Some(drift) = &mut compared {
            drift.differences.truncate(DIFFERENCES);
        }
        Ok(Json(Told(DriftShown { observed, compared, count })))
    }
}
