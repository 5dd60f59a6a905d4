//! Tools that read evidence: checkpoints, documents, and whether they are as they were written. What is not is not shown.

use birthgate::evidence::{self, Checkpoint, Evidence, Flaw};
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Mcp;
use super::failure::Failure;
use super::input::{Name, Number, Text};
use super::output::{Cursor, Most, Page, Paging, Told};
use crate::evidence::{self as files, Revision, is_document};

/// How many characters of a document are told at once.
const DOCUMENT: usize = 20_000;
/// How many flaws are told.
const FLAWS: usize = 50;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointList {
    /// Only of this macro.
    #[serde(default)]
    r#macro: Option<Name>,
    /// The next_cursor of the page before; left out for the first page.
    #[serde(default)]
    cursor: Option<Cursor>,
    /// At most so many.
    #[serde(default)]
    most: Option<Most>,
}

#[derive(Serialize, JsonSchema)]
pub struct Listed {
    /// Its id.
    id: String,
    /// Which one of its macro.
    revision: u32,
    /// PASS, FAIL or INCOMPLETE.
    status: String,
    /// When the rehearsal began (UTC).
    date: String,
    /// The hash of the checkpoint.
    hash: String,
}

impl From<Evidence> for Listed {
    fn from(one: Evidence) -> Listed {
        let Evidence { id, revision, status, date, hash, .. } = one;
        Listed { id, revision, status, date, hash }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointShow {
    /// The id of a checkpoint.
    #[serde(default)]
    #[schemars(example = &"orders-2026-01-31-r1")]
    id: Option<Name>,
    /// Or the macro, of which the newest revision is shown: it is the source of truth.
    #[serde(default)]
    r#macro: Option<Name>,
}

#[derive(Serialize, JsonSchema)]
pub struct Shown {
    /// The hash of the checkpoint.
    pub hash: String,
    /// Whether there is no later revision of its macro: the newest is the source of truth.
    pub is_newest: bool,
    /// Whether every byte, and the revision before it, is as it was written. Always true: what is not is not shown.
    pub is_verified: bool,
    /// The names of its documents.
    pub documents: Vec<String>,
    /// What it says.
    pub checkpoint: Checkpoint,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceDocument {
    /// The id of the evidence.
    #[schemars(example = &"orders-2026-01-31-r1")]
    id: Name,
    /// The name of the document; checkpoint_show lists them.
    #[schemars(example = &"00-summary.md")]
    document: Text<1, 100>,
    /// From which character on; left out, from the first.
    #[serde(default)]
    from: Option<Number<0, 100_000_000>>,
}

#[derive(Serialize, JsonSchema)]
pub struct Document {
    /// At most 20,000 characters of it, as Markdown.
    text: String,
    /// From which character on it goes on; null at its end.
    next_from: Option<usize>,
}

#[derive(Serialize, JsonSchema)]
pub struct Verified {
    /// Whether all evidence is as it was written, each revision with the hash of the one before.
    is_as_written: bool,
    /// How much evidence there is.
    evidence: usize,
    /// How much is wrong.
    flaw_count: usize,
    /// What is wrong, the first of it.
    flaws: Vec<Flaw>,
}

impl Mcp {
    /// A revision of which every byte is as it was written.
    pub(super) async fn verified(&self, id: String) -> Result<Revision, Failure> {
        let not_found = || Failure::not_found(format!("there is no evidence {id:?}"));
        let found = files::revision(self.evidence.clone(), id.clone()).await?;
        let revision = found.ok_or_else(not_found)?;
        match revision.flaws.first() {
            None => Ok(revision),
            Some(flaw) => Err(Failure::of(
                "not_as_written",
                format!("{id} was changed after it was written: {}: {}", flaw.file, flaw.problem),
            )
            .next("Do not rely on it. Tell an owner; evidence_verify says what else is wrong.")),
        }
    }

    /// The id of the newest revision of a macro.
    pub(super) async fn newest(&self, r#macro: &str) -> Result<String, Failure> {
        let (root, name) = (self.evidence.clone(), r#macro.to_owned());
        let folder = files::read(move || evidence::newest(&root, &name)).await?;
        let id = folder.and_then(|folder| Some(folder.file_name()?.to_string_lossy().into_owned()));
        id.ok_or_else(|| Failure::not_found(format!("there is no evidence of {:?}", r#macro)))
    }

    /// Of a revision what is shown of it.
    pub(super) async fn shown(&self, revision: &Revision) -> Result<Shown, Failure> {
        let newest = self.newest(&revision.checkpoint.r#macro).await?;
        Ok(Shown {
            hash: revision.evidence.hash.clone(),
            is_newest: newest == revision.evidence.id,
            is_verified: revision.flaws.is_empty(),
            documents: revision.files.keys().filter(|name| is_document(name)).cloned().collect(),
            checkpoint: revision.checkpoint.clone(),
        })
    }
}

#[tool_router(router = evidence, vis = "pub(super)")]
impl Mcp {
    /// List the checkpoints of rehearsals, the newest first. Of a macro the newest revision is the source of truth.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn checkpoint_list(
        &self,
        Parameters(asked): Parameters<CheckpointList>,
    ) -> Result<Json<Told<Page<Listed>>>, Failure> {
        let paging = Paging { cursor: asked.cursor, most: asked.most };
        let root = self.evidence.clone();
        let all = files::read(move || match &asked.r#macro {
            None => evidence::list(&root),
            Some(name) => evidence::of_macro(&root, name.as_str()),
        });
        let listed = all.await?.into_iter().rev().map(Listed::from).collect();
        Ok(Json(Told(paging.of(listed)?)))
    }

    /// Show a checkpoint, the short proof of a rehearsal: verdict, reasons, what of the live database was changed, decisions, blockers, steps. Of a changed one it only says that it was changed.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn checkpoint_show(
        &self,
        Parameters(asked): Parameters<CheckpointShow>,
    ) -> Result<Json<Told<Shown>>, Failure> {
        let id = match (asked.id, asked.r#macro) {
            (Some(id), None) => id.into_string(),
            (None, Some(name)) => self.newest(name.as_str()).await?,
            _ => {
                return Err(Failure::of("bad_input", "either an id or a macro is needed")
                    .next("Call again with one of the two."));
            }
        };
        let revision = self.verified(id).await?;
        Ok(Json(Told(self.shown(&revision).await?)))
    }

    /// Read a document of evidence, as Markdown, 20,000 characters at a time.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn evidence_document(
        &self,
        Parameters(asked): Parameters<EvidenceDocument>,
    ) -> Result<Json<Document>, Failure> {
        let revision = self.verified(asked.id.into_string()).await?;
        let name = asked.document.as_str();
        let text = revision.files.get(name).filter(|_| is_document(name)).ok_or_else(|| {
            Failure::not_found(format!("{} has no document {name:?}", revision.evidence.id))
                .next("checkpoint_show lists the documents.")
        })?;
        let from = asked.from.map_or(0, |from| usize::try_from(from.0).unwrap_or_default());
        let mut rest = text.chars().skip(from);
        let text: String = rest.by_ref().take(DOCUMENT).collect();
        let next_from = rest.next().map(|_| from + DOCUMENT);
        Ok(Json(Document { text, next_from }))
    }

    /// Verify all evidence: every byte against the hashes, and each revision against the one before.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn evidence_verify(&self) -> Result<Json<Told<Verified>>, Failure> {
        let root = self.evidence.clone();
        let read = move || Ok((evidence::list(&root)?.len(), evidence::verify_all(&root)?));
        let (count, mut flaws) = files::read(read).await?;
        let flaw_count = flaws.len();
        flaws.truncate(FLAWS);
        let is_as_written = flaw_count == 0;
        Ok(Json(Told(Verified { is_as_written, evidence: count, flaw_count, flaws })))
    }
}
