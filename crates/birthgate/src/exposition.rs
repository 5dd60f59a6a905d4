//! Metrics as Prometheus reads them
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

use std::fmt::Write;

/// Metrics, one after the other. Each has a name, a kind (`gauge` or `counter`), a help and samples: labels with a value.
#[derive(Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// Adds a metric; its name is given the prefix `birthgate_`.
    pub fn add(&mut self, name: &str, kind: &str, help: &str, samples: &[(String, f64)]) {
        // Writing to a String does not fail.
        let _ =
            write!(self.text, "# HELP birthgate_{name} {help}\n# TYPE birthgate_{name} {kind}\n");
        for (labels, value) in samples {
            let _ = writeln!(self.text, "birthgate_{name}{labels} {value}");
        }
    }

    /// Adds a metric that has one sample, without labels.
    pub fn one(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.add(name, kind, help, &[(String::new(), value)]);
    }

    /// The whole of it.
    pub fn text(self) -> String {
        self.text
    }
}

/// The labels of a sample; those without a value are left out.
pub fn labels<const N: usize>(labels: [(&str, Option<&str>); N]) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<String> = labels
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}=\"{}\"", escaped(value?))))
        .collect();
    format!("{{{}}}", labels.join(","))
}

#[cfg(test)]
mod tests {
    use super::{Exposition, labels};

    #[test]
    fn a_label_cannot_end_its_line() {
        let mut metrics = Exposition::default();
        let of = labels([("user", Some("a\"} 1\nb\\")), ("gid", None)]);
        metrics.add("holder", "gauge", "Who.", &[(of, 1.0)]);
        let expected = "# HELP birthgate_holder Who.\n# TYPE birthgate_holder gauge\nbirthgate_holder{user=\"a\\\"} 1\\nb\\\\\"} 1\n";
        assert_eq!(metrics.text(), expected);
    }
}
