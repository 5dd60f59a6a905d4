//! What a run knows of itself, as Prometheus reads it
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use super::delivery::{Governance, SinkStatus, lock};
use super::tail::View;

/// The metrics of a run.
pub fn metrics(view: &View, governance: &Governance, sinks: &[Arc<Mutex<SinkStatus>>]) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "# HELP birthgate_handoff_{name} {help}\n# TYPE birthgate_handoff_{name} {kind}\n"
        );
        for (labels, value) in samples {
            let _ = writeln!(text, "birthgate_handoff_{name}{labels} {value}");
        }
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
            let labels = [
                ("pid", holder.pid.map(|pid| pid.to_string())),
                ("prepared", holder.prepared.clone()),
                ("user", holder.login.clone()),
                ("query_start", holder.query_start.clone()),
            ];
            (labelled(labels), 1.0)
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
        let label = |sink: &SinkStatus| labelled([("sink", Some(sink.name.clone()))]);
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
        let behind = |settled: i64, done: i64| settled.saturating_sub(done.max(0)).max(0);
        match (view.settled, &sink.cursor) {
            (Some(settled), Some(cursor)) => {
                (behind(settled.births, cursor.births())
                    + behind(settled.changes, cursor.changes())) as f64
            }
            _ => 0.0,
        }
    });
    metric(
        "behind",
        "gauge",
        "Ids that are settled, and not delivered; an id need not have an event.",
        &behind,
    );
    text
}

fn labelled<const N: usize>(labels: [(&str, Option<String>); N]) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<String> = labels
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}=\"{}\"", escaped(&value?))))
        .collect();
    format!("{{{}}}", labels.join(","))
}
