//! Rows to admit, read from CSV or NDJSON one at a time. A record that cannot be read costs itself
//! alone, and says on which line it is.

use std::io::{BufRead, Read};

use serde_json::{Map, Value};

use super::many::Column;
use crate::error::{Error, Result};

/// The longest record that is read; a longer one is passed over.
const LONGEST: usize = 16 << 20;

/// One record of the input.
#[derive(Debug)]
pub struct Record {
    /// Its first line, from 1.
    pub line: u64,
    /// The row, or why it is none.
    pub row: std::result::Result<Map<String, Value>, String>,
}

/// How the rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFormat {
    /// Comma-separated, with a header; an empty field is NULL.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

impl InputFormat {
    /// What the first byte that is no space speaks for: `{` begins a JSON object.
    pub fn guess(start: &[u8]) -> InputFormat {
        match start.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => InputFormat::Ndjson,
            _ => InputFormat::Csv,
        }
    }
}

/// The records of an input. Fails at once when it begins like something else: a CSV header that
/// names a column which is none of `columns`, a first line that is no JSON object.
pub fn records<'a>(
    input: impl BufRead + Send + 'a,
    format: InputFormat,
    columns: &[Column],
) -> Result<Box<dyn Iterator<Item = std::io::Result<Record>> + Send + 'a>> {
    match format {
        InputFormat::Csv => Ok(Box::new(Csv::begin(input, columns)?)),
        InputFormat::Ndjson => Ok(Box::new(Ndjson::begin(input)?)),
    }
}

struct Csv<R> {
    reader: csv::Reader<R>,
    header: Vec<Column>,
    record: csv::ByteRecord,
}

impl<R: Read> Csv<R> {
    fn begin(input: R, columns: &[Column]) -> Result<Csv<R>> {
        let bad = |why: String| Error::BadInput(format!("the first line is no CSV header: {why}"));
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
        let names = reader.headers().map_err(|error| bad(error.to_string()))?.clone();
        let mut header = Vec::new();
        for name in &names {
            let Some(column) = columns.iter().find(|column| column.name == name) else {
                let name: String = name.chars().take(63).collect();
                let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
                let known = known.join(", ");
                return Err(bad(format!("{name:?} is no column of the table, which has {known}")));
            };
            header.push(column.clone());
        }
        Ok(Csv { reader, header, record: csv::ByteRecord::new() })
    }

    fn row(&self) -> std::result::Result<Map<String, Value>, String> {
        if self.record.len() != self.header.len() {
            return Err(format!(
                "it has {} fields, and the header {}",
                self.record.len(),
                self.header.len()
            ));
        }
        if self.record.as_slice().len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} bytes"));
        }
        let mut row = Map::new();
        for (column, field) in self.header.iter().zip(&self.record) {
            let text = std::str::from_utf8(field).map_err(|_| "it is not UTF-8".to_owned())?;
            let value = match text {
                "" => Value::Null,
                _ if column.is_json => serde_json::from_str(text)
                    .map_err(|error| format!("{} is no JSON: {error}", column.name))?,
                _ => Value::from(text),
            };
            row.insert(column.name.clone(), value);
        }
        Ok(row)
    }
}

impl<R: Read> Iterator for Csv<R> {
    type Item = std::io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => {
                let line = self.record.position().map_or(0, csv::Position::line);
                Some(Ok(Record { line, row: self.row() }))
            }
            Err(error) => Some(Err(error.into())),
        }
    }
}

struct Ndjson<R> {
    input: R,
    line: u64,
    text: Vec<u8>,
    first: Option<Record>,
}

impl<R: BufRead> Ndjson<R> {
    fn begin(input: R) -> Result<Ndjson<R>> {
        let mut ndjson = Ndjson { input, line: 0, text: Vec::new(), first: None };
        match ndjson.read() {
            None => {}
            Some(Ok(Record { row: Err(why), line })) => {
                return Err(Error::BadInput(format!("line {line} is no JSON object: {why}")));
            }
            Some(Ok(first)) => ndjson.first = Some(first),
            Some(Err(error)) => return Err(Error::BadInput(error.to_string())),
        }
        Ok(ndjson)
    }

    /// The next line that is not blank.
    fn read(&mut self) -> Option<std::io::Result<Record>> {
        loop {
            self.text.clear();
            let limit = LONGEST as u64 + 1;
            match self.input.by_ref().take(limit).read_until(b'\n', &mut self.text) {
                Ok(0) => return None,
                Ok(_) => self.line += 1,
                Err(error) => return Some(Err(error)),
            }
            let row = if self.text.len() > LONGEST && !self.text.ends_with(b"\n") {
                if let Err(error) = self.skip_line() {
                    return Some(Err(error));
                }
                Err(format!("it is longer than {LONGEST} bytes"))
            } else if self.text.trim_ascii().is_empty() {
                continue;
            } else {
                serde_json::from_slice(&self.text).map_err(|error| error.to_string())
            };
            return Some(Ok(Record { line: self.line, row }));
        }
    }

    fn skip_line(&mut self) -> std::io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Ok(());
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(buffer.len(), |at| at + 1);
            self.input.consume(used);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

impl<R: BufRead> Iterator for Ndjson<R> {
    type Item = std::io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        self.first.take().map(Ok).or_else(|| self.read())
    }
}
