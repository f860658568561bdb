//! The Hypertables screen in databases of their own, compared with the documented functions.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "policies/real.rs"]
mod real;
mod support;

use std::sync::OnceLock;
use std::time::Duration;

use hypertop::model::screen_id::ScreenId;
use hypertop::model::text;
use hypertop::model::value::Value;
use hypertop::model::version::Version;
use hypertop::screens::record::Record;
use hypertop::screens::{Screens, hypertables};
use hypertop::server::known::At;
use real::{HOSTILE, details, documented, figures, row, same, shown};
use serde_json::Value as Json;
use support::check::check;
use support::{CHUNK, Target, Targets, block_on, client, triage, with_targets};

const SCREEN: ScreenId = ScreenId::Hypertables;
const MIB: i64 = 1 << 20;

/// The databases of the policy tests, with additional tables for this screen.
fn own(targets: &Targets) -> &'static [(Version, Target)] {
    static READY: OnceLock<()> = OnceLock::new();
    let all = real::own(targets);
    READY.get_or_init(|| {
        for (_, target) in all {
            for statement in include_str!("hypertables/traps.sql").split(";\n") {
                run(target, statement).unwrap_or_else(|error| panic!("{}: {error}\n{statement}", target.name));
            }
            // Chunk sizes are compared with a quarter of effective_cache_size: 1 MiB.
            run(target, "do $$ begin execute format('alter database %I set effective_cache_size = ''4MB''', current_database()); end $$").unwrap();
        }
    });
    all
}

fn run(target: &Target, sql: &str) -> Result<(), String> {
    block_on(async {
        let client = client(&target.conninfo).await;
        client
            .batch_execute("set client_min_messages = error")
            .await
            .unwrap();
        let ran = client.batch_execute(sql).await;
        ran.map_err(|error| {
            error
                .as_db_error()
                .map_or(error.to_string(), |error| error.message().to_owned())
        })
    })
}

/// Checks a row's verdict and the words in its reason.
fn told(target: &Target, list: &Json, name: &str, level: &str, words: &[&str]) {
    let row = row(list, name);
    let reason = row["reason"].as_str().unwrap();
    assert_eq!(row["verdict"], level, "{}: {row}", target.name);
    for words in words {
        assert!(reason.contains(words), "{}: {words}: {reason}", target.name);
    }
}

/// Hypertables and aggregates by name; `t.full_name` is the hypertable with their rows.
const RELATIONS: &str = "from (select h.hypertable_name::text as name, h.hypertable_schema as schema, h.hypertable_name as relation from timescaledb_information.hypertables h
          where h.hypertable_schema <> '_timescaledb_internal'
         union all select a.view_name::text, a.materialization_hypertable_schema, a.materialization_hypertable_name from timescaledb_information.continuous_aggregates a) r
      cross join lateral (select format('%I.%I', r.schema, r.relation)::regclass as full_name) t";

#[test]
fn sizes_and_counts_are_those_of_the_documented_functions() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let list = shown(target, SCREEN);
            let sizes = format!("select r.name, hypertable_size(t.full_name)::int8 {RELATIONS}");
            same(target, "bytes", &list, &sizes, 11);
            let count = |what: &str| {
                format!(
                    "select r.name, (select {what} from timescaledb_information.chunks c where c.hypertable_schema = r.schema and c.hypertable_name = r.relation) {RELATIONS}"
                )
            };
            same(target, "chunks", &list, &count("count(*)"), 11);
            // The view counts partially compressed chunks as compressed. The screen counts them separately.
            let (full, partial) = (
                figures(&list, "compressed_chunks"),
                figures(&list, "partial_chunks"),
            );
            let compressed = documented(target, &count("count(*) filter (where c.is_compressed)"));
            assert!(compressed.len() >= 11, "{}: {compressed:?}", target.name);
            for (name, chunks) in compressed {
                let ours = full[&name].unwrap() + partial[&name].unwrap();
                assert_eq!(Some(ours), chunks, "{}: {name}", target.name);
            }
            let interval = format!(
                "select r.name, extract(epoch from d.time_interval)::int8 {RELATIONS}
                   join timescaledb_information.dimensions d on d.hypertable_schema = r.schema and d.hypertable_name = r.relation and d.dimension_number = 1 and d.time_interval is not null"
            );
            for (name, seconds) in documented(target, &interval) {
                let shown = row(&list, &name)["chunk_interval_seconds"].as_f64();
                #[expect(clippy::cast_precision_loss, reason = "whole seconds")]
                let seconds = seconds.map(|seconds| seconds as f64);
                assert_eq!(shown, seconds, "{}: {name}", target.name);
            }
            assert_eq!(row(&list, "counted")["chunk_interval_units"], 100);
            assert_eq!(row(&list, "counted")["chunk_interval_seconds"], Json::Null);
            assert_eq!(row(&list, "two_dimensions")["dimensions"], "ts 1d, dev /2");
            let hostile = row(&list, HOSTILE);
            assert_eq!(hostile["partial_chunks"], 2, "{hostile}");
            assert_eq!(hostile["dimensions"], "\"Zeit $2\" 1d");
            assert_eq!(hostile["aggregates"], 1);
        }
    });
}

