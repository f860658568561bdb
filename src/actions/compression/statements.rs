//! Statements that enable and disable compression, and set segmentby and orderby.

use crate::actions::act::Context;
use crate::model::plan::Statement;
use crate::model::text;
use crate::model::version::LEAVES_OPEN;

use super::facts::{Compression, Settings};
use super::open::{GROUPS_NO_MORE, RESETS_AGGREGATES};

/// An ALTER TABLE statement, or ALTER MATERIALIZED VIEW for an aggregate.
fn alter(known: &Compression, what: &str) -> Statement {
    let kind = if known.aggregate {
        "materialized view"
    } else {
        "table"
    };
    Statement::new(
        format!("alter {kind} {} {what}", known.relation),
        Vec::new(),
    )
}

pub(super) fn set(
    known: &Compression,
    segment_by: Option<&str>,
    order_by: Option<&str>,
    sparse: Option<&str>,
) -> Statement {
    alter(known, &enabled(segment_by, order_by, sparse))
}

/// The options of an ALTER statement that enables compression. `None`: the option is left out.
pub(crate) fn enabled(
    segment_by: Option<&str>,
    order_by: Option<&str>,
    sparse: Option<&str>,
) -> String {
    let mut options = vec!["timescaledb.compress = true".to_owned()];
    let given = [
        ("segmentby", segment_by),
        ("orderby", order_by),
        ("sparse_index", sparse),
    ];
    options.extend(given.into_iter().filter_map(|(name, value)| {
        Some(format!(
            "timescaledb.compress_{name} = {}",
            text::quote_literal(value?)
        ))
    }));
    format!("set ({})", options.join(", "))
}

pub(crate) const DISABLED: &str = "set (timescaledb.compress = false)";

/// Statements that give the table exactly these settings. Compression must be enabled already.
pub(super) fn put(context: &Context, known: &Compression, to: &Settings) -> Vec<Statement> {
    let segment_by = to.segment_by.is_some().then(|| to.segment_text());
    let order_by = to.order_by.is_some().then(|| to.order_text());
    let whole = segment_by.is_some() && order_by.is_some();
    let version = context.at.server.sql_version();
    if known.aggregate && version < RESETS_AGGREGATES {
        // For an aggregate, the server chooses the options that a statement leaves out. So an empty segmentby is written if orderby is set.
        // From 2.25 on, segmentby is always written, because an empty and a missing segmentby mean the same there.
        let stays = order_by.is_some() || version >= GROUPS_NO_MORE;
        let segment_by = segment_by.or_else(|| stays.then(String::new));
        return vec![set(known, segment_by.as_deref(), order_by.as_deref(), None)];
    }
    if version < LEAVES_OPEN {
        // An empty text means no segmentby, and the default orderby.
        let (segment_by, order_by) = (segment_by.unwrap_or_default(), order_by.unwrap_or_default());
        return vec![set(known, Some(&segment_by), Some(&order_by), None)];
    }
    let mut statements = Vec::new();
    if !whole {
        // An aggregate's view does not accept RESET, but its materialization hypertable does.
        statements.push(Statement::new(
            format!(
                "alter table {} reset (timescaledb.compress_segmentby, timescaledb.compress_orderby)",
                known.table
            ),
            Vec::new(),
        ));
    }
    if segment_by.is_some() || order_by.is_some() {
        statements.push(set(known, segment_by.as_deref(), order_by.as_deref(), None));
    }
    statements
}

pub(super) fn off(known: &Compression) -> Statement {
    alter(known, DISABLED)
}

/// Statements that enable compression with these settings.
pub(super) fn on(known: &Compression, to: &Settings) -> Vec<Statement> {
    let segment_by = to.segment_by.is_some().then(|| to.segment_text());
    let order_by = to.order_by.is_some().then(|| to.order_text());
    // The server accepts sparse indexes only together with orderby.
    let sparse = to.sparse_text().filter(|_| order_by.is_some());
    vec![set(
        known,
        segment_by.as_deref(),
        order_by.as_deref(),
        sparse.as_deref(),
    )]
}
