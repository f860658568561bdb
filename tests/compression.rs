//! The Compression screen in databases of their own, compared with the documented functions.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "policies/real.rs"]
mod real;
mod support;

use hypertop::model::screen_id::ScreenId;
use hypertop::model::version::Version;
use hypertop::screens::Rows;
use hypertop::screens::compression::Row as Compression;
use hypertop::screens::record::Record;
use hypertop::server::known::At;
use real::{HOSTILE, details, documented, figures, own, past, row, same, shown};
use serde_json::Value as Json;
use support::{CHUNK, block_on, client, session, with_targets};

const SCREEN: ScreenId = ScreenId::Compression;

#[test]
fn counts_and_recorded_bytes_are_the_documented_functions_also_for_an_aggregates_materialization() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let shown = shown(target, SCREEN);
            for (figure, column) in [
                ("chunks", "total_chunks"),
                ("before_bytes", "before_compression_total_bytes"),
                ("after_bytes", "after_compression_total_bytes"),
            ] {
                let sql = format!(
                    "select coalesce(a.view_name, h.hypertable_name)::text, s.{column}::int8
                       from timescaledb_information.hypertables h
                       left join timescaledb_information.continuous_aggregates a on a.materialization_hypertable_name = h.hypertable_name
                      cross join lateral hypertable_compression_stats(format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass) s"
                );
                same(target, figure, &shown, &sql, 8);
            }
            let compressed = "select h.hypertable_name::text, s.number_compressed_chunks::int8 from timescaledb_information.hypertables h
                  cross join lateral hypertable_compression_stats(format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass) s
                  where h.hypertable_schema <> '_timescaledb_internal'";
            let partial = figures(&shown, "partial_chunks");
            let full = figures(&shown, "compressed_chunks");
            for (name, chunks) in documented(target, compressed) {
                // The documented function counts partially compressed chunks as compressed.
                let ours = partial[&name].unwrap() + full[&name].unwrap();
                assert_eq!(Some(ours), chunks, "{} {name}", target.name);
            }
            assert_eq!(row(&shown, HOSTILE)["partial_chunks"], 2, "{}", target.name);
            let aggregate = row(&shown, "Agg; 'of' $3");
            assert_eq!(aggregate["kind"], "aggregate", "{}", target.name);
            assert!(
                !figures(&shown, "chunks")
                    .keys()
                    .any(|name| name.starts_with('_')),
                "{}: {shown}",
                target.name
            );
        }
    });
}

#[test]
fn the_backlog_is_what_show_chunks_finds_uncompressed_whatever_the_dimension() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let shown = shown(target, SCREEN);
            let by = |figure| past("compression", "compress_after", "c.status = 0", figure);
            same(
                target,
                "backlog_chunks",
                &shown,
                &by("count(distinct x.id)"),
                7,
            );
            same(
                target,
                "backlog_bytes",
                &shown,
                &by("coalesce(sum(x.total_bytes), 0)::int8"),
                7,
            );
            let number = format!("select 'counted', count(*) from show_chunks('public.counted', older_than => 999 - 450) x
                  join _timescaledb_catalog.chunk c on {CHUNK} = x and c.status = 0");
            same(target, "backlog_chunks", &shown, &number, 1);
            let two = row(&shown, "two_dimensions");
            assert!(two["backlog_chunks"].as_i64() >= Some(10), "{two}");
            assert!(row(&shown, "counted")["backlog_bytes"].as_i64() > Some(0));
        }
    });
}

#[test]
fn until_its_bytes_are_known_a_backlog_is_about_what_its_pages_say() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let exact = figures(&shown(target, SCREEN), "backlog_bytes");
            let rows = block_on(async {
                let analyze = "analyze public.two_dimensions";
                let client = client(&target.conninfo).await;
                client.batch_execute(analyze).await.unwrap();
                session(&target.conninfo).await.load(SCREEN).await.unwrap()
            });
            let Rows::Compression(rows) = rows else {
                panic!("{rows:?}");
            };
            let row = rows.iter().find(|row| row.name == "two_dimensions");
            let row = row.unwrap();
            let told = row.about_backlog_bytes.unwrap();
            let (exact, name) = (exact["two_dimensions"].unwrap(), &target.name);
            assert!(
                (exact / 2..=exact * 3 / 2).contains(&told),
                "{name}: about {told} of {exact}"
            );
            let mut columns = Compression::COLUMNS.iter();
            let column = columns.find(|column| column.name == "backlog_bytes");
            let shown = block_on(async {
                let session = session(&target.conninfo).await;
                let (server, now) = (&session.server, session.server.clock);
                (column.unwrap().value)(row, &At { now, server }).show(now)
            });
            assert!(shown.starts_with('~'), "{name}: {shown}");
        }
    });
}

#[test]
fn names_of_columns_are_quoted_in_the_settings() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let shown = shown(target, SCREEN);
            let hostile = row(&shown, HOSTILE);
            assert_eq!(hostile["schema"], "Hos.tile \"x\"", "{}", target.name);
            assert_eq!(
                hostile["segment_by"], "\"seg \"\"1\"\"\"",
                "{}",
                target.name
            );
            assert_eq!(hostile["order_by"], "\"Zeit $2\" DESC", "{}", target.name);
        }
    });
}