#[test]
fn growth_is_what_the_newest_full_interval_took_when_it_was_written() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            // Growth counts the bytes before compression, whether a chunk is compressed or not.
            let compress = format!("select compress_chunk(x) from (select x from show_chunks('public.two_dimensions', older_than => date_trunc('day', now())) x
                join _timescaledb_catalog.chunk c on {CHUNK} = x and c.status = 0) x");
            run(target, &compress).unwrap();
            // Otherwise autovacuum may add a page between the two readings.
            run(target, "vacuum").unwrap();
            let list = shown(target, SCREEN);
            let written = |figure: &str, table: &str| {
                format!("select '{table}', ({figure})::int8 from (select c.chunk_schema, c.chunk_name, c.range_start, c.range_end, max(c.range_end) over () as newest
                    from timescaledb_information.chunks c where c.hypertable_name = '{table}' and c.range_end <= now()) c
                    join chunks_detailed_size('public.{table}') s using (chunk_schema, chunk_name)
                    left join chunk_compression_stats('public.{table}') z using (chunk_schema, chunk_name) where c.range_end = c.newest")
            };
            let bytes = "sum(coalesce(z.before_compression_total_bytes, s.total_bytes))";
            same(
                target,
                "growth_bytes_per_day",
                &list,
                &written(bytes, "two_dimensions"),
                1,
            );
            same(
                target,
                "interval_bytes",
                &list,
                &written(bytes, "two_dimensions"),
                1,
            );
            same(
                target,
                "growth_bytes_per_day",
                &list,
                &written(bytes, "unwatched"),
                1,
            );
            let week = format!("floor({bytes} / 7)");
            same(
                target,
                "growth_bytes_per_day",
                &list,
                &written(&week, "large"),
                1,
            );
            // For hourly chunks, those of the last day count.
            let day = "select 'small', sum(s.total_bytes)::int8 from timescaledb_information.chunks c join chunks_detailed_size('public.small') s using (chunk_schema, chunk_name)
                        where c.hypertable_name = 'small' and c.range_end <= now() and c.range_end > date_trunc('hour', now()) - interval '24 hours'";
            same(target, "growth_bytes_per_day", &list, day, 1);
            assert_eq!(row(&list, "counted")["growth_bytes_per_day"], Json::Null);
            let stalled = "create table if not exists public.stalled (ts timestamptz not null); select create_hypertable('public.stalled', 'ts', chunk_time_interval => interval '1 day', if_not_exists => true);
                insert into public.stalled select now() - interval '5 days'";
            run(target, stalled).unwrap();
            let list = shown(target, SCREEN);
            assert_eq!(
                row(&list, "stalled")["growth_bytes_per_day"],
                0,
                "{}",
                target.name
            );
            assert!(row(&list, "stalled")["interval_bytes"].as_i64() > Some(0));
        }
    });
}

