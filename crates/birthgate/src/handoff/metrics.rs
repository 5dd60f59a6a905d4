//! What a run knows of itself, as Prometheus reads it.

use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use super::delivery::{Governance, SinkStatus, lock};
use super::tail::View;
use crate::exposition::{Exposition, labels};

/// Adds the metrics of a run.
pub fn metrics(
    view: &View,
    governance: &Governance,
    sinks: &[Arc<Mutex<SinkStatus>>],
    into: &mut Exposition,
) {
    let mut metric = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
        into.add(&format!("handoff_{name}"), kind, help, samples);
    };
    let settled =
        view.settled.map_or((0, 0), |settled| (settled.births.max(0), settled.changes.max(0)));
    metric(
        "settled_id",
        "gauge",
        "The id up to which everything is there and stays.",
        &[
            ("{table=\"birth_registry\"}".to_owned(), settled.0 as f64),
            ("{table=\"registry_changelog\"}".to_owned(), settled.1 as f64),
        ],
    );
    let up = f64::from(u8::from(view.problem.is_none() && view.settled.is_some()));
    metric("tail_up", "gauge", "Whether births and changes are seen.", &[(String::new(), up)]);
    let stalled = view.stalled.as_ref();
    metric(
        "fence_stalled_seconds",
        "gauge",
        "For how long the fence has been waiting; 0 below a second.",
        &[(String::new(), stalled.map_or(0.0, |stalled| stalled.seconds))],
    );
    let holders: Vec<(String, f64)> = stalled
        .into_iter()
        .flat_map(|stalled| &stalled.holders)
        .map(|holder| {
            let pid = holder.pid.map(|pid| pid.to_string());
            let of = labels([
                ("pid", pid.as_deref()),
                ("prepared", holder.prepared.as_deref()),
                ("user", holder.login.as_deref()),
                ("query_start", holder.query_start.as_deref()),
            ]);
            (of, 1.0)
        })
        .collect();
    metric("fence_holder", "gauge", "A transaction that the fence waits for.", &holders);
    let active = governance.activation.as_ref().is_some_and(|known| known.active.is_some());
    metric(
        "governance_active",
        "gauge",
        "Whether a person has approved; before that only capture sinks are served.",
        &[(String::new(), f64::from(u8::from(active)))],
    );
    let sinks: Vec<SinkStatus> = sinks.iter().map(|status| lock(status).clone()).collect();
    let of_each = |value: &dyn Fn(&SinkStatus) -> f64| -> Vec<(String, f64)> {
        let label = |sink: &SinkStatus| labels([("sink", Some(&sink.name))]);
        sinks.iter().map(|sink| (label(sink), value(sink))).collect()
    };
    let delivered = of_each(&|sink| sink.delivered as f64);
    metric("delivered_total", "counter", "Events delivered in this run.", &delivered);
    let up = of_each(&|sink| f64::from(u8::from(sink.problem.is_none())));
    metric("sink_up", "gauge", "Whether the sink is served.", &up);
    let last = of_each(&|sink| {
        sink.last
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
            .map_or(0.0, |at| at.as_secs_f64())
    });
    metric("last_delivery_timestamp_seconds", "gauge", "When the last event was delivered.", &last);
    let behind = of_each(&|sink| {
        let known = view.settled.zip(sink.cursor.as_ref());
        known.map_or(0.0, |(settled, cursor)| cursor.behind(settled) as f64)
    });
    metric(
        "behind",
        "gauge",
        "Ids that are settled, and not delivered; an id need not have an event.",
        &behind,
    );
}
