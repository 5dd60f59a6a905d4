//! An HTTP endpoint. Each request is signed as Standard Webhooks has it
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>), with a secret from a file.
//! The cursor is in a file beside the dead letters: an endpoint keeps none for us.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use birthgate::handoff::{Cursor, Event, Sink, SinkError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;
use ureq::Agent;

/// The longest pause that an endpoint may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Where and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The endpoint.
    pub url: String,
    /// The file of the secret: `whsec_` and base64, or any text.
    pub secret_file: PathBuf,
    /// The folder of the cursor and the dead letters.
    pub state: PathBuf,
    /// The most events of a request. With 1, each is a CloudEvent of its own; else a batch
    /// (`application/cloudevents-batch+json`).
    #[serde(default = "default_batch")]
    pub batch: usize,
    /// How often an event is tried that the endpoint refuses, before it becomes a dead letter.
    #[serde(default = "default_attempts")]
    pub attempts: u32,
    /// How long an answer may take, in seconds.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
}

fn default_batch() -> usize {
    100
}

fn default_attempts() -> u32 {
    5
}

fn default_timeout() -> u64 {
    10
}

/// The sink.
pub struct Webhook {
    config: Config,
    agent: Agent,
    /// Once it is open.
    secret: Option<Vec<u8>>,
}

/// What an endpoint said to a request.
enum Answer {
    Taken,
    /// It, or something before it, cannot answer now.
    Later(String, Option<Duration>),
    /// It does not want this.
    Refused(String),
}