#[test]
fn growth_since_the_start_is_between_two_exact_sizes_and_says_over_which_time() {
    let source = "create schema \"G.ö\"; create table \"G.ö\".\"Gr \"\"ow\" (ts timestamptz not null, v text);
        select create_hypertable('\"G.ö\".\"Gr \"\"ow\"', 'ts', chunk_time_interval => interval '1 day');
        insert into \"G.ö\".\"Gr \"\"ow\" select now() - interval '1 hour', 'x'; analyze";
    triage::on_each("grew", source, async |rig, _| {
        let size = "select hypertable_size('\"G.ö\".\"Gr \"\"ow\"')";
        let measured = async || rig.text(size).await.parse::<i64>().unwrap();
        let mut screens = Screens::default();
        // An estimated size does not start the growth of this session.
        let asked = screens.ask(SCREEN).unwrap();
        let rows = rig.session.load(SCREEN).await.unwrap();
        let (now, _) = rig.session.pulse(SCREEN).await.unwrap();
        let server = &rig.session.server;
        screens.load(asked, rows, Duration::ZERO, &At { now, server });
        let row = &screens.hypertables.rows()[0];
        assert!(row.about_bytes.is_some() && row.seen.is_none(), "{row:?}");
        let at = triage::look_again(rig, &mut screens, &[SCREEN]).await;
        let before = measured().await;
        let said = format!("{:?}", screens.hypertables.rows()[0].facts(&at));
        let first = format!("UTC: {}", text::bytes(before));
        assert!(
            said.contains("first measured") && said.contains(&first),
            "{}: {said}",
            rig.name
        );
        rig.sql("insert into \"G.ö\".\"Gr \"\"ow\" select now() - interval '1 hour', repeat('x', 1000) from generate_series(1, 2000)").await;
        tokio::time::sleep(Duration::from_millis(1100)).await;
        screens.hypertables.forget_exact();
        let at = triage::look_again(rig, &mut screens, &[SCREEN]).await;
        let after = measured().await;
        let row = &screens.hypertables.rows()[0];
        let cell = |title: &str| {
            let mut all = hypertables::Row::COLUMNS.iter();
            let column = all.find(|column| column.title == title).unwrap();
            (column.value)(row, &at)
        };
        assert!(after - before > 2_000_000, "{}: {before} {after}", rig.name);
        assert_eq!(cell("GROWTH"), Value::Bytes(after - before), "{}", rig.name);
        let span = match cell("OVER") {
            Value::Seconds(span) => span,
            other => panic!("{other:?}"),
        };
        assert!((1.0..60.0).contains(&span), "{}: {span}", rig.name);
        let said = format!("{:?}", row.facts(&at));
        let words = format!("from {} (first", text::bytes(before));
        let grew = format!(
            "growth while connected\", Text(\"{} in ",
            text::bytes(after - before)
        );
        assert!(
            said.contains(&words) && said.contains(&grew),
            "{}: {said}",
            rig.name
        );
    });
}

#[test]
fn chunks_too_small_and_too_large_are_told_with_an_interval_that_fixes_them() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let list = shown(target, SCREEN);
            let chunks = row(&list, "small")["chunks"].as_i64().unwrap();
            // 150 hours in 20 chunks.
            let few = format!("{chunks} small chunks of ");
            told(
                target,
                &list,
                "small",
                "notice",
                &[
                    &few,
                    "set_chunk_time_interval('public.small', interval '6 hours')",
                ],
            );
            let large = row(&list, "large")["interval_bytes"].as_i64().unwrap();
            assert!(large > MIB, "{large}");
            let days = [3, 2, 1]
                .into_iter()
                .find(|days| large * days / 7 <= MIB)
                .unwrap();
            let unit = if days == 1 { "day" } else { "days" };
            let fix = format!("set_chunk_time_interval('public.large', interval '{days} {unit}')");
            let sum = format!(
                "{} x {days}d / 7d = {}",
                hypertop::model::text::bytes(large),
                hypertop::model::text::bytes(large * days / 7)
            );
            told(
                target,
                &list,
                "large",
                "warning",
                &["too large for memory", "4.00 MB / 4 = 1.00 MB", &sum, &fix],
            );
            run(target, &format!("select {fix}; select set_chunk_time_interval('public.small', interval '6 hours')")).unwrap();
            let list = shown(target, SCREEN);
            told(
                target,
                &list,
                "large",
                "ok",
                &["within a quarter of memory"],
            );
            let reason = row(&list, "small")["reason"].as_str().unwrap();
            assert!(!reason.contains("set_chunk_time_interval"), "{reason}");
            run(target, "select set_chunk_time_interval('public.large', interval '7 days'); select set_chunk_time_interval('public.small', interval '1 hour')").unwrap();
            let caveats = list["caveats"].to_string();
            assert!(!caveats.contains("PostgreSQL's default"), "{caveats}");
        }
        for seed in targets.all.iter().filter(|target| target.real) {
            let caveats = shown(seed, SCREEN)["caveats"].to_string();
            assert!(
                caveats.contains("effective_cache_size has its default"),
                "{caveats}"
            );
        }
    });
}

