use std::fs;
use std::path::Path;

use birthgate::handoff::SinkError;
use serde_json::json;

use crate::events::{births, last, sink};

fn files(folder: &Path) -> Box<dyn birthgate::handoff::Sink> {
    sink(folder, json!({ "name": "files", "kind": "ndjson", "folder": "files", "rotate_mib": 1 }))
}

fn ids(folder: &Path) -> Vec<String> {
    let mut files: Vec<_> =
        fs::read_dir(folder.join("files")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let events = files.iter().filter(|path| path.extension().is_some_and(|it| it == "ndjson"));
    let text: String = events.map(|path| fs::read_to_string(path).unwrap()).collect();
    text.lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn goes_on_exactly_where_a_crash_left_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = files(folder.path());
    assert_eq!(last(first.open().await), None);
    first.deliver(&births(1..5)).await.unwrap();
    drop(first);
    // A crash in the middle of a line, and one that left nothing but the next file's name.
    let file = folder.path().join("files/events-000001.ndjson");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{whole}{{\"id\":\"birth-5-0")).unwrap();
    fs::write(folder.path().join("files/events-000002.ndjson"), "{\"id").unwrap();
    // Who only looks changes nothing.
    assert_eq!(last(files(folder.path()).position().await), Some(4));
    assert_ne!(fs::read_to_string(&file).unwrap(), whole);
    fs::remove_file(folder.path().join("files/events-000002.ndjson")).unwrap();
    let mut second = files(folder.path());
    assert_eq!(last(second.open().await), Some(4));
    second.deliver(&births(5..8)).await.unwrap();
    let all: Vec<String> = births(1..8).into_iter().map(|event| event.id).collect();
    assert_eq!(ids(folder.path()), all);
}

#[tokio::test]
async fn rotates_and_goes_on_from_an_empty_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = files(folder.path());
    sink.open().await.unwrap();
    sink.deliver(&births(1..20_000)).await.unwrap();
    drop(sink);
    let new = folder.path().join("files/events-000002.ndjson");
    assert_eq!(fs::read_to_string(&new).unwrap(), "");
    let mut sink = files(folder.path());
    assert_eq!(last(sink.open().await), Some(19_999));
    sink.deliver(&births(20_000..20_001)).await.unwrap();
    assert_eq!(fs::read_to_string(&new).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn a_second_writer_and_a_foreign_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (mut first, mut second) = (files(folder.path()), files(folder.path()));
    first.open().await.unwrap();
    let refused = second.open().await.unwrap_err();
    assert!(refused.to_string().contains("another process"), "{refused}");
    drop(first);
    fs::write(folder.path().join("files/events-000001.ndjson"), "hello\n").unwrap();
    assert!(matches!(second.open().await, Err(SinkError::Lost(_))));
    fs::remove_dir_all(folder.path().join("files")).unwrap();
    fs::write(folder.path().join("files"), "no folder").unwrap();
    assert!(matches!(second.open().await, Err(SinkError::Unavailable(_))));
    // Nothing is said to be delivered that went nowhere.
    assert!(second.deliver(&births(1..2)).await.is_err());
}
