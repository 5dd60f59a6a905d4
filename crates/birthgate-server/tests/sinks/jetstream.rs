use birthgate::handoff::SinkError;
use serde_json::json;
use testkit::Nats;

use crate::events::{births, last, sink};

fn stream(nats: &Nats) -> Box<dyn birthgate::handoff::Sink> {
    sink(
        nats.folder(),
        json!({ "name": "stream", "kind": "jetstream", "url": nats.url(), "stream": "s" }),
    )
}

async fn held(nats: &Nats) -> async_nats::jetstream::stream::Stream {
    let context = async_nats::jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    context.get_stream("s").await.unwrap()
}

#[tokio::test]
async fn each_event_is_there_once_whatever_is_sent_again() {
    let nats = Nats::start().await;
    let mut first = stream(&nats);
    assert_eq!(last(first.position().await), None);
    assert_eq!(last(first.open().await), None);
    first.deliver(&births(1..10)).await.unwrap();
    // Acknowledgements that were lost: the same again, and more.
    first.deliver(&births(5..15)).await.unwrap();
    let mut second = stream(&nats);
    assert_eq!(last(second.open().await), Some(14));
    assert_eq!(held(&nats).await.get_info().await.unwrap().state.messages, 14);
    let message = held(&nats).await.get_raw_message(1).await.unwrap();
    assert_eq!(message.subject.as_str(), "birthgate.birth.thing_a_b");
}

#[tokio::test]
async fn what_cannot_be_asked_is_not_said_to_be_empty() {
    let folder = tempfile::tempdir().unwrap();
    // A server of NATS without JetStream answers, and says nothing of any stream.
    let plain = Nats::plain().await;
    let url = plain.url().replace("://", "://user:password@");
    let config = json!({ "name": "stream", "kind": "jetstream", "url": url });
    let mut sink = sink(folder.path(), config);
    let refused = sink.position().await.unwrap_err();
    assert!(matches!(refused, SinkError::Unavailable(_)), "{refused}");
    assert!(!refused.to_string().contains("password"), "{refused}");
}

#[test]
fn a_setting_that_is_not_known_is_refused() {
    let config = |extra: &str| {
        let mut config = json!({ "name": "s", "kind": "ndjson", "folder": "f", "capture": true });
        config[extra] = json!(1);
        serde_json::from_value::<birthgate_server::sink::SinkConfig>(config)
    };
    assert!(config("rotate_mib").is_ok());
    assert!(config("rotate_mb").unwrap_err().to_string().contains("rotate_mb"));
}

#[tokio::test]
async fn a_second_writer_stores_nothing_out_of_order() {
    let nats = Nats::start().await;
    let (mut first, mut second) = (stream(&nats), stream(&nats));
    first.open().await.unwrap();
    second.open().await.unwrap();
    first.deliver(&births(1..10)).await.unwrap();
    assert!(matches!(second.deliver(&births(20..30)).await, Err(SinkError::Unavailable(_))));
    assert_eq!(last(second.open().await), Some(9));
    second.deliver(&births(10..12)).await.unwrap();
    assert_eq!(held(&nats).await.get_info().await.unwrap().state.messages, 11);
}

#[tokio::test]
async fn a_stream_that_lost_its_cursor_is_no_new_one() {
    let nats = Nats::start().await;
    let mut sink = stream(&nats);
    sink.open().await.unwrap();
    sink.deliver(&births(1..10)).await.unwrap();
    held(&nats).await.purge().await.unwrap();
    assert!(matches!(sink.open().await, Err(SinkError::Lost(_))));
    // Told from where on, it goes on.
    sink.deliver(&births(3..12)).await.unwrap();
    assert_eq!(last(sink.open().await), Some(11));
    let client = async_nats::connect(nats.url()).await.unwrap();
    client.publish("birthgate.birth.x", "hello".into()).await.unwrap();
    client.flush().await.unwrap();
    assert!(matches!(sink.open().await, Err(SinkError::Lost(_))));
}