#[test]
fn a_large_plain_table_with_time_is_a_candidate_and_what_stands_in_the_way_is_true() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let list = shown(target, SCREEN);
            let candidates: Vec<_> = list["rows"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|row| row["kind"] == "candidate")
                .collect();
            let mut names: Vec<_> = candidates
                .iter()
                .map(|row| row["name"].as_str().unwrap())
                .collect();
            names.sort_unstable();
            assert_eq!(names, ["plain_big", "plain_rows"], "{}", target.name);
            told(
                target,
                &list,
                "plain_big",
                "notice",
                &[
                    "with a time column \"Zeit $2\"",
                    "create_hypertable('public.plain_big', 'Zeit $2', migrate_data => true) converts it, but holds an ACCESS EXCLUSIVE lock",
                    "add \"Zeit $2\" to these unique indexes: plain_big_pkey",
                    "drop 1 foreign key that refers to the table",
                ],
            );
            told(
                target,
                &list,
                "plain_rows",
                "notice",
                &["about 20 000 000 rows", "the column becomes NOT NULL"],
            );
            let only = ["--only", "hypertable-candidate", "--format", "json"];
            let (code, text) = check(&target.conninfo, &only);
            let checked: Json = serde_json::from_str(&text).unwrap();
            assert_eq!((code, &checked["counted"]), (0, &2.into()), "{text}");
            let big = row(&list, "plain_big");
            assert_eq!(
                documented(
                    target,
                    "select 'x', pg_total_relation_size('public.plain_big')"
                )["x"],
                big["bytes"].as_i64()
            );
            for figure in [
                "chunks",
                "growth_bytes_per_day",
                "locks_for_all_chunks",
                "chunk_interval_seconds",
            ] {
                assert_eq!(big[figure], Json::Null, "{figure}: {big}");
            }
            assert_eq!(details(target, SCREEN, "\"plain_big\""), "[][]");
            // The advice is correct: the conversion is refused for the stated reason, and works after the cause is removed.
            let convert =
                "select create_hypertable('public.plain_big', 'Zeit $2', migrate_data => true)";
            let refused = run(target, convert).unwrap_err();
            assert!(refused.contains("unique index"), "{refused}");
            let free = "begin; alter table public.plain_child drop constraint plain_child_id_fkey; alter table public.plain_big drop constraint plain_big_pkey;";
            run(target, &format!("{free} {convert}; commit")).unwrap();
            let list = shown(target, SCREEN);
            assert_eq!(
                row(&list, "plain_big")["kind"],
                "hypertable",
                "{}",
                target.name
            );
            let again = "create table public.plain_again (like public.plain_big); insert into public.plain_again table public.plain_big; drop table public.plain_big;
                alter table public.plain_again rename to plain_big; alter table public.plain_big add constraint plain_big_pkey primary key (id);
                alter table public.plain_child add constraint plain_child_id_fkey foreign key (id) references public.plain_big (id); alter table public.plain_big set (autovacuum_enabled = false);
                update pg_class set relpages = 200000, reltuples = 500 where oid = 'public.plain_big'::regclass";
            run(target, again).unwrap();
        }
    });
}

