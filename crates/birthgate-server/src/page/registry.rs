//! The registry: births a page at a time, of one collection, of one code, or of codes that begin alike.

use axum::extract::State;
use axum::http::Uri;
use birthgate::browse::{self, Birth};
use maud::{Markup, html};

use super::failure::Failure;
use super::layout::Column::{Number, Text};
use super::layout::{self, Kind, Tab, badge, count, time};
use super::query::Query;
use super::{Here, View};

/// How many a page shows.
const SHOWN: i64 = 100;

pub async fn view(State(page): Here, uri: Uri) -> View {
    let names = ["code", "match", "collection", "before", "after", "of"];
    let query = Query::of(&uri, &names)?;
    let begins = match query.text("match") {
        None | Some("exact") => false,
        Some("begins") => true,
        Some(other) => return Err(Failure::Unclear(format!("{other:?} is no way to match."))),
    };
    let (code, collection) = (query.text("code"), query.text("collection"));
    let before = query.number("before")?;
    let client = page.pool.lend().await?;
    let about = browse::estimate(&client).await?;
    let (births, next, looked, caption) = match code {
        None => {
            let found = browse::births(&client, collection, before, SHOWN).await?;
            let next =
                found.next.map(|id| query.with("/registry", &[("before", Some(&id.to_string()))]));
            (found.found, next, found.looked, "Births, the newest first")
        }
        Some(code) if begins => {
            let after = query
                .text("after")
                .map(|after| (after.to_owned(), query.text("of").unwrap_or_default().to_owned()));
            let found =
                browse::births_from(&client, code, collection, after.as_ref(), SHOWN).await?;
            let next = found.next.map(|(code, its)| {
                query.with("/registry", &[("after", Some(&code)), ("of", Some(&its))])
            });
            (found.found, next, found.looked, "Births, in the order of their codes")
        }
        Some(code) => {
            let found = browse::births_of(&client, code, collection).await?;
            let looked = i64::try_from(found.len()).unwrap_or(i64::MAX);
            (found, None, looked, "Births of this code")
        }
    };
    client.give_back();
    let is_later = before.is_some() || query.text("after").is_some();
    let first = query.with("/registry", &[("before", None), ("after", None), ("of", None)]);
    let body = html! {
        h1 { "Registry" }
        @if let Some(about) = about { p.quiet { "About " (count(about as i64)) " births." } }
        form.search method="get" action="/registry" role="search" aria-label="Births" {
            div { label for="code" { "Entity code" } input id="code" name="code" value=[code] maxlength="1000"; }
            div { label for="match" { "Which" } select id="match" name="match" {
                option value="exact" { "is exactly this" }
                option value="begins" selected[begins] { "begins with this" }
            } }
            div { label for="collection" { "Collection" } input id="collection" name="collection" value=[collection] maxlength="200"; }
            button { "Search" }
        }
        @if births.is_empty() { p { "No such birth among the " (count(looked)) " that were looked at." } }
        @else { (table(caption, &births)) }
        (layout::pages(is_later.then_some(first), next, looked))
    };
    Ok(layout::page("Registry", Tab::Registry, body))
}

/// What a birth was renamed to, with the way there.
pub fn renamed(birth: &Birth) -> Option<Markup> {
    let code = birth.renamed_to.as_deref()?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("code", code);
    if let Some(collection) = &birth.collection_name {
        query.append_pair("collection", collection);
    }
    let there = format!("/registry?{}", query.finish());
    Some(html! { "renamed to " a href=(there) { code { (code) } } })
}

/// A table of births.
pub fn table(caption: &str, births: &[Birth]) -> Markup {
    let permit = |id: Option<i64>| {
        html! { @match id {
            Some(id) => a href=(format!("/permits/{id}")) { (id) },
            None => span.quiet { "none" },
        } }
    };
    let rows = html! { @for one in births { tr {
        th.number scope="row" { (one.id) }
        td { code { (one.entity_code) } }
        td { @match &one.collection_name { Some(name) => (name), None => span.quiet { "none" } } }
        td { @match one.status.as_str() {
            "finalized" => (badge(Kind::Good, "finalized")),
            "retired" => (badge(Kind::Wary, "retired")),
            other => (badge(Kind::Quiet, other)),
        } }
        td { (one.origin.as_deref().unwrap_or("unknown")) }
        td.number { (permit(one.permit_id)) }
        td { @match &one.born_at { Some(at) => (time(at)), None => span.quiet { "unknown" } } }
        td { @match &one.retired_at {
            Some(at) => { (time(at)) " by " (permit(one.retire_permit_id)) }
            None => "",
        } @if let Some(renamed) = renamed(one) { span.block { (renamed) } } }
    } } };
    let columns = [
        Number("Birth"),
        Text("Entity"),
        Text("Collection"),
        Text("Status"),
        Text("Origin"),
        Number("Permit"),
        Text("Born (UTC)"),
        Text("Retired (UTC)"),
    ];
    layout::table(caption, &columns, rows)
}
