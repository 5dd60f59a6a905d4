//! One entity after its birth: its end, its new name, what is known of it; and entities found outside.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};
use tokio_postgres::Client;

use crate::error::{Doing, Error, Result};
use crate::unprepared::Unprepared;

/// How an entity ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A born one: its birth is retired, its row deleted if it is there.
    Retire,
    /// A row without a birth is deleted.
    Discard,
}

/// Ends an entity under a permit of its own; answers the permit. With `cascade` the governed rows that
/// refer to it end first.
pub async fn end(
    client: &Client,
    end: End,
    collection: &str,
    entity_code: &str,
    idempotency_key: Option<&str>,
    cascade: bool,
) -> Result<i64> {
    let statement = match end {
        End::Retire => include_str!("../sql/query/retire.sql"),
        End::Discard => include_str!("../sql/query/discard.sql"),
    };
    let row = client
        .one_row(statement, &[&collection, &entity_code, &idempotency_key, &cascade])
        .await
        .doing("ending the entity")?;
    Ok(row.get(0))
}

/// Gives an entity another code under a rename permit; answers the permit.
pub async fn rename(
    client: &Client,
    collection: &str,
    from: &str,
    to: &str,
    idempotency_key: Option<&str>,
) -> Result<i64> {
    let row = client
        .one_row(
            include_str!("../sql/query/rename.sql"),
            &[&collection, &from, &to, &idempotency_key],
        )
        .await
        .doing("renaming the entity")?;
    Ok(row.get(0))
}

/// The births and permits of an entity, as one JSON object.
pub async fn show(client: &Client, collection: &str, entity_code: &str) -> Result<Value> {
    let row = client
        .one_row(include_str!("../sql/query/entity_show.sql"), &[&collection, &entity_code])
        .await
        .doing("looking at the entity")?;
    Ok(row.get(0))
}

/// A file that was registered.
#[derive(Clone, Debug, Serialize)]
pub struct Registered {
    /// Its name.
    pub file: String,
    /// Its row.
    pub row: Map<String, Value>,
    /// The permit under which it was born.
    pub permit_id: i64,
}

/// How the row of a file is made: columns and their templates, in which `{file}` is the file's name,
/// `{1}`, `{2}` … its parts between hyphens, and `{n}` a number that no code has had.
#[derive(Clone, Debug)]
pub struct FileRows {
    /// The collection.
    pub collection: String,
    /// The column that holds the file's name; a name that stands in it is registered already.
    pub name_column: String,
    /// Column and template.
    pub columns: Vec<(String, String)>,
}

/// Registers the files of a folder that have no row, each in a transaction of its own, as the registrar.
pub async fn register_folder(
    client: &Client,
    what: &FileRows,
    folder: &Path,
) -> Result<Vec<Registered>> {
    let names =
        crate::block::files_without_row(client, folder, &what.collection, &what.name_column)
            .await?;
    let mut registered = Vec::new();
    for name in names {
        let mut row = Map::new();
        for (column, template) in &what.columns {
            let value = fill_in(client, &what.collection, template, &name).await?;
            row.insert(column.clone(), Value::from(value));
        }
        row.entry(what.name_column.clone()).or_insert_with(|| Value::from(name.clone()));
        let key = format!("file:{name}");
        let permit_id = client
            .one_row(
                include_str!("../sql/query/register.sql"),
                &[&what.collection, &Value::Object(row.clone()), &key],
            )
            .await
            .doing("registering a file")?
            .get(0);
        registered.push(Registered { file: name, row, permit_id });
    }
    Ok(registered)
}

async fn fill_in(client: &Client, collection: &str, template: &str, name: &str) -> Result<String> {
    let mut text = template.replace("{file}", name);
    for (number, part) in name.split('-').enumerate() {
        text = text.replace(&format!("{{{}}}", number + 1), part);
    }
    if let Some((prefix, rest)) = text.clone().split_once("{n}") {
        let number: i64 = client
            .one_row(include_str!("../sql/query/next_number.sql"), &[&collection, &prefix])
            .await
            .doing("looking for a free number")?
            .get(0);
        text = format!("{prefix}{number}{rest}");
    }
    match text.contains(['{', '}']) {
        true => Err(Error::BadRow(format!(
            "{template:?} cannot be filled in for the file {name:?}: {text:?}"
        ))),
        false => Ok(text),
    }
}