#[test]
fn a_policy_that_fails_or_is_paused_has_its_mark() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let list = shown(target, SCREEN);
            let paused = row(&list, "paused");
            assert_eq!(
                (&paused["compression_policy"], &paused["retention_policy"]),
                (&"paused".into(), &"paused".into())
            );
            told(
                target,
                &list,
                "paused",
                "notice",
                &["one of its policies is paused (job "],
            );
            let aggregate = row(&list, "Agg; 'of' $3");
            assert_eq!(aggregate["refresh_policy"], "scheduled", "{aggregate}");
            assert_eq!(row(&list, "unwatched")["compression_policy"], Json::Null);
            let fail = |success: bool| {
                format!("update _timescaledb_internal.bgw_job_stat set last_run_success = {success}, last_finish = now() where job_id in
                    (select id from _timescaledb_config.bgw_job where proc_name = 'policy_retention' and hypertable_id = (select id from _timescaledb_catalog.hypertable where table_name = 'by_day'))")
            };
            run(target, &fail(false)).unwrap_or_else(|error| panic!("{}: {error}", target.name));
            let list = shown(target, SCREEN);
            assert_eq!(row(&list, "by_day")["retention_policy"], "failing");
            assert_eq!(row(&list, "by_day")["compression_policy"], "scheduled");
            told(
                target,
                &list,
                "by_day",
                "warning",
                &[
                    "one of its policies fails (job ",
                    "the Jobs screen shows the error",
                ],
            );
            run(target, &fail(true)).unwrap();
        }
    });
}

#[test]
fn a_statement_on_all_chunks_takes_about_the_locks_that_are_told() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let list = shown(target, SCREEN);
            for name in ["two_dimensions", "small", "frozen"] {
                let told = row(&list, name)["locks_for_all_chunks"].as_i64().unwrap();
                let taken = block_on(async {
                    let client = client(&target.conninfo).await;
                    let explain = format!("begin; explain select count(*) from public.{name}");
                    client.batch_execute(&explain).await.unwrap();
                    let locks = "select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'relation' and relation >= 16384 and relation not in (select oid from pg_class where relnamespace = '_timescaledb_catalog'::regnamespace)";
                    client.query_one(locks, &[]).await.unwrap().get::<_, i64>(0)
                });
                assert!(
                    taken <= told && told <= taken + 20,
                    "{}: {name}: {taken} taken, {told} told",
                    target.name
                );
            }
            let slots = "select 'x', current_setting('max_locks_per_transaction')::int8 * (current_setting('max_connections')::int8 + current_setting('max_prepared_transactions')::int8)";
            assert_eq!(
                row(&list, "small")["lock_slots"].as_i64(),
                documented(target, slots)["x"]
            );
        }
    });
}

#[test]
fn the_axis_shows_what_the_policies_and_the_aggregates_cut_it_by() {
    with_targets(|targets| {
        for (version, target) in own(targets) {
            let said = details(target, SCREEN, &format!("{HOSTILE:?}"));
            for words in [
                "compress after 5d: 20",
                "drop after 10d: 20",
                "refresh \\\"Hos.tile \\\"\\\"x\\\"\\\"\\\".\\\"Agg; 'of' $3\\\" 9d to 1h ago, watermark W 20",
                "Aggregates on the hypertable (1)",
                "partially compressed 2",
            ] {
                assert!(said.contains(words), "{}: {words}: {said}", target.name);
            }
            let paused = details(target, SCREEN, "\"paused\"");
            assert!(paused.contains("(paused)\", level: Notice"), "{paused}");
            // Integer time: "now" comes from the hypertable's function, and is unknown without one.
            let counted = details(target, SCREEN, "\"counted\"");
            assert!(
                counted.contains("now 999")
                    && counted.contains("compress after 450: 549")
                    && counted.contains("drop after 650: 349"),
                "{counted}"
            );
            let no_clock = details(target, SCREEN, "\"no_clock\"");
            assert!(
                no_clock.contains("compress after 100: its place on the time axis is unknown"),
                "{no_clock}"
            );
            let own = details(target, SCREEN, "\"Agg; 'of' $3\"");
            assert!(
                own.contains("refresh its rows 9d to 1h ago")
                    && !own.contains("Aggregates on the hypertable"),
                "{own}"
            );
            // A role that may not read the table cannot run its function either, but still sees the chunks.
            let stranger = Target {
                conninfo: target
                    .conninfo
                    .replace("user=postgres", "user=axis_stranger"),
                ..target.clone()
            };
            run(target, "do $$ begin create role axis_stranger login; exception when duplicate_object then null; end $$").unwrap();
            let seen = details(&stranger, SCREEN, "\"counted\"");
            assert!(
                seen.contains("its place on the time axis is unknown")
                    && seen.contains("Chunks (10)"),
                "{seen}"
            );
            if *version >= Version::new(2, 13) {
                let made = details(target, SCREEN, "\"made_time\"");
                assert!(
                    made.contains("compress chunks created 10d ago or before, whatever the time of their rows")
                        || made.contains(
                            "compress chunks created 10 days ago or before, whatever the time of their rows"
                        ),
                    "{made}"
                );
            }
        }
    });
}

