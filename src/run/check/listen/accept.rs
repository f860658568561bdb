//! The text format that a scraper asks for in its `Accept` header.

use crate::run::check::metrics::Dialect;

/// `OpenMetrics` if the header accepts it with at least the weight (`q`) of the classic text format; otherwise the classic format.
pub(super) fn dialect(accept: &str) -> Dialect {
    let (mut open, mut classic): (f64, f64) = (0.0, 0.0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut weight, mut fits) = (1.0, true);
        for part in parts {
            match part.split_once('=') {
                Some(("q", value)) => weight = value.parse().unwrap_or(0.0),
                Some(("version", version)) if kind == OPEN => {
                    fits = matches!(version, "1.0.0" | "0.0.1");
                }
                _ => {}
            }
        }
        match kind.as_str() {
            OPEN if fits => open = open.max(weight),
            "text/plain" | "text/*" | "*/*" => classic = classic.max(weight),
            _ => {}
        }
    }
    if open > 0.0 && open >= classic {
        Dialect::OpenMetrics
    } else {
        Dialect::Prometheus
    }
}

const OPEN: &str = "application/openmetrics-text";

/// The content type of a text format.
pub(super) fn content_type(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        Dialect::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heavier_text_is_chosen_and_the_classic_one_in_doubt() {
        for (accept, expected) in [
            ("", Dialect::Prometheus),
            ("*/*", Dialect::Prometheus),
            ("text/plain;version=0.0.4", Dialect::Prometheus),
            ("application/openmetrics-text", Dialect::OpenMetrics),
            // Prometheus 2.42
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Dialect::OpenMetrics,
            ),
            (
                "application/openmetrics-text; version=1.0.0; q=0.2, text/plain; q=0.9",
                Dialect::Prometheus,
            ),
            (
                "application/openmetrics-text;version=2.0.0",
                Dialect::Prometheus,
            ),
            ("application/openmetrics-text;q=0,*/*", Dialect::Prometheus),
            ("application/json", Dialect::Prometheus),
        ] {
            assert_eq!(dialect(accept), expected, "{accept}");
        }
    }
}
