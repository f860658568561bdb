//! Prints metrics in both text formats. No crate can print both from one list of values.

use std::fmt::Write;

use super::metric::{Kind, Metric};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run::check) enum Dialect {
    /// Text format 0.0.4, which every reader accepts, including the textfile collector of `node_exporter`.
    Prometheus,
    OpenMetrics,
}

pub(in crate::run::check) fn written(metrics: &[Metric], dialect: Dialect) -> String {
    let mut text = String::new();
    for metric in metrics.iter().filter(|metric| !metric.series.is_empty()) {
        let kind = match metric.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        // In `OpenMetrics`, only the series has the suffix `_total`, not the metric's name.
        let family = match (dialect, metric.kind) {
            (Dialect::OpenMetrics, Kind::Counter) => metric.name.trim_end_matches("_total"),
            _ => metric.name,
        };
        let help = escaped(metric.help, dialect == Dialect::OpenMetrics);
        let _ = writeln!(text, "# HELP {family} {help}\n# TYPE {family} {kind}");
        for series in &metric.series {
            text.push_str(metric.name);
            let database = series.database.as_deref().map(|name| ("database", name));
            let labels = series
                .labels
                .iter()
                .map(|(name, value)| (*name, value.as_str()));
            let mut start = '{';
            for (name, value) in database.into_iter().chain(labels) {
                let _ = write!(text, "{start}{name}=\"{}\"", escaped(value, true));
                start = ',';
            }
            if start == ',' {
                text.push('}');
            }
            let _ = writeln!(text, " {}", series.value);
        }
    }
    if dialect == Dialect::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

fn escaped(text: &str, quotes: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quotes {
        text.replace('"', "\\\"")
    } else {
        text
    }
}