#[test]
fn the_axis_is_cut_in_the_time_zone_of_the_jobs_owner() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let zone = |text: &str| {
                format!(
                    "do $$ begin execute format('alter role postgres in database %I {text}', current_database()); end $$"
                )
            };
            run(target, "do $$ begin create role axis_stranger login; exception when duplicate_object then null; end $$").unwrap();
            let stranger = Target {
                conninfo: target
                    .conninfo
                    .replace("user=postgres", "user=axis_stranger"),
                ..target.clone()
            };
            run(target, &zone("set timezone = ''Asia/Kolkata''")).unwrap();
            let there = "select to_char(now() at time zone 'Asia/Kolkata' - interval '30 hours', 'YYYY-MM-DD HH24:MI'), 1::int8";
            let before = documented(target, there).into_keys().next().unwrap();
            let said = details(&stranger, SCREEN, "\"naive\"");
            let after = documented(target, there).into_keys().next().unwrap();
            run(target, &zone("reset timezone")).unwrap();
            let drop = |minute: &str| {
                said.contains(&format!("drop after 1d 6h: {minute}"))
                    || said.contains(&format!("drop after 30h: {minute}"))
            };
            assert!(
                drop(&before) || drop(&after),
                "{}: {before}: {said}",
                target.name
            );
        }
    });
}

#[test]
fn a_tiered_chunk_is_counted_by_itself_and_drawn_with_its_letter() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let mark = |tiered: bool| {
                format!(
                    "update _timescaledb_catalog.chunk set osm_chunk = {tiered} where id = (select min(id) from _timescaledb_catalog.chunk where hypertable_id = (select id from _timescaledb_catalog.hypertable where table_name = 'unwatched'))"
                )
            };
            let before = row(&shown(target, SCREEN), "unwatched")["chunks"]
                .as_i64()
                .unwrap();
            run(target, &mark(true)).unwrap();
            let list = shown(target, SCREEN);
            let said = details(target, SCREEN, "\"unwatched\"");
            run(target, &mark(false)).unwrap();
            assert_eq!(
                row(&list, "unwatched")["chunks"].as_i64(),
                Some(before - 1),
                "{}",
                target.name
            );
            assert_eq!(
                row(&list, "unwatched")["tiered_chunks"],
                1,
                "{}",
                target.name
            );
            assert!(
                said.contains("tiered (object storage) 1") && said.contains("MapCell { sign: 'T'"),
                "{}: {said}",
                target.name
            );
        }
    });
}

#[test]
fn a_locked_chunk_leaves_an_estimate_and_says_so() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            run(target, "analyze public.large").unwrap();
            let whole = row(&shown(target, SCREEN), "large")["bytes"].as_i64();
            let list = block_on(async {
                let mut admin = client(&target.conninfo).await;
                let lock = admin.transaction().await.unwrap();
                let sql = "do $$ begin execute format('lock table %s in access exclusive mode', (select c from show_chunks('public.large') c limit 1)); end $$";
                lock.batch_execute(sql).await.unwrap();
                let list = std::thread::scope(|scope| {
                    scope.spawn(|| shown(target, SCREEN)).join().unwrap()
                });
                lock.rollback().await.unwrap();
                list
            });
            assert!(whole.is_some());
            assert_eq!(row(&list, "large")["bytes"], Json::Null, "{}", target.name);
            assert!(row(&list, "small")["bytes"].is_i64(), "{}", target.name);
            assert!(
                list["caveats"]
                    .to_string()
                    .contains("sizes with ~ are estimates"),
                "{}",
                list["caveats"]
            );
        }
    });
}
