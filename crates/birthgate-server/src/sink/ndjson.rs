//! Files of lines of JSON, one event a line, numbered and rotated by size. The cursor is the last whole line's; what a crash
//! left of a further one is cut off before anything is appended, so that no line is there twice.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use birthgate::handoff::{Cursor, Event, Sink, SinkError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use nix::fcntl::{Flock, FlockArg};
use serde::Deserialize;

use super::cursor_of;

/// The end of a file that is searched for its last line; an event is far smaller.
const TAIL: u64 = 4 << 20;

/// Where and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder of the files.
    pub folder: PathBuf,
    /// The size from which on a file is followed by the next, in MiB.
    #[serde(default = "default_rotate")]
    pub rotate_mib: u64,
}

fn default_rotate() -> u64 {
    256
}

/// The sink.
pub struct Ndjson {
    folder: PathBuf,
    rotate: u64,
    open: Option<Open>,
}

/// The file that is appended to, and its lock: one process writes a folder.
struct Open {
    file: File,
    number: u64,
    length: u64,
    _lock: Flock<File>,
}

impl Ndjson {
    /// A sink in a folder, which is taken from `base` when it is relative.
    pub fn new(config: Config, base: &Path) -> Ndjson {
        Ndjson { folder: base.join(config.folder), rotate: config.rotate_mib << 20, open: None }
    }

    fn begin(&mut self) -> Result<Option<Cursor>, SinkError> {
        self.open = None;
        let io = |path: &Path| {
            let path = path.display().to_string();
            move |error: std::io::Error| SinkError::Unavailable(format!("{path}: {error}"))
        };
        fs::create_dir_all(&self.folder).map_err(io(&self.folder))?;
        let path = self.folder.join("lock");
        let lock = File::create(&path).map_err(io(&path))?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|_| {
            SinkError::Unavailable(format!(
                "{} is written by another process",
                self.folder.display()
            ))
        })?;
        let number = numbers(&self.folder).map_err(io(&self.folder))?.last().copied().unwrap_or(1);
        let path = file_of(&self.folder, number);
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(&path)
            .map_err(io(&path))?;
        // What is there counts as delivered, so it must be on disk, whoever wrote it.
        let whole = whole_lines(&mut file).map_err(io(&path))?.length;
        file.set_len(whole).and_then(|()| file.sync_all()).map_err(io(&path))?;
        sync_folder(&self.folder).map_err(io(&self.folder))?;
        self.open = Some(Open { file, number, length: whole, _lock: lock });
        self.last()
    }

    /// The cursor of the last whole line of all files.
    fn last(&self) -> Result<Option<Cursor>, SinkError> {
        let io = |error: std::io::Error| {
            SinkError::Unavailable(format!("{}: {error}", self.folder.display()))
        };
        if !self.folder.exists() {
            return Ok(None);
        }
        for number in numbers(&self.folder).map_err(io)?.into_iter().rev() {
            let path = file_of(&self.folder, number);
            let mut file = File::open(&path).map_err(io)?;
            let Some(line) = whole_lines(&mut file).map_err(io)?.last else { continue };
            let cursor = cursor_of(&line).ok_or_else(|| {
                SinkError::Lost(format!("the last line of {} is no event", path.display()))
            })?;
            return Ok(Some(cursor));
        }
        Ok(None)
    }

    fn append(&mut self, text: &[u8]) -> Result<(), SinkError> {
        let Some(mut open) = self.open.take() else {
            return Err(SinkError::Unavailable("it is not open".to_owned()));
        };
        let path = file_of(&self.folder, open.number);
        let io =
            |error: std::io::Error| SinkError::Unavailable(format!("{}: {error}", path.display()));
        // A write that failed leaves part of a line; opening cuts it off again.
        open.file.write_all(text).and_then(|()| open.file.sync_data()).map_err(io)?;
        open.length += text.len() as u64;
        if open.length >= self.rotate {
            open.number += 1;
            let path = file_of(&self.folder, open.number);
            open.file = OpenOptions::new().create_new(true).append(true).open(path).map_err(io)?;
            sync_folder(&self.folder).map_err(io)?;
            open.length = 0;
        }
        self.open = Some(open);
        Ok(())
    }
}

impl Sink for Ndjson {
    fn open(&mut self) -> BoxFuture<'_, Result<Option<Cursor>, SinkError>> {
        async { apart(self, Ndjson::begin).await }.boxed()
    }

    fn position(&mut self) -> BoxFuture<'_, Result<Option<Cursor>, SinkError>> {
        async { self.last() }.boxed()
    }

    fn deliver<'a>(&'a mut self, events: &'a [Event]) -> BoxFuture<'a, Result<(), SinkError>> {
        async move {
            let mut text =
                Vec::with_capacity(events.iter().map(|event| event.json.len() + 1).sum());
            for event in events {
                text.extend_from_slice(event.json.as_bytes());
                text.push(b'\n');
            }
            apart(self, move |sink| sink.append(&text)).await
        }
        .boxed()
    }

    fn place(&self) -> String {
        self.folder.display().to_string()
    }
}

/// Does what waits for a disk on a thread where nobody else waits for it.
async fn apart<T: Send + 'static>(
    sink: &mut Ndjson,
    act: impl FnOnce(&mut Ndjson) -> Result<T, SinkError> + Send + 'static,
) -> Result<T, SinkError> {
    let mut own =
        Ndjson { folder: sink.folder.clone(), rotate: sink.rotate, open: sink.open.take() };
    let done = tokio::task::spawn_blocking(move || {
        let outcome = act(&mut own);
        (own.open, outcome)
    });
    match done.await {
        Ok((open, outcome)) => {
            sink.open = open;
            outcome
        }
        Err(error) => Err(SinkError::Unavailable(format!("writing was cut short: {error}"))),
    }
}

fn file_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("events-{number:06}.ndjson"))
}

/// The numbers of the files that are there, in order.
fn numbers(folder: &Path) -> std::io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_string_lossy().strip_prefix("events-").and_then(|rest| {
            rest.strip_suffix(".ndjson").and_then(|number| number.parse::<u64>().ok())
        });
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The whole lines of a file: their length in bytes, and the last of them.
struct Whole {
    length: u64,
    last: Option<Vec<u8>>,
}

fn whole_lines(file: &mut File) -> std::io::Result<Whole> {
    let size = file.metadata()?.len();
    let from = size.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let Some(end) = text.iter().rposition(|byte| *byte == b'\n') else {
        return match from {
            0 => Ok(Whole { length: 0, last: None }),
            _ => Err(std::io::Error::other("its last 4 MiB hold no line's end")),
        };
    };
    let start = text[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Ok(Whole { length: from + end as u64 + 1, last: Some(text[start..end].to_vec()) })
}

/// Makes a new file's name durable.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}
