use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use birthgate::handoff::SinkError;
use serde_json::json;

use crate::events::{births, last, sink};

type Requests = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// An endpoint that answers as it is told; what it was sent.
async fn endpoint(
    answer: impl Fn(&str) -> StatusCode + Clone + Send + Sync + 'static,
) -> (String, Requests) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://user:password@{}/events?token=x", listener.local_addr().unwrap());
    let requests = Requests::default();
    let kept = requests.clone();
    let take = move |headers: HeaderMap, body: Bytes| async move {
        let body = String::from_utf8(body.to_vec()).unwrap();
        let status = answer(&body);
        kept.lock().unwrap().push((headers, body));
        (status, [("location", "http://127.0.0.1:1/elsewhere")])
    };
    tokio::spawn(
        async move { axum::serve(listener, Router::new().route("/events", post(take))).await },
    );
    (url, requests)
}

fn hook(folder: &Path, url: &str) -> Box<dyn birthgate::handoff::Sink> {
    std::fs::write(folder.join("secret"), "whsec_MDEyMzQ1Njc4OWFiY2RlZg==\n").unwrap();
    sink(
        folder,
        json!({ "name": "hook", "kind": "webhook", "url": url, "secret_file": "secret", "state": "hook", "attempts": 2, "batch": 3 }),
    )
}

#[tokio::test]
async fn signs_what_it_sends_and_keeps_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (url, requests) = endpoint(|_| StatusCode::OK).await;
    let mut sink = hook(folder.path(), &url);
    assert_eq!(last(sink.open().await), None);
    sink.deliver(&births(1..5)).await.unwrap();
    let requests = requests.lock().unwrap().clone();
    let kinds: Vec<&str> =
        requests.iter().map(|(headers, _)| headers["content-type"].to_str().unwrap()).collect();
    assert_eq!(kinds, ["application/cloudevents-batch+json", "application/cloudevents+json"]);
    let (headers, body) = &requests[0];
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(body).unwrap().as_array().unwrap().len(),
        3
    );
    // Verified by somebody else's HMAC.
    let text = format!(
        "{}.{}.{body}",
        headers["webhook-id"].to_str().unwrap(),
        headers["webhook-timestamp"].to_str().unwrap()
    );
    let python = "import base64,hmac,sys; print('v1,' + base64.b64encode(hmac.digest(b'0123456789abcdef', sys.argv[1].encode(), 'sha256')).decode())";
    let output = std::process::Command::new("python3")
        .args(["-c", python, &text])
        .output()
        .expect("python3 is needed");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim(),
        headers["webhook-signature"].to_str().unwrap()
    );
    assert_eq!(last(hook(folder.path(), &url).open().await), Some(4));
    // What is said of it tells no secret.
    assert!(
        !sink.place().contains("password") && !sink.place().contains("token"),
        "{}",
        sink.place()
    );
}

#[tokio::test]
async fn what_is_refused_for_good_becomes_a_dead_letter_and_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let poison = |body: &str| match body.contains("birth-2-") {
        true => StatusCode::UNPROCESSABLE_ENTITY,
        false => StatusCode::OK,
    };
    let (url, requests) = endpoint(poison).await;
    let mut sink = hook(folder.path(), &url);
    sink.open().await.unwrap();
    sink.deliver(&births(1..6)).await.unwrap();
    assert_eq!(last(sink.position().await), Some(5));
    // The three together, the first, the second twice, the third, and the other two.
    assert_eq!(requests.lock().unwrap().len(), 6);
    let letters = std::fs::read_to_string(folder.path().join("hook/dead-letters.ndjson")).unwrap();
    let letters: Vec<serde_json::Value> =
        letters.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["event"]["subject"], "thing/2");
    assert!(letters[0]["refused"].as_str().unwrap().contains("422"));
}

#[tokio::test]
async fn an_endpoint_that_cannot_answer_is_asked_again_and_nothing_buried() {
    let folder = tempfile::tempdir().unwrap();
    for status in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS] {
        let (url, _) = endpoint(move |_| status).await;
        let mut sink = hook(folder.path(), &url);
        sink.open().await.unwrap();
        assert!(matches!(sink.deliver(&births(1..3)).await, Err(SinkError::Unavailable(_))));
    }
    let mut sink = hook(folder.path(), "http://127.0.0.1:1/events");
    sink.open().await.unwrap();
    assert!(matches!(sink.deliver(&births(1..3)).await, Err(SinkError::Unavailable(_))));
    assert_eq!(last(sink.position().await), None);
    assert!(!folder.path().join("hook/dead-letters.ndjson").exists());
}

#[tokio::test]
async fn is_not_sent_elsewhere_and_needs_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (url, requests) = endpoint(|_| StatusCode::TEMPORARY_REDIRECT).await;
    let mut sink = hook(folder.path(), &url);
    sink.open().await.unwrap();
    sink.deliver(&births(1..2)).await.unwrap();
    assert_eq!(requests.lock().unwrap().len(), 2, "refused, and never followed");
    for bad in ["short", "whsec_%%%"] {
        let mut sink = hook(folder.path(), &url);
        std::fs::write(folder.path().join("secret"), bad).unwrap();
        assert!(matches!(sink.open().await, Err(SinkError::Broken(_))), "{bad}");
    }
    let mut sink = hook(folder.path(), &url);
    std::fs::remove_file(folder.path().join("secret")).unwrap();
    assert!(matches!(sink.open().await, Err(SinkError::Broken(_))));
}
