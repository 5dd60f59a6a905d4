//! A database that Birthgate works on: how to reach it, and what is worth a second try.

use std::future::poll_fn;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Doing, Error, Result};
use crate::tls::{self, Trust};
use crate::unprepared::Unprepared;

/// An option of the connection that a pooler does not pass on: where it arrives, the session is one client's.
const DIRECT: &str = "-c birthgate.direct=on";

/// How to reach a database. Cloning is cheap; each [`Database::connect`] is a connection of its own.
#[derive(Clone)]
pub struct Database {
    config: Config,
    trust: Trust,
    tls: MakeRustlsConnect,
}

impl Database {
    /// A database reached by this configuration. TLS is used as its `sslmode` says, and whoever answers is believed; a unix
    /// socket never uses it.
    pub fn new(config: Config) -> Result<Database> {
        Database::trusting(config, Trust::Any)
    }

    /// A database reached by this configuration, whose server shows a certificate that is trusted so. Reads the certificates
    /// of the authorities.
    pub fn trusting(mut config: Config, mut trust: Trust) -> Result<Database> {
        let is_local = |host: &Host| matches!(host, Host::Unix(_));
        if !config.get_hosts().is_empty() && config.get_hosts().iter().all(is_local) {
            // PostgreSQL has no TLS there, and libpq does not ask for it.
            config.ssl_mode(SslMode::Disable);
            trust = Trust::Any;
        } else if trust != Trust::Any {
            // Else a server without TLS would be believed without a certificate.
            config.ssl_mode(SslMode::Require);
        }
        let tls = tls::connector(&trust)?;
        Ok(Database { config, trust, tls })
    }

    /// Connects, for our own statements: names are looked up in `pg_catalog` alone, so that nobody's function stands before the
    /// server's. The connection is driven by a task of the current runtime and ends with the client.
    pub async fn connect(&self) -> Result<Client> {
        let client = match self.connect_with(Some(DIRECT), |_| {}).await {
            // A pooler refuses what it cannot keep for one client.
            Err(Error::Connect { source, .. })
                if source.code() == Some(&SqlState::PROTOCOL_VIOLATION) =>
            {
                self.connect_for_others().await?
            }
            outcome => outcome?,
        };
        let pin = include_str!("../sql/session/pin.sql");
        client.batch_execute(pin).await.doing("beginning a session")?;
        Ok(client)
    }

    /// Connects, for other people's statements: names are looked up as the login looks them up.
    pub async fn connect_for_others(&self) -> Result<Client> {
        self.connect_hearing(|_| {}).await
    }

    /// The relation that somebody names, with its schema, found as the login finds it; the name itself where there is none.
    pub async fn qualified(&self, name: &str) -> Result<String> {
        let client = self.connect_for_others().await?;
        let row = client.optional_row(include_str!("../sql/session/qualified.sql"), &[&name]).await;
        Ok(match row.doing("looking for the table")? {
            Some(row) => format!("{}.{}", quoted(row.get("schema")), quoted(row.get("name"))),
            None => name.to_owned(),
        })
    }

    /// Connects, under this name, for what nobody waits for: a statement of it ends after a time, it never queues for long before
    /// somebody's DDL, and if this process hangs it holds nobody up.
    pub async fn connect_in_background(&self, name: &str, statement: Duration) -> Result<Client> {
        in_background(self.connect().await?, name, statement).await
    }

    /// The same, for what writes other people's tables: their triggers look names up as the login does.
    pub async fn connect_in_background_for_others(
        &self,
        name: &str,
        statement: Duration,
    ) -> Result<Client> {
        in_background(self.connect_for_others().await?, name, statement).await
    }

    /// Connects, for other people's statements, and hears the notices of the server.
    pub(crate) async fn connect_hearing(
        &self,
        hear: impl FnMut(&DbError) + Send + 'static,
    ) -> Result<Client> {
        self.connect_with(None, hear).await
    }

    async fn connect_with(
        &self,
        options: Option<&str>,
        mut hear: impl FnMut(&DbError) + Send + 'static,
    ) -> Result<Client> {
        let mut config = self.config.clone();
        if let Some(more) = options {
            config.options(format!("{} {more}", config.get_options().unwrap_or_default()).trim());
        }
        let (client, mut connection) = config
            .connect(self.tls.clone())
            .await
            .map_err(|source| Error::Connect { place: self.place(), source })?;
        tokio::spawn(async move {
            // What breaks the connection reaches whoever waits for an answer on the client.
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await
            {
                if let AsyncMessage::Notice(notice) = message {
                    hear(&notice);
                }
            }
        });
        Ok(client)
    }

    /// Where it is, in words.
    fn place(&self) -> String {
        let ports = self.config.get_ports();
        let hosts = self.config.get_hosts().iter().enumerate().map(|(at, host)| {
            // One port serves all hosts; none is the usual one.
            let port = ports.get(at).or(ports.first()).unwrap_or(&5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(folder) => format!("{}/.s.PGSQL.{port}", folder.display()),
            }
        });
        let mut place = hosts.collect::<Vec<_>>().join(", ");
        if let Some(database) = self.config.get_dbname() {
            place.push_str(&format!(", database {database}"));
        }
        if let Some(user) = self.config.get_user() {
            place.push_str(&format!(", as {user}"));
        }
        place
    }

    /// How it is reached.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Which certificate it has to show.
    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Cancels what the client is doing; that it may have ended meanwhile is no failure.
    pub(crate) async fn cancel(&self, token: &CancelToken) {
        let _ = token.cancel_query(self.tls.clone()).await;
    }
}

async fn in_background(client: Client, name: &str, statement: Duration) -> Result<Client> {
    let milliseconds = statement.as_millis();
    let settings = format!(
        "SET application_name = '{name}'; SET lock_timeout = '2s'; SET idle_in_transaction_session_timeout = '1min'; SET statement_timeout = {milliseconds}"
    );
    client.batch_execute(&settings).await.doing("beginning a session in the background")?;
    Ok(client)
}

/// An identifier as SQL writes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Whether the same attempt, made again, may well succeed: a conflict with another transaction, a
/// lock that was not to be had, a server that restarts, a connection that was lost.
pub fn is_transient(error: &Error) -> bool {
    let source = match error {
        Error::Database { source, .. } | Error::Connect { source, .. } => source,
        _ => return false,
    };
    match source.code() {
        Some(code) => [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::TOO_MANY_CONNECTIONS,
        ]
        .contains(code),
        // Without a code it did not come from the server: the connection is lost or was never made.
        None => true,
    }
}

/// What was tried, and how often it may be tried again.
pub(crate) struct Attempts<W> {
    pub made: u32,
    waits: W,
}

/// A first attempt, and so many more after transient errors.
pub(crate) fn attempts(more: usize) -> Attempts<impl Iterator<Item = Duration>> {
    Attempts { made: 1, waits: waits(more) }
}

impl<W: Iterator<Item = Duration>> Attempts<W> {
    /// Waits until the next attempt, when the error of this one is transient and there is one left.
    pub async fn after(&mut self, error: Error) -> Result<()> {
        if !is_transient(&error) {
            return Err(error);
        }
        let Some(wait) = self.waits.next() else {
            return Err(Error::GaveUp { attempts: self.made, last: Box::new(error) });
        };
        tokio::time::sleep(wait).await;
        self.made += 1;
        Ok(())
    }
}

/// The waits between attempts: jittered, doubling, bounded.
pub(crate) fn waits(attempts: usize) -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(2))
        .with_jitter()
        .with_max_times(attempts)
        .build()
}
