//! Evidence: each revision with its documents, and whether every byte of it is as it was written.

use std::sync::Arc;

use axum::extract::{Path, State};
use birthgate::evidence::{self, Flaw};
use maud::{Markup, html};

use super::failure::Failure;
use super::layout::Column::{Number, Text};
use super::layout::{self, Kind, Tab, badge, time};
use super::{Here, Page, View, markdown};
use crate::evidence::{Revision, is_document, read};

/// The revision of that id.
pub async fn revision(page: &Arc<Page>, id: String) -> Result<Revision, Failure> {
    crate::evidence::revision(page.evidence.clone(), id).await?.ok_or_else(|| {
        Failure::NotFound("There is no such evidence below the evidence folder.".to_owned())
    })
}

/// PASS, FAIL or INCOMPLETE.
pub fn verdict(status: &str) -> Markup {
    match status {
        "PASS" => badge(Kind::Good, status),
        "FAIL" => badge(Kind::Bad, status),
        _ => badge(Kind::Wary, status),
    }
}

/// What is not as it was written.
pub fn flaws(flaws: &[Flaw]) -> Markup {
    html! {
        @if flaws.is_empty() { p { (badge(Kind::Good, "as it was written")) span.quiet { " every byte, and the revision before it" } } }
        @else {
            p { (badge(Kind::Bad, "not as it was written")) }
            ul { @for flaw in flaws { li { code { (flaw.file) } ": " (flaw.problem) } } }
        }
    }
}

pub async fn list(State(page): Here) -> View {
    let root = page.evidence.clone();
    let (all, flawed) =
        read(move || Ok((evidence::list(&root)?, evidence::verify_all(&root)?))).await?;
    let rows = html! { @for one in all.iter().rev() { tr {
        th scope="row" { a href=(format!("/evidence/{}", one.id)) { (one.id) } }
        td.number { (one.revision) }
        td { (verdict(&one.status)) }
        td { (time(&one.date)) }
        td { @if flawed.iter().any(|flaw| flaw.id == one.id) { (badge(Kind::Bad, "changed")) } @else { (badge(Kind::Good, "as written")) } }
        td { code.hash { (one.hash.chars().take(16).collect::<String>()) } }
    } } };
    let columns = [
        Text("Evidence"),
        Number("Revision"),
        Text("Verdict"),
        Text("Date (UTC)"),
        Text("Chain"),
        Text("Hash"),
    ];
    let body = html! {
        h1 { "Evidence" }
        p.quiet { "Of " code { (page.evidence.display()) } ", each revision with the hash of the one before it." }
        @if all.is_empty() { p { "There is none yet: " code { "birthgate rehearse PACKET --rows all --evidence" } } }
        @else { (layout::table("Evidence, the newest first", &columns, rows)) }
    };
    Ok(layout::page("Evidence", Tab::Evidence, body))
}

pub async fn one(State(page): Here, Path(id): Path<String>) -> View {
    let revision = revision(&page, id).await?;
    let text = revision.files.get("checkpoint.md").cloned().unwrap_or_default();
    Ok(show(&revision, "Checkpoint", &text, ""))
}

pub async fn document(State(page): Here, Path((id, document)): Path<(String, String)>) -> View {
    let revision = revision(&page, id).await?;
    let text = revision.files.get(&document).filter(|_| is_document(&document)).cloned();
    let text =
        text.ok_or_else(|| Failure::NotFound("This evidence has no such document.".to_owned()))?;
    Ok(show(&revision, &document, &text, &document))
}

/// `02-entry-hashes.md` as `02 entry hashes`.
fn told(name: &str) -> String {
    name.trim_end_matches(".md").replace('-', " ")
}

fn show(revision: &Revision, title: &str, text: &str, shown: &str) -> Markup {
    let id = &revision.evidence.id;
    let current = |name: &str| (name == shown).then_some("page");
    let body = html! {
        h1 { (revision.checkpoint.r#macro) }
        p { (verdict(&revision.evidence.status)) " revision " (revision.evidence.revision) ", " (time(&revision.evidence.date)) ". "
            a href=(format!("/packets/{id}")) { "The packet" } }
        (flaws(&revision.flaws))
        div.beside {
            nav.documents aria-label="Documents" { ol {
                li { a href=(format!("/evidence/{id}")) aria-current=[current("")] { "Checkpoint" } }
                @for name in revision.files.keys().filter(|name| is_document(name)) {
                    li { a href=(format!("/evidence/{id}/{name}")) aria-current=[current(name)] { (told(name)) } }
                }
            } }
            article { (markdown::render(text)) }
        }
    };
    layout::page(&format!("{} · {id}", told(title)), Tab::Evidence, body)
}
