//! If segmentby is not set, previews and screens say which segmentby the server chooses for a chunk.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::rules;
use hypertop::model::version::Version;
use support::act::Rig;
use support::{CHUNK, triage};

/// A hypertable whose indexes and statistics let TimescaleDB choose a segmentby, and an aggregate grouped by the same
/// column.
const SOURCE: &str = "set client_min_messages = error; create table raw (ts timestamptz not null, dev int, v float);
select create_hypertable('raw', 'ts', chunk_time_interval => interval '1 day');
create index on raw (dev, ts desc);
insert into raw select t, d, random() from generate_series(date_trunc('day', now()) - interval '12 days', now(), interval '10 minutes') t, generate_series(1, 5) d;
analyze raw;
create materialized view agg with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 hour', ts) b, dev, sum(v) s from raw group by 1, 2 with no data;
call refresh_continuous_aggregate('agg', null, now())";

/// Compresses the oldest uncompressed chunk; returns its segmentby.
async fn compressed(rig: &Rig, version: Version, relation: &str) -> String {
    let chunk = rig.text(&format!("select compress_chunk(o.n)::text from (select o.n from show_chunks('{relation}') o(n) join _timescaledb_catalog.chunk c on {CHUNK} = o.n where c.status = 0 order by c.id limit 1) o")).await;
    if version < Version::new(2, 14) {
        let columns = format!(
            "select coalesce(string_agg(p.attname::text, ', '), '') from _timescaledb_catalog.hypertable_compression p join _timescaledb_catalog.chunk c on c.hypertable_id = p.hypertable_id where p.segmentby_column_index > 0 and {} = '{chunk}'::regclass",
            support::CHUNK
        );
        return rig.text(&columns).await;
    }
    rig.text(&format!("select coalesce(segmentby, '') from timescaledb_information.chunk_compression_settings where chunk = '{chunk}'::regclass")).await
}

async fn unpack(rig: &Rig, relation: &str) {
    rig.sql(&format!("select decompress_chunk(o.n) from show_chunks('{relation}') o(n) join _timescaledb_catalog.chunk c on {CHUNK} = o.n where c.status & 1 = 1")).await;
}

/// The segmentby in the notes of a plan.
async fn says(rig: &Rig, action: &str, relation: &str, set: &[(&str, &str)]) -> String {
    let plan = rig.plan(action, relation, set).await.unwrap().plan;
    let notes = plan.notes.iter().map(|note| note.text.as_str());
    let said = notes.filter(|text| !text.starts_with("from: "));
    let said = said.filter_map(|text| text.split_once("segment by "));
    let [(_, said)] = said.collect::<Vec<_>>()[..] else {
        panic!("{}: {:#?}", rig.name, plan.notes)
    };
    said.split(';').next().unwrap().to_owned()
}

/// True if this text describes these segmentby columns.
fn fits(said: &str, segments: &str) -> bool {
    match said {
        "nothing" => segments.is_empty(),
        "the default" | "the columns that the aggregate groups by, except the time" => {
            segments == "dev"
        }
        columns => columns == segments,
    }
}

#[test]
fn what_a_preview_says_of_an_open_segment_by_is_what_a_new_chunk_gets() {
    triage::on_each("open", SOURCE, async |rig, version| {
        for (relation, order) in [("raw", "ts"), ("agg", "b")] {
            let named = format!("public.{relation}");
            for set in [
                &[("order_by", order)][..],
                &[],
                &[("segment_by", "none")],
                &[("segment_by", "dev")],
            ] {
                let name = format!("{}, {relation} {set:?}", rig.name);
                let said = says(rig, "enable-compression", &named, set).await;
                rig.act("enable-compression", &named, set).await;
                let segments = compressed(rig, version, relation).await;
                assert!(fits(&said, &segments), "{name}: {said}, but {segments:?}");
                unpack(rig, relation).await;
                // The form shows the same settings.
                let refused = rig
                    .plan("edit-compression-settings", &named, &[])
                    .await
                    .unwrap_err();
                assert!(
                    refused.contains("already has these settings"),
                    "{name}: {refused}"
                );
                let kind = if relation == "agg" {
                    "materialized view"
                } else {
                    "table"
                };
                rig.sql(&format!(
                    "alter {kind} {relation} set (timescaledb.compress = false)"
                ))
                .await;
            }
        }
    });
}

#[test]
fn what_is_changed_to_an_open_segment_by_is_what_a_new_chunk_gets_and_comes_back() {
    triage::on_each("reopened", SOURCE, async |rig, version| {
        for (relation, order, other) in [("raw", "ts", "ts DESC"), ("agg", "b", "b DESC")] {
            let named = format!("public.{relation}");
            rig.act(
                "enable-compression",
                &named,
                &[("segment_by", "dev"), ("order_by", order)],
            )
            .await;
            let settings = "select coalesce(jsonb_agg(to_jsonb(s) order by to_jsonb(s)::text)::text, '') from timescaledb_information.compression_settings s";
            for set in [
                &[("segment_by", ""), ("order_by", other)][..],
                &[("segment_by", ""), ("order_by", "")],
            ] {
                let name = format!("{}, {relation} {set:?}", rig.name);
                let said = says(rig, "edit-compression-settings", &named, set).await;
                let before = rig.text(settings).await;
                let done = rig.act("edit-compression-settings", &named, set).await;
                if version >= Version::new(2, 14) {
                    let segments = compressed(rig, version, relation).await;
                    assert!(fits(&said, &segments), "{name}: {said}, but {segments:?}");
                    // The chunk has the table's settings, so there is nothing to rewrite.
                    let old = rig.plan("rewrite-chunks", &named, &[]).await;
                    assert!(old.is_err(), "{name}: {old:#?}");
                    unpack(rig, relation).await;
                }
                rig.rollback(&[done.id]).await;
                assert_eq!(rig.text(settings).await, before, "{name}");
            }
        }
    });
}

#[test]
fn chunks_that_are_segmented_are_old_where_only_an_order_was_named_since() {
    triage::on_each("ordered", SOURCE, async |rig, version| {
        if version < Version::new(2, 22) {
            return;
        }
        rig.act("enable-compression", "public.raw", &[]).await;
        assert_eq!(compressed(rig, version, "raw").await, "dev", "{}", rig.name);
        let of = "public.raw";
        triage::gone(rig, &rules::COMPRESSION_OLD, of).await;
        // The chunk keeps the segmentby that TimescaleDB chose.
        rig.sql(
            "alter table raw set (timescaledb.compress, timescaledb.compress_orderby = 'ts desc')",
        )
        .await;
        let row = triage::found(rig, &rules::COMPRESSION_OLD, of, &[]).await;
        triage::fix(rig, &row, &[]).await;
        triage::gone(rig, &rules::COMPRESSION_OLD, of).await;
        let left = rig.texts("select coalesce(segmentby, '') from timescaledb_information.chunk_compression_settings where hypertable = 'raw'::regclass").await;
        assert_eq!(left, [""], "{}", rig.name);
    });
}
