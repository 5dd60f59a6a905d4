//! A stream of NATS JetStream. The cursor is that of the stream's last event. Each message names the one that it expects
//! before it, so that a message which fails takes all after it along, and a second writer is found out; and it has its
//! event's id as `Nats-Msg-Id`, so that what was stored and not acknowledged is not stored again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::jetstream::context::{
    GetStreamError, GetStreamErrorKind, PublishAckFuture, PublishErrorKind,
};
use async_nats::jetstream::{self, ErrorCode, message::PublishMessage, stream};
use async_nats::{ConnectOptions, ServerAddr};
use birthgate::handoff::{Cursor, Event, Sink, SinkError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::cursor_of;

const CONNECT: Duration = Duration::from_secs(5);
const ACKNOWLEDGE: Duration = Duration::from_secs(10);

/// Where and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The server: `nats://host:4222`, or `tls://…`. Several are separated by commas.
    pub url: String,
    /// The stream; it is made where it is not there.
    #[serde(default = "default_stream")]
    pub stream: String,
    /// What subjects begin with: `PREFIX.birth.COLLECTION`, `PREFIX.change.COLLECTION`.
    #[serde(default = "default_subject")]
    pub subject: String,
    /// A file of credentials, as `nsc` writes it.
    pub credentials: Option<PathBuf>,
    /// How many servers hold a copy of the stream, where it is made.
    #[serde(default = "default_replicas")]
    pub replicas: usize,
}

fn default_stream() -> String {
    "birthgate".to_owned()
}

fn default_subject() -> String {
    "birthgate".to_owned()
}

fn default_replicas() -> usize {
    1
}

/// The sink.
pub struct JetStream {
    config: Config,
    open: Option<Open>,
}

struct Open {
    context: jetstream::Context,
    /// The stream's last sequence.
    sequence: u64,
}

impl JetStream {
    /// A sink; a relative path of its credentials is taken from `base`.
    pub fn new(mut config: Config, base: &Path) -> JetStream {
        config.credentials = config.credentials.map(|path| base.join(path));
        JetStream { config, open: None }
    }

    async fn connect(&self) -> Result<jetstream::Context, SinkError> {
        let unavailable =
            |error: String| SinkError::Unavailable(format!("{}: {error}", self.place()));
        let mut servers = Vec::new();
        for url in self.config.url.split(',') {
            let server: ServerAddr = url.trim().parse().map_err(|error: std::io::Error| {
                SinkError::Broken(format!("{}: {error}", self.place()))
            })?;
            servers.push(server);
        }
        let mut options = ConnectOptions::new().connection_timeout(CONNECT).name("birthgate");
        if let Some(path) = &self.config.credentials {
            options = options
                .credentials_file(path)
                .await
                .map_err(|error| SinkError::Broken(format!("{}: {error}", path.display())))?;
        }
        let client =
            options.connect(servers).await.map_err(|error| unavailable(error.to_string()))?;
        let mut context = jetstream::new(client);
        context.set_timeout(ACKNOWLEDGE);
        Ok(context)
    }

    async fn begin(&mut self) -> Result<Option<Cursor>, SinkError> {
        self.open = None;
        let context = self.connect().await?;
        let stream = context
            .get_or_create_stream(stream::Config {
                name: self.config.stream.clone(),
                subjects: vec![format!("{}.>", self.config.subject)],
                num_replicas: self.config.replicas,
                ..stream::Config::default()
            })
            .await
            .map_err(|error| SinkError::Unavailable(format!("{}: {error}", self.place())))?;
        let (sequence, cursor) = self.last(stream).await?;
        self.open = Some(Open { context, sequence });
        cursor
    }

