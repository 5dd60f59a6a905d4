//! Where events go. A sink keeps its cursor itself, together with what it was given: what is delivered and how far it has come
//! can then never disagree.

use futures_util::future::BoxFuture;

use super::cursor::Cursor;
use super::event::Event;

/// Why a sink did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// It may well work when it is tried again.
    #[error("{0}")]
    Unavailable(String),
    /// It will not work until somebody has done something about it.
    #[error("{0}")]
    Broken(String),
    /// It can be written to, and does not know any more how far it has come: it has to be told from where on it is to be given
    /// everything again.
    #[error(
        "{0}, so that it is not known how far it has come: birthgate handoff replay SINK --from TIME"
    )]
    Lost(String),
}

/// Where events go.
///
/// Everything of a batch is delivered, durably, before [`Sink::deliver`] answers; when it fails, any part from the
/// beginning of the batch may have been. Afterwards, and after a crash, [`Sink::open`] says how far it has come. An event may
/// be delivered more than once, and never not at all.
pub trait Sink: Send {
    /// Makes it ready to be written to, and says how far it has come; `None` when it has nothing.
    fn open(&mut self) -> BoxFuture<'_, Result<Option<Cursor>, SinkError>>;

    /// Says how far it has come, and changes nothing. Somebody else may be writing to it.
    fn position(&mut self) -> BoxFuture<'_, Result<Option<Cursor>, SinkError>>;

    /// Delivers the events, in order.
    fn deliver<'a>(&'a mut self, events: &'a [Event]) -> BoxFuture<'a, Result<(), SinkError>>;

    /// Where it is, for people.
    fn place(&self) -> String;
}
