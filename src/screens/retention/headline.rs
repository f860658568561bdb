//! Totals of retention.

use super::row::Row;
use crate::model::rules;
use crate::model::text;
use crate::model::value::Value;
use crate::model::verdict::Finding;
use crate::screens::headline::{Sum, line, number, rows as many_rows};
use crate::screens::policy;
use crate::server::known::At;

pub(super) fn headline(rows: &[Row], findings: &[Box<[Finding]>], at: &At) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let policies = || rows.iter().filter_map(|row| row.policy.as_ref());
    let has = format!(
        "policy on {} of {}",
        number(policies().count()),
        number(rows.len())
    );
    let next = policy::next_run(policies(), at.now).unwrap_or_default();
    let is_overdue = |of: &[Finding]| {
        let mut of = of.iter();
        of.any(|of| of.rule == &rules::RETENTION_OVERDUE)
    };
    let overdue = match findings.iter().filter(|of| is_overdue(of)).count() {
        0 => String::new(),
        many => format!("{} overdue", many_rows(many, "table")),
    };
    let frozen = match rows.iter().map(|row| row.frozen).sum() {
        0 => String::new(),
        1 => "1 frozen chunk is never dropped".to_owned(),
        many => format!("{} frozen chunks are never dropped", text::count(many)),
    };
    vec![
        line([has, going(rows), next]),
        line([overdue, without(rows), frozen]),
    ]
}

/// Number and size of the chunks that the next runs drop.
fn going(rows: &[Row]) -> String {
    let with = || rows.iter().filter(|row| row.policy.is_some());
    if with().next().is_none() {
        return String::new();
    }
    let chunks = Sum::of(with().map(Row::eligible_value));
    if chunks.total == 0 && chunks.unknown == 0 {
        return "the next runs drop nothing".to_owned();
    }
    let some = with().filter(|row| row.eligible() != Some(0));
    let bytes = Sum::of(some.map(|row| row.eligible_bytes().map(Value::Bytes).into()));
    let size = match bytes.known {
        0 => String::new(),
        _ => format!(" ({})", bytes.bytes()),
    };
    let more = if with().any(Row::more_by_next_run) {
        ", and more that become due until then"
    } else {
        ""
    };
    format!(
        "chunks that the next runs drop: {}{size}{more}",
        chunks.count()
    )
}

fn without(rows: &[Row]) -> String {
    let without: Vec<_> = rows.iter().filter(|row| row.policy.is_none()).collect();
    let chunks = without.iter().map(|row| row.chunks).sum();
    match without.len() {
        0 => "every table has a policy".to_owned(),
        many => format!(
            "tables without a policy: {} ({} kept for ever)",
            number(many),
            text::plural(chunks, "chunk")
        ),
    }
}

impl Row {
    /// Number of chunks that the next run drops; an estimate for integer time whose `integer_now_func` is not called.
    pub(super) fn eligible_value(&self) -> Value {
        let about = self.clock.get().and_then(|clock| clock.counted.about);
        let about = about.map(Value::About);
        self.eligible().map(Value::Int).or(about).into()
    }
}
