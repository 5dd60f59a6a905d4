//! Evidence as it is shown: what a name stands for is looked for among what is there, and never made into a path.

use std::collections::BTreeMap;
use std::path::PathBuf;

use birthgate::evidence::{self, Checkpoint, Evidence, Flaw, Steps};
use birthgate::{Error, Result};

/// A revision that was read.
pub struct Revision {
    pub evidence: Evidence,
    pub checkpoint: Checkpoint,
    /// `None` of evidence from before steps were recorded as data.
    pub steps: Option<Steps>,
    pub files: BTreeMap<String, String>,
    pub flaws: Vec<Flaw>,
}

/// Reads files where nobody else waits for the disk.
pub async fn read<T: Send + 'static>(
    read: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(read).await {
        Ok(found) => found,
        Err(error) => Err(Error::Unexpected(error.to_string())),
    }
}

/// Every revision, oldest first.
pub async fn all(root: PathBuf) -> Result<Vec<Evidence>> {
    read(move || evidence::list(&root)).await
}

/// The revision of that id.
pub async fn revision(root: PathBuf, id: String) -> Result<Option<Revision>> {
    read(move || {
        let found = evidence::list(&root)?.into_iter().find(|one| one.id == id && named(one, &id));
        let Some(evidence) = found else { return Ok(None) };
        let files = evidence::export(&evidence.folder)?;
        let text = files.get("checkpoint.json").map(String::as_str).unwrap_or_default();
        let checkpoint = serde_json::from_str(text)
            .map_err(|error| Error::BadInput(format!("checkpoint.json of {id}: {error}")))?;
        let steps = files.get(Steps::FILE).map(|text| serde_json::from_str(text)).transpose();
        let steps =
            steps.map_err(|error| Error::BadInput(format!("{} of {id}: {error}", Steps::FILE)))?;
        let chain = evidence::verify_all(&root)?;
        let flaws = chain.into_iter().filter(|flaw| flaw.id == evidence.id).collect();
        Ok(Some(Revision { evidence, checkpoint, steps, files, flaws }))
    })
    .await
}

/// Whether the folder has the name that its evidence says.
fn named(evidence: &Evidence, id: &str) -> bool {
    evidence.folder.file_name().is_some_and(|name| name == id)
}

/// Whether a file is one of the documents 00 to 14.
pub fn is_document(name: &str) -> bool {
    name.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
        && name.ends_with(".md")
}
