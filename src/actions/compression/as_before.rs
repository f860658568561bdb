//! Compresses a chunk again with the settings that it had, and restores the table's settings.

use super::chunks::compress_call;
use super::eligible::many;
use super::facts::{ChunkState, Compression, Settings};
use super::statements;
use crate::actions::act::Context;
use crate::model::plan::Statement;
use crate::model::text::quote_literal as lit;
use crate::model::version::LEAVES_OPEN;

/// Statements that compress a chunk with the settings that it had.
///
/// The table's settings are read when the step runs, because they may have changed by then. If they differ from the chunk's settings and
/// can be restored exactly, the step first gives the table the chunk's settings, and restores the table's settings at the end. Otherwise
/// the chunk gets the table's settings.
pub(super) fn compress_as_before(
    context: &Context,
    known: &Compression,
    chunk: &ChunkState,
) -> Vec<Statement> {
    let compress = compress_call(context, chunk, true);
    let own = chunk.settings.as_ref();
    let Some(own) = own.filter(|own| own.order_by.is_some()) else {
        // Before 2.14 no settings are recorded for a chunk: all chunks have the table's settings.
        return vec![compress];
    };
    let block = switched(context, known, own, &call(&compress));
    vec![Statement::new(format!("DO {}", lit(&block)), Vec::new())]
}

/// `DO` block that sets the chunk's settings on the table, compresses the chunk, and restores the table's
/// settings.
fn switched(context: &Context, known: &Compression, own: &Settings, compress: &str) -> String {
    // Settings that TimescaleDB chose itself are not replaced: they could only be restored as settings of a user.
    let whole = if context.at.server.sql_version() < LEAVES_OPEN {
        "was.orderby is not null"
    } else {
        "was.orderby is not null and was.segmentby is not null and coalesce(to_jsonb(was) ->> 'index', '') !~ '\"source\": *\"config\"'"
    };
    let row = format!(
        "from _timescaledb_catalog.compression_settings s where s.relid = {}::regclass",
        lit(&known.table)
    );
    let put = statements::set(
        known,
        Some(&own.segment_text()),
        Some(&own.order_text()),
        None,
    )
    .sql;
    let failed = format!(
        "the compression settings of {} could not be restored: nothing was changed",
        known.relation
    );
    format!(
        "declare was record; put record; begin \
         select s.* into was {row}; \
         if {whole} and (coalesce(was.segmentby, '{{}}'), was.orderby, was.orderby_desc, was.orderby_nullsfirst) is distinct from \
         ({}) then \
         {put}; perform {compress}; \
         {}; \
         select s.* into put {row}; \
         if put is distinct from was then raise exception using message = {}; end if; \
         else perform {compress}; end if; end",
        as_row(own),
        restore(known),
        lit(&failed),
    )
}

/// The settings as values for the columns of `compression_settings`.
fn as_row(own: &Settings) -> String {
    let array = |names: &[String]| {
        format!(
            "array[{}]::text[]",
            commas(names.iter().map(|one| lit(one)))
        )
    };
    let truths = |list: &Option<Vec<bool>>| {
        let list = list.as_deref().unwrap_or_default();
        format!(
            "array[{}]::bool[]",
            commas(list.iter().map(bool::to_string))
        )
    };
    format!(
        "{}, {}, {}, {}",
        array(own.segments()),
        array(own.order_by.as_deref().unwrap_or_default()),
        truths(&own.desc),
        truths(&own.nulls_first)
    )
}

/// SQL for the `DO` block that sets the table's settings to the settings in the variable `was`.
fn restore(known: &Compression) -> String {
    let kind = if known.aggregate {
        "materialized view"
    } else {
        "table"
    };
    let alter = format!(
        "alter {kind} {} set (timescaledb.compress = true, timescaledb.compress_segmentby = %L, timescaledb.compress_orderby = %L)",
        known.relation.replace('%', "%%")
    );
    format!(
        "execute format({}, \
         coalesce((select string_agg(quote_ident(x.n), ', ' order by x.i) from unnest(was.segmentby) with ordinality x (n, i)), ''), \
         (select string_agg(quote_ident(x.n) || case when x.d then ' DESC' else '' end || case when x.f then ' NULLS FIRST' else ' NULLS LAST' end, \
         ', ' order by x.i) from unnest(was.orderby, was.orderby_desc, was.orderby_nullsfirst) with ordinality x (n, d, f, i)))",
        lit(&alter)
    )
}

/// The function call, without the leading `select`.
fn call(statement: &Statement) -> String {
    let sql = statement.literal();
    sql.strip_prefix("select ").unwrap_or(&sql).to_owned()
}

fn commas(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// Texts on settings and states that the undo does not restore for these chunks.
pub(super) fn lost(context: &Context, known: &Compression, chunks: &[&ChunkState]) -> Vec<String> {
    let Some(table) = &known.settings else {
        return Vec::new();
    };
    let mut lost = Vec::new();
    let of = |fits: &dyn Fn(&ChunkState) -> bool| {
        let number = chunks.iter().filter(|chunk| fits(chunk)).count();
        (number > 0).then(|| many(number))
    };
    if let Some(chunks) = of(&ChunkState::is_partial) {
        lost.push(format!(
            "{chunks} with uncompressed rows now: the undo compresses these rows, too"
        ));
    }
    let later = context.at.server.sql_version() >= LEAVES_OPEN;
    let open = later && table.order_by.is_none();
    if let Some(chunks) = of(&|_| open) {
        lost.push(format!(
            "TimescaleDB chooses segmentby or orderby of {} again at each compression: {chunks} may get other settings than now",
            known.relation
        ));
    }
    // For an aggregate without segmentby, the catalogue does not show whether segmentby was set.
    let unset = table.segment_by.is_none() || known.aggregate && table.segments().is_empty();
    let under = |chunk: &ChunkState| later && !open && unset && known.differs(chunk);
    if let Some(chunks) = of(&under) {
        lost.push(format!(
            "{chunks} with other settings than {} will get the table's settings: the undo would have to set segmentby on the table, and could not unset it afterwards",
            known.relation
        ));
    }
    let sparse = |chunk: &ChunkState| {
        let own = chunk
            .settings
            .as_ref()
            .and_then(super::facts::Settings::sparse_text);
        own != table.sparse_text()
    };
    if let Some(chunks) = of(&sparse) {
        lost.push(format!(
            "{chunks} with other sparse indexes than the table: the undo creates the table's sparse indexes there"
        ));
    }
    if let Some(chunks) = of(&|chunk| table.sparse_text().is_some() && known.differs(chunk)) {
        lost.push(format!(
            "the sparse indexes of the table could not be restored after a change of its settings: {chunks} with other settings will get the table's settings"
        ));
    }
    lost
}