impl Webhook {
    /// A sink; relative paths are taken from `base`.
    pub fn new(mut config: Config, base: &Path) -> Webhook {
        config.secret_file = base.join(config.secret_file);
        config.state = base.join(config.state);
        let agent = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(config.timeout_seconds)))
            .http_status_as_error(false)
            // A signed request is for the endpoint that was named, and no other.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent("birthgate")
            .tls_config(
                ureq::tls::TlsConfig::builder()
                    .root_certs(ureq::tls::RootCerts::PlatformVerifier)
                    .build(),
            )
            .build()
            .new_agent();
        Webhook { config, agent, secret: None }
    }

    fn begin(&mut self) -> Result<Option<Cursor>, SinkError> {
        let path = &self.config.secret_file;
        let text = fs::read_to_string(path).map_err(|error| {
            SinkError::Broken(format!("the secret's file {}: {error}", path.display()))
        })?;
        let text = text.trim();
        let secret = match text.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).map_err(|error| {
                SinkError::Broken(format!(
                    "{}: whsec_ is not followed by base64: {error}",
                    path.display()
                ))
            })?,
            None => text.as_bytes().to_vec(),
        };
        if secret.len() < 16 {
            return Err(SinkError::Broken(format!(
                "{}: a secret is 16 bytes at least; for example: openssl rand -base64 24",
                path.display()
            )));
        }
        fs::create_dir_all(&self.config.state).map_err(|error| self.io(error))?;
        self.secret = Some(secret);
        self.cursor()
    }

    fn cursor(&self) -> Result<Option<Cursor>, SinkError> {
        let path = self.config.state.join("cursor");
        match fs::read_to_string(&path) {
            Ok(text) => text
                .trim()
                .parse()
                .map(Some)
                .map_err(|()| SinkError::Lost(format!("{} holds no cursor", path.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.io(error)),
        }
    }

    /// Keeps the cursor: the whole of it, or that from before.
    fn keep(&self, cursor: &Cursor) -> Result<(), SinkError> {
        let keep = || {
            let new = self.config.state.join("cursor.new");
            let mut file = File::create(&new)?;
            writeln!(file, "{cursor}")?;
            file.sync_all()?;
            fs::rename(&new, self.config.state.join("cursor"))?;
            File::open(&self.config.state)?.sync_all()
        };
        keep().map_err(|error| self.io(error))
    }

    /// Keeps an event that the endpoint does not take.
    fn bury(&self, event: &Event, why: &str) -> Result<(), SinkError> {
        let letter = serde_json::json!({ "refused": why, "at": now(), "event": serde_json::from_str::<serde_json::Value>(&event.json).unwrap_or_default() });
        let bury = || {
            let path = self.config.state.join("dead-letters.ndjson");
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            file.write_all(format!("{letter}\n").as_bytes())?;
            file.sync_all()
        };
        bury().map_err(|error| self.io(error))
    }

    fn io(&self, error: std::io::Error) -> SinkError {
        SinkError::Unavailable(format!("{}: {error}", self.config.state.display()))
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// One request; blocks until it is answered.
fn post(agent: &Agent, url: &str, secret: &[u8], id: &str, kind: &str, body: &str) -> Answer {
    let timestamp = now();
    // An HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return Answer::Refused("the secret is no key".to_owned());
    };
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let answered = agent
        .post(url)
        .header("content-type", kind)
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp.to_string())
        .header("webhook-signature", format!("v1,{signature}"))
        .send(body);
    match answered {
        Ok(answer) if answer.status().is_success() => Answer::Taken,
        Ok(answer) => {
            let status = answer.status();
            let pause = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let pause = pause.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
            match status.as_u16() {
                408 | 425 | 429 | 502 | 503 | 504 => {
                    Answer::Later(format!("it answers {status}"), pause)
                }
                _ => Answer::Refused(format!("it answers {status}")),
            }
        }
        Err(error) => Answer::Later(error.to_string(), None),
    }
}

impl Webhook {
    /// Posts events in one request, until they are taken or refused for good; what is refused together is tried one by one.
    async fn send(&self, events: &[Event]) -> Result<(), SinkError> {
        let Some(secret) = &self.secret else {
            return Err(SinkError::Unavailable("it is not open".to_owned()));
        };
        let (kind, body) = match events {
            [event] => ("application/cloudevents+json", event.json.clone()),
            _ => {
                let all: Vec<&str> = events.iter().map(|event| event.json.as_str()).collect();
                ("application/cloudevents-batch+json", format!("[{}]", all.join(",")))
            }
        };
        let Some(last) = events.last() else { return Ok(()) };
        let (id, body) = (last.id.clone(), std::sync::Arc::new(body));
        let mut refusals = 0;
        loop {
            let (agent, url) = (self.agent.clone(), self.config.url.clone());
            let (secret, id, body) = (secret.clone(), id.clone(), body.clone());
            let posted =
                tokio::task::spawn_blocking(move || post(&agent, &url, &secret, &id, kind, &body));
            let answer = posted.await.map_err(|error| {
                SinkError::Unavailable(format!("a request was cut short: {error}"))
            })?;
            let why = match answer {
                Answer::Taken => return self.keep(&last.cursor),
                Answer::Later(why, pause) => {
                    if let Some(pause) = pause {
                        tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
                    }
                    return Err(SinkError::Unavailable(format!("{}: {why}", self.place())));
                }
                Answer::Refused(why) => why,
            };
            if events.len() > 1 {
                for event in events {
                    Box::pin(self.send(std::slice::from_ref(event))).await?;
                }
                return Ok(());
            }
            refusals += 1;
            if refusals >= self.config.attempts {
                self.bury(last, &why)?;
                return self.keep(&last.cursor);
            }
            tokio::time::sleep(Duration::from_millis(100 << refusals.min(6))).await;
        }
    }
}

impl Sink for Webhook {
    fn open(&mut self) -> BoxFuture<'_, Result<Option<Cursor>, SinkError>> {
        async { self.begin() }.boxed()
    }

    fn position(&mut self) -> BoxFuture<'_, Result<Option<Cursor>, SinkError>> {
        async { self.cursor() }.boxed()
    }

    fn deliver<'a>(&'a mut self, events: &'a [Event]) -> BoxFuture<'a, Result<(), SinkError>> {
        async move {
            for batch in events.chunks(self.config.batch.max(1)) {
                self.send(batch).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn place(&self) -> String {
        // What a URL says before its host is a secret.
        let (scheme, rest) = self.config.url.split_once("://").unwrap_or(("", &self.config.url));
        let host = rest.split('/').next().unwrap_or_default();
        let (user, host) = host.rsplit_once('@').map_or(("", host), |(_, host)| ("…@", host));
        let path =
            rest.split_once('/').map_or("", |(_, path)| path).split('?').next().unwrap_or_default();
        format!("{scheme}://{user}{host}/{path}")
    }
}
