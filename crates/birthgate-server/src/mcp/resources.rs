//! Checkpoints as resources: the short proof as it was written, the newest first. What was changed since is not served.

use rmcp::ErrorData;
use rmcp::model::{
    ListResourceTemplatesResult, ListResourcesResult, PaginatedRequestParams, ReadResourceResult,
    Resource, ResourceContents, ResourceTemplate,
};
use serde_json::json;

use super::Mcp;
use super::failure::Failure;
use super::output::{Cursor, Paging};
use crate::evidence as files;

const SCHEME: &str = "birthgate://checkpoint/";
const MARKDOWN: &str = "text/markdown";
/// The longest address.
const LONGEST: usize = 1_000;

/// A failure as an error of the protocol, which is all that a resource can answer.
fn error(failure: Failure) -> ErrorData {
    let data = Some(json!(failure));
    match failure.code.as_str() {
        "not_found" => ErrorData::resource_not_found(failure.message, data),
        "bad_input" | "bad_cursor" => ErrorData::invalid_params(failure.message, data),
        _ => ErrorData::internal_error(failure.message, data),
    }
}

impl Mcp {
    pub(super) async fn resources(
        &self,
        asked: Option<PaginatedRequestParams>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = asked.and_then(|asked| asked.cursor).map(|cursor| json!(cursor));
        let cursor: Option<Cursor> = cursor
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
        let all = files::all(self.evidence.clone()).await.map_err(|why| error(why.into()))?;
        let paging = Paging { cursor, most: None };
        let page = paging.of(all.into_iter().rev().collect()).map_err(error)?;
        let resources = page.found.into_iter().map(|one| {
            Resource::new(format!("{SCHEME}{}", one.id), one.id.clone())
                .with_description(format!(
                    "{}, revision {}, {}",
                    one.status, one.revision, one.date
                ))
                .with_mime_type(MARKDOWN)
        });
        let mut listed = ListResourcesResult::with_all_items(resources.collect());
        listed.next_cursor = page.next_cursor;
        Ok(listed)
    }

    pub(super) fn templates() -> ListResourceTemplatesResult {
        ListResourceTemplatesResult::with_all_items(vec![
            ResourceTemplate::new(format!("{SCHEME}{{id}}"), "checkpoint")
                .with_description("The short proof of one rehearsal, by its id")
                .with_mime_type(MARKDOWN),
            ResourceTemplate::new(format!("{SCHEME}latest/{{macro}}"), "latest checkpoint")
                .with_description(
                    "The short proof of the newest revision of a macro: the source of truth",
                )
                .with_mime_type(MARKDOWN),
        ])
    }

    pub(super) async fn resource(&self, uri: &str) -> Result<ReadResourceResult, ErrorData> {
        self.read_resource_of(uri).await.map_err(error)
    }

    async fn read_resource_of(&self, uri: &str) -> Result<ReadResourceResult, Failure> {
        let unknown = || {
            Failure::not_found(format!(
                "there is no resource {:?}",
                uri.chars().take(200).collect::<String>()
            ))
            .next(
                "Resources are birthgate://checkpoint/ID and birthgate://checkpoint/latest/MACRO.",
            )
        };
        let path = uri.strip_prefix(SCHEME).filter(|_| uri.len() <= LONGEST).ok_or_else(unknown)?;
        let id = match path.strip_prefix("latest/") {
            Some(name) => self.newest(&decoded(name).ok_or_else(unknown)?).await?,
            None => decoded(path).ok_or_else(unknown)?,
        };
        let revision = self.verified(id).await?;
        let shown = self.shown(&revision).await?;
        let short = revision.files.get("checkpoint.md").cloned().unwrap_or_default();
        let whole = serde_json::to_string_pretty(&shown).unwrap_or_default();
        Ok(ReadResourceResult::new(vec![
            ResourceContents::text(short, uri).with_mime_type(MARKDOWN),
            ResourceContents::text(whole, uri).with_mime_type("application/json"),
        ]))
    }
}

/// Without the escapes of a URI. What it names is looked for, and never made into a path.
fn decoded(text: &str) -> Option<String> {
    // A plus is a plus here.
    let query = format!("name={}", text.replace('+', "%2B"));
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, name) = pairs.next()?;
    (pairs.next().is_none() && !name.contains('\0') && !name.is_empty()).then(|| name.into_owned())
}
