//! What a command prints on stdout: text, or one JSON document.

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::error::Result;

/// The version of the documents' envelope.
const SCHEMA: &str = "birthgate/1";

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

#[derive(Serialize)]
struct Document<'a, T> {
    schema: &'a str,
    command: &'a str,
    result: T,
}

/// Stdout.
#[derive(Debug)]
pub struct Output {
    format: Format,
}

impl Output {
    /// Prints in this format.
    pub fn new(format: Format) -> Output {
        Output { format }
    }

    /// Whether a person reads along.
    pub fn is_text(&self) -> bool {
        self.format == Format::Text
    }

    /// A line for people; nothing in JSON.
    pub fn say(&self, line: impl AsRef<str>) {
        if self.is_text() {
            println!("{}", line.as_ref());
        }
    }

    /// A table for people; nothing in JSON.
    pub fn table(&self, header: &[&str], rows: Vec<Vec<String>>) {
        if self.is_text() {
            let mut table = Table::new();
            table
                .load_preset(presets::NOTHING)
                .set_content_arrangement(ContentArrangement::Disabled)
                .set_header(header)
                .add_rows(rows);
            for line in table.lines() {
                println!("{}", line.trim_end());
            }
        }
    }

    /// The command's result: the document in JSON, nothing for people, who have read it already.
    pub fn result(&self, command: &str, result: impl Serialize) -> Result {
        if !self.is_text() {
            let document = Document { schema: SCHEMA, command, result };
            println!("{}", serde_json::to_string_pretty(&document)?);
        }
        Ok(())
    }
}