#[test]
fn a_row_says_what_keeps_its_policy_from_working() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let shown = shown(target, SCREEN);
            let told = |name: &str, level: &str, words: &str| {
                let row = row(&shown, name);
                let reason = row["reason"].as_str().unwrap();
                assert!(
                    row["verdict"] == level && reason.contains(words),
                    "{}: {row}",
                    target.name
                );
            };
            told("no_clock", "warning", "set_integer_now_func");
            told("paused", "warning", "is paused: resume-job resumes it");
            told(
                "two_dimensions",
                "warning",
                "past compress_after not compressed, the oldest due for",
            );
            told("frozen", "warning", "frozen: policies skip frozen chunks");
            told("unwatched", "ok", "compression is not enabled");
            assert_eq!(row(&shown, "no_clock")["backlog_chunks"], Json::Null);
            assert!(row(&shown, "paused")["backlog_chunks"].as_i64() > Some(3));
        }
    });
}

#[test]
fn the_chunk_map_marks_the_backlog_the_partial_and_the_frozen() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let list = shown(target, SCREEN);
            let cells = |name: &str, sign: char| {
                let map = details(target, SCREEN, name);
                map.matches(&format!("MapCell {{ sign: '{sign}'")).count()
            };
            // The legend shows each sign once more than the rows.
            let backlog = row(&list, "two_dimensions")["backlog_chunks"]
                .as_u64()
                .unwrap();
            assert_eq!(cells("\"two_dimensions\"", 'B') as u64, backlog + 1);
            assert_eq!(cells("Tablo", 'P'), 3, "{}", target.name);
            assert!(cells("\"frozen\"", 'F') >= 2, "{}", target.name);
        }
    });
}

#[test]
fn a_policy_by_creation_counts_the_chunks_that_were_made_before() {
    with_targets(|targets| {
        let made = own(targets).iter();
        for (_, target) in made.filter(|(version, _)| *version >= Version::new(2, 13)) {
            let list = shown(target, SCREEN);
            let due = format!("from (values ('made_time'), ('made_number')) t(name) left join lateral
                (select s.total_bytes from show_chunks(t.name::regclass, created_before => interval '10 days') x
                   join pg_class r on r.oid = x
                   join _timescaledb_catalog.chunk c on {CHUNK} = x and c.status = 0
                   join chunks_detailed_size(t.name::regclass) s on s.chunk_name = r.relname) x on true group by 1");
            let sql = format!("select t.name, count(x.total_bytes) {due}");
            same(target, "backlog_chunks", &list, &sql, 2);
            let sql = format!("select t.name, coalesce(sum(x.total_bytes), 0)::int8 {due}");
            same(target, "backlog_bytes", &list, &sql, 2);
            let row = row(&list, "made_number");
            assert!(row["backlog_chunks"].as_i64() > Some(0), "{row}");
            assert_eq!(row["compress_after"], "created 10 days ago");
            let cells = details(target, SCREEN, "\"made_number\"");
            let cells = cells.matches("MapCell { sign: 'B'").count();
            assert_eq!(
                Some(cells as u64 - 1),
                row["backlog_chunks"].as_u64(),
                "{row}"
            );
        }
    });
}

#[test]
fn a_policy_without_work_takes_no_exact_figure_and_knows_its_zero() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            block_on(async {
                let sql = "select alter_job(job_id, config => config || '{\"compress_after\": \"900 days\"}') from timescaledb_information.jobs where hypertable_name = 'paused' and proc_name = 'policy_compression'";
                client(&target.conninfo)
                    .await
                    .query(sql, &[])
                    .await
                    .unwrap();
            });
            let list = shown(target, SCREEN);
            let paused = row(&list, "paused");
            assert_eq!(paused["backlog_chunks"], 0, "{}", target.name);
            assert_eq!(paused["backlog_bytes"], 0, "{}", target.name);
            assert_eq!(
                paused["verdict"], "notice",
                "{}: nothing waits: {paused}",
                target.name
            );
            let sql = "select alter_job(job_id, config => config || '{\"compress_after\": \"2 days\"}') from timescaledb_information.jobs where hypertable_name = 'paused' and proc_name = 'policy_compression'";
            block_on(async {
                client(&target.conninfo)
                    .await
                    .query(sql, &[])
                    .await
                    .unwrap()
            });
        }
    });
}

#[test]
fn the_stand_ins_figures_are_those_of_its_own_tables() {
    with_targets(|targets| {
        let target = targets.all.iter().find(|target| !target.real).unwrap();
        let shown = shown(target, SCREEN);
        let chunks = "select h.table_name::text, (select count(*) from pg_inherits where inhparent = format('%I.%I', h.schema_name, h.table_name)::regclass)
              from _timescaledb_catalog.hypertable h where h.schema_name = 'mes'";
        same(target, "chunks", &shown, chunks, 4);
        let bytes = "select h.table_name::text, sum(pg_total_relation_size(format('%I.%I', c.schema_name, c.table_name)::regclass))::int8
              from _timescaledb_catalog.bgw_job j join _timescaledb_catalog.hypertable h on h.id = j.hypertable_id
              join _timescaledb_catalog.chunk c on c.hypertable_id = h.id and c.status = 0 join _timescaledb_catalog.dimension_slice s on s.chunk_id = c.id
             where j.proc_name = 'policy_compression' and s.range_end <= extract(epoch from now() - (j.config ->> 'compress_after')::interval) * 1000000
               and h.schema_name = 'mes' and jsonb_typeof(j.config -> 'compress_after') = 'string' group by 1";
        same(target, "backlog_bytes", &shown, bytes, 1);
    });
}
