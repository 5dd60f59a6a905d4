//! Permits: looking for them, and the time line of one.

use axum::extract::{Path, State};
use axum::http::Uri;
use birthgate::browse::{self, Birth, PermitSearch};
use birthgate::permit::{self, Filter, Permit};
use maud::{Markup, html};

use super::failure::Failure;
use super::layout::Column::{Number, Text};
use super::layout::{self, Kind, Tab, badge, count, time};
use super::query::{self, Query};
use super::registry;
use super::{Here, View};

const STATES: [&str; 7] =
    ["REQUESTED", "RESERVED", "CONSUMED", "FINALIZED", "FAILED", "EXPIRED", "CANCELLED"];
/// How many a page shows.
const SHOWN: i64 = 50;

pub async fn list(State(page): Here, uri: Uri) -> View {
    let query = Query::of(&uri, &["code", "collection", "state", "before"])?;
    let state = query.text("state");
    if let Some(state) = state.filter(|state| !STATES.contains(state)) {
        return Err(Failure::Unclear(format!("{state:?} is none of the seven states.")));
    }
    let said = |name| query.text(name).map(str::to_owned);
    let search = PermitSearch {
        collection: said("collection"),
        state: said("state"),
        entity_code: said("code"),
    };
    let before = query.number("before")?;
    let client = page.pool.lend().await?;
    let found = browse::permits(&client, &search, before, SHOWN).await?;
    client.give_back();
    let rows = html! { @for one in &found.found { tr {
        th.number scope="row" { a href=(format!("/permits/{}", one.id)) { (one.id) } }
        td { (state_of(one)) @if one.break_glass.is_some() { " " (badge(Kind::Wary, "break-glass")) } }
        td { (one.kind) }
        td { (one.collection_name) }
        td { @match &one.entity_code { Some(code) => code { (code) }, None => span.quiet { "open" } } }
        td { (one.holder) }
        td { (time(&one.requested_at)) }
    } } };
    let columns = [
        Number("Permit"),
        Text("State"),
        Text("Kind"),
        Text("Collection"),
        Text("Entity"),
        Text("Holder"),
        Text("Requested (UTC)"),
    ];
    let body = html! {
        h1 { "Permits" }
        form.search method="get" action="/permits" role="search" aria-label="Permits" {
            div { label for="code" { "Entity code" } input id="code" name="code" value=[query.text("code")] maxlength="1000"; }
            div { label for="collection" { "Collection" } input id="collection" name="collection" value=[query.text("collection")] maxlength="200"; }
            div { label for="state" { "State" } select id="state" name="state" {
                option value="" { "any" }
                @for one in STATES { option selected[state == Some(one)] { (one) } }
            } }
            button { "Search" }
        }
        @if found.found.is_empty() { p { "No such permit among the " (count(found.looked)) " that were looked at." } }
        @else { (layout::table("Permits, the newest first", &columns, rows)) }
        (layout::pages(
            before.is_some().then(|| query.with("/permits", &[("before", None)])),
            found.next.map(|next| query.with("/permits", &[("before", Some(&next.to_string()))])),
            found.looked,
        ))
    };
    Ok(layout::page("Permits", Tab::Permits, body))
}

fn state_of(permit: &Permit) -> Markup {
    let kind = match permit.state.as_str() {
        "FINALIZED" => Kind::Good,
        "FAILED" => Kind::Bad,
        "EXPIRED" | "CANCELLED" => Kind::Wary,
        _ => Kind::Quiet,
    };
    badge(kind, &permit.state)
}

pub async fn one(State(page): Here, Path(id): Path<String>) -> View {
    let id = query::number(&id)?;
    let client = page.pool.lend().await?;
    let filter = Filter { id: Some(id), most: 1, ..Filter::default() };
    let permit = permit::list(&client, &filter).await?.pop();
    let births = browse::births_of_permit(&client, id).await?;
    client.give_back();
    let permit = permit.ok_or_else(|| Failure::NotFound(format!("There is no permit {id}.")))?;
    let title = format!("Permit {id}");
    let body = html! {
        h1 { (title) }
        p { (state_of(&permit)) @if permit.break_glass.is_some() { " " (badge(Kind::Wary, "break-glass")) } }
        dl.facts {
            dt { "For" } dd { (permit.kind) " of " @match &permit.entity_code {
                Some(code) => code { (code) },
                None => "any entity: the database makes its code",
            } " in " (permit.collection_name) }
            dt { "Requested by" } dd { (permit.requester) }
            dt { "Held by" } dd { (permit.holder) }
            @if let Some(why) = &permit.break_glass { dt { "The glass was broken because" } dd { (why) } }
            @if let Some(why) = &permit.ended_why { dt { "Ended because" } dd { (why) } }
        }
        h2 { "Time line" }
        ol.timeline { @for (at, what) in events(&permit, &births) { li { (time(&at)) " " (what) } } }
        h2 { "Births" }
        @if births.is_empty() { p { "It has made none, and ended none." } }
        @else { (registry::table("Births that it made or ended", &births)) }
    };
    Ok(layout::page(&title, Tab::Permits, body))
}

/// Everything that has a time, in the order in which it happens: what happens in one transaction may be told at its beginning.
fn events(permit: &Permit, births: &[Birth]) -> Vec<(String, Markup)> {
    let mut events: Vec<(String, Markup)> = Vec::new();
    let mut add = |at: &Option<String>, what: Markup| {
        events.extend(at.iter().map(|at| (at.clone(), what.clone())));
    };
    add(&Some(permit.requested_at.clone()), html! { "requested by " (permit.requester) });
    add(&permit.reserved_at, html! { "reserved for " (permit.holder) });
    add(&permit.consumed_at, html! { "consumed by an insert, or by what else it is for" });
    for birth in births {
        let entity = html! { code { (birth.entity_code) } " of " (birth.collection_name.as_deref().unwrap_or("no collection")) };
        if birth.permit_id == Some(permit.id) {
            add(&birth.born_at, html! { "birth of " (entity) });
            add(&birth.finalized_at, html! { "birth of " (entity) " finalised" });
        }
        if birth.retire_permit_id == Some(permit.id) {
            add(
                &birth.retired_at,
                html! { (entity) " retired" @if let Some(renamed) = registry::renamed(birth) { ": " (renamed) } },
            );
        }
    }
    add(&permit.finalized_at, html! { "permit finalised" });
    let ended = permit.ended_why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    add(&permit.ended_at, html! { "ended as " (permit.state) (ended) });
    // A permit that went its way does not expire any more.
    if permit.ended_at.is_none() && permit.finalized_at.is_none() {
        add(&Some(permit.expires_at.clone()), html! { "expires, unless it is spent before" });
    }
    events
}
