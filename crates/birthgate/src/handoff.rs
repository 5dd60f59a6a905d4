//! The handoff: every birth and every change to the registry, to where governance listens. It reads from outside, so that
//! no birth waits for it: no table, no trigger, no slot. Each sink has its own cursor, and none stops another.

mod activation;
mod cursor;
mod delivery;
mod event;
mod fence;
mod metrics;
mod reader;
mod sink;
mod tail;

pub use activation::{Activation, Beginning, activation};
pub use cursor::{Cursor, Mark};
pub use delivery::{Governance, Handoff, Since, SinkStatus, Start, rewind};
pub use event::{BirthData, ChangeData, CloudEvent, Data, Event};
pub use fence::Settled;
pub use metrics::metrics;
pub use reader::{Behind, Holder, behind, check, ready, source, stalled};
pub use sink::{Sink, SinkError};
pub use tail::{Stalled, View};
