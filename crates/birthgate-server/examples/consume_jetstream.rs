//! Reads a stream as a durable consumer, until nothing came for a second; run it again for what came since.
//! `consume_jetstream URL STREAM`
use std::{env, time::Duration};

use async_nats::jetstream::{self, consumer::pull};
use futures_util::StreamExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(url), Some(stream)) = (arguments.next(), arguments.next()) else {
        return Err("usage: consume_jetstream URL STREAM".into());
    };
    let context = jetstream::new(async_nats::connect(url).await?);
    let durable = Some("example-rust".to_owned());
    let config = pull::Config { durable_name: durable, ..Default::default() };
    let stream = context.get_stream(stream).await?;
    let consumer = stream.get_or_create_consumer("example-rust", config).await?;
    let mut messages = consumer.messages().await?;
    while let Ok(Some(message)) =
        tokio::time::timeout(Duration::from_secs(1), messages.next()).await
    {
        let message = message.map_err(|error| error.to_string())?;
        let event: serde_json::Value = serde_json::from_slice(&message.payload)?;
        println!("{} {}", event["id"], event["subject"]);
        message.ack().await.map_err(|error| error.to_string())?;
    }
    Ok(())
}