    /// The stream's last sequence, and the cursor of its last event.
    async fn last(
        &self,
        mut stream: stream::Stream,
    ) -> Result<(u64, Result<Option<Cursor>, SinkError>), SinkError> {
        let state = stream
            .info()
            .await
            .map_err(|error| SinkError::Unavailable(format!("{}: {error}", self.place())))?
            .state
            .clone();
        if state.last_sequence == 0 {
            return Ok((0, Ok(None)));
        }
        let lost = |why: &str| SinkError::Lost(format!("{why} {}", self.place()));
        let subject = format!("{}.>", self.config.subject);
        let last = match stream.get_last_raw_message_by_subject(&subject).await {
            Ok(last) => last,
            Err(error) if error.kind() == stream::LastRawMessageErrorKind::NoMessageFound => {
                return Ok((state.last_sequence, Err(lost("there is no message any more in"))));
            }
            Err(error) => {
                return Err(SinkError::Unavailable(format!("{}: {error}", self.place())));
            }
        };
        let cursor = cursor_of(&last.payload);
        let cursor = cursor.ok_or_else(|| lost("somebody else's message is the last of"));
        Ok((state.last_sequence, cursor.map(Some)))
    }

    /// The message of an event. It is stored after that one only, or, the first of several, after the sequence that is known:
    /// sequences alone would let one in the middle through when somebody else has stored just as many.
    fn message(event: &Event, after: Option<&Event>, sequence: u64) -> PublishMessage {
        let message = PublishMessage::build()
            .message_id(&event.id)
            .header("Content-Type", "application/cloudevents+json")
            .payload(event.json.clone().into());
        match after {
            Some(after) => message.expected_last_message_id(&after.id),
            None => message.expected_last_sequence(sequence),
        }
    }

    async fn publish(&mut self, events: &[Event]) -> Result<(), SinkError> {
        let Some(mut open) = self.open.take() else {
            return Err(SinkError::Unavailable("it is not open".to_owned()));
        };
        let unavailable = |error: &dyn std::fmt::Display| {
            SinkError::Unavailable(format!("{}: {error}", self.place()))
        };
        let mut rest = events;
        while !rest.is_empty() {
            let mut waiting: Vec<PublishAckFuture> = Vec::with_capacity(rest.len());
            let mut after = None;
            for event in rest {
                let message = Self::message(event, after, open.sequence);
                let sent = open.context.send_publish(self.subject(event), message).await;
                waiting.push(sent.map_err(|error| unavailable(&error))?);
                after = Some(event);
            }
            let mut delivered = 0;
            for acknowledgement in waiting {
                match acknowledgement.await {
                    // It is there already, from before an acknowledgement was lost; what follows expected it to be the last.
                    Ok(acknowledged) if acknowledged.duplicate => delivered += 1,
                    Ok(acknowledged) => {
                        open.sequence = acknowledged.sequence;
                        delivered += 1;
                    }
                    Err(error)
                        if error.kind() == PublishErrorKind::WrongLastMessageId
                            && delivered > 0 =>
                    {
                        break;
                    }
                    Err(error) => return Err(unavailable(&error)),
                }
            }
            rest = &rest[delivered..];
        }
        self.open = Some(open);
        Ok(())
    }

    fn subject(&self, event: &Event) -> String {
        // Dots, blanks and wildcards mean something in a subject.
        let collection: String = event
            .collection
            .as_deref()
            .filter(|name| !name.is_empty())
            .unwrap_or("_")
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
            .collect();
        format!("{}.{}.{collection}", self.config.subject, event.kind)
    }
}

/// Whether the server says that there is no such stream; anything else says nothing of it.
fn is_absent(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(said) if said.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

impl Sink for JetStream {
    fn open(&mut self) -> BoxFuture<'_, Result<Option<Cursor>, SinkError>> {
        self.begin().boxed()
    }

    fn position(&mut self) -> BoxFuture<'_, Result<Option<Cursor>, SinkError>> {
        async {
            let context = self.connect().await?;
            match context.get_stream(&self.config.stream).await {
                Ok(stream) => self.last(stream).await?.1,
                Err(error) if is_absent(&error) => Ok(None),
                Err(error) => Err(SinkError::Unavailable(format!("{}: {error}", self.place()))),
            }
        }
        .boxed()
    }

    fn deliver<'a>(&'a mut self, events: &'a [Event]) -> BoxFuture<'a, Result<(), SinkError>> {
        self.publish(events).boxed()
    }

    fn place(&self) -> String {
        // What a URL says before its host is a secret.
        let hosts = self.config.url.split(',').map(|url| {
            let (scheme, rest) = url.trim().split_once("://").unwrap_or(("nats", url.trim()));
            format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host))
        });
        format!("the stream {} of {}", self.config.stream, hosts.collect::<Vec<_>>().join(","))
    }
}
