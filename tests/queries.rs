//! Every query on every server: it runs, its rows are parsed, and its figures equal those of the documented functions.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::collections::BTreeMap;

use hypertop::model::screen_id::ScreenId;
use hypertop::model::version::Version;
use hypertop::run;
use hypertop::run::show;
use hypertop::run::show::Format;
use hypertop::screens::Rows;
use hypertop::screens::record::{Record, Section};
use hypertop::server::known::{At, NEWEST_KNOWN};
use hypertop::server::session::Session;
use hypertop::server::sql;
use serde_json::Value as Json;
use support::{CHUNK, Target, block_on, client, session, settings, with_targets};

/// The screens with a query. The Journal's rows are on this machine.
fn asking() -> impl Iterator<Item = ScreenId> {
    let asks = |screen: &ScreenId| !screen.about().query.name.is_empty();
    ScreenId::ALL.iter().copied().filter(asks)
}

/// The output of `hypertop show SCREEN --format json`.
async fn shown(conninfo: &str, screen: ScreenId) -> Json {
    let session = session(conninfo).await;
    let mut out = Vec::new();
    show::show(
        &settings(conninfo),
        &session,
        screen,
        Format::Json,
        &mut out,
    )
    .await
    .expect("the screen");
    serde_json::from_slice(&out).expect("JSON")
}

fn rows(shown: &Json) -> &Vec<Json> {
    shown["rows"].as_array().expect("rows")
}

/// A column of the rows, by `schema.name`.
fn figures(shown: &Json, figure: &str) -> BTreeMap<String, Option<i64>> {
    let name = |row: &Json| {
        format!(
            "{}.{}",
            row["schema"].as_str().unwrap(),
            row["name"].as_str().unwrap()
        )
    };
    rows(shown)
        .iter()
        .map(|row| (name(row), row[figure].as_i64()))
        .collect()
}

/// The same figures from a documented statement, which returns `name` and `figure`.
async fn documented(target: &Target, sql: &str) -> BTreeMap<String, Option<i64>> {
    let client = client(&target.conninfo).await;
    client
        .batch_execute("set jit = off; set client_min_messages = error")
        .await
        .unwrap();
    let rows = client
        .query(sql, &[])
        .await
        .unwrap_or_else(|error| panic!("{}: {error:?}\n{sql}", target.name));
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Compares the rows that the documented statement returns.
fn same(
    target: &Target,
    what: &str,
    shown: &BTreeMap<String, Option<i64>>,
    documented: &BTreeMap<String, Option<i64>>,
) {
    assert!(
        !documented.is_empty(),
        "{}: nothing to compare {what} with",
        target.name
    );
    for (name, figure) in documented {
        assert_eq!(
            shown.get(name).copied().flatten(),
            *figure,
            "{}: {what} of {name}",
            target.name
        );
    }
}

/// The details of all rows of a screen. An error if there are no rows.
async fn details(target: &Target, session: &Session, screen: ScreenId) -> Vec<Section> {
    let loaded = session
        .load(screen)
        .await
        .unwrap_or_else(|error| panic!("{} {}: {error:#}", target.name, screen.name()));
    assert!(!loaded.is_empty(), "{} {}", target.name, screen.name());
    let at = At {
        now: session.server.clock,
        server: &session.server,
    };
    let mut sections = Vec::new();
    for one in loaded.each() {
        for (index, (title, query, params)) in one.details().into_iter().enumerate() {
            let place = format!("{} {} {title} {params:?}", target.name, screen.name());
            let answer = session
                .ask(query, &params)
                .await
                .unwrap_or_else(|error| panic!("{place}: {error:#}"));
            let built = one.build(index, &answer, &at);
            sections.extend(built.unwrap_or_else(|error| panic!("{place}: {error:#}")));
        }
    }
    sections
}

#[test]
fn every_screen_and_its_details_can_be_read_on_every_server() {
    with_targets(|targets| {
        for target in &targets.all {
            block_on(async {
                let session = session(&target.conninfo).await;
                for screen in asking() {
                    details(target, &session, screen).await;
                }
            });
        }
    });
}

#[test]
fn rows_of_equal_verdict_stand_by_what_a_person_looks_for() {
    let orders = [
        (ScreenId::Indexes, "schema, \"table\", name"),
        (ScreenId::Hypertables, "kind = 'candidate', schema, name"),
        (ScreenId::Aggregates, "schema, name"),
        (ScreenId::Compression, "schema, name"),
        (ScreenId::Retention, "schema, name"),
    ];
    with_targets(|targets| {
        for target in &targets.all {
            block_on(async {
                let session = session(&target.conninfo).await;
                let client = client(&target.conninfo).await;
                for (screen, order) in orders {
                    let list = (screen.about().list_text)(&session.server);
                    let asked = format!(
                        "select array_agg(place order by {order}) as places from (select row_number() over () as place, l.* from ({list}\n) l) p"
                    );
                    let row = client.query_one(&asked, &[]).await.unwrap();
                    let places: Vec<i64> = row.get("places");
                    let place = format!("{} {}", target.name, screen.name());
                    assert!(places.len() > 1, "{place}");
                    assert!(places.is_sorted(), "{place}: {places:?}");
                }
                // Jobs are sorted here, in whatever order they arrive.
                let Rows::Jobs(mut jobs) = session.load(ScreenId::Jobs).await.unwrap() else {
                    panic!("no jobs");
                };
                jobs.reverse();
                Record::settle(&[], &mut jobs);
                assert!(jobs.len() > 1 && jobs.is_sorted_by_key(|job| job.job_id));
            });
        }
    });
}

#[test]
fn json_has_the_promised_keys_and_exact_figures() {
    let promised: [(ScreenId, &str); 6] = [
        (
            ScreenId::Compression,
            "schema name kind enabled chunks compressed_chunks partial_chunks uncompressed_chunks uncompressed_bytes before_bytes after_bytes ratio segment_by order_by compress_after job_id backlog_chunks backlog_bytes verdict reason",
        ),
        (
            ScreenId::Retention,
            "schema name kind job_id drop_after chunks oldest_chunk_start eligible_chunks eligible_bytes next_start last_run_status verdict reason",
        ),
        (
            ScreenId::Indexes,
            "schema table name definition chunks chunks_without scans bytes bloat_bytes unique valid unused duplicate_of verdict reason",
        ),
        (
            ScreenId::Jobs,
            "job_id name proc target owner scheduled state schedule_interval last_run_status last_start last_duration_seconds next_start total_runs total_failures last_error_sqlstate last_error verdict reason",
        ),
        (
            ScreenId::Aggregates,
            "schema name source bucket_width materialized_only watermark refreshed_to newest_source lag_seconds expected_lag_seconds start_offset end_offset schedule_interval job_id pending_invalidations refreshing wipe_risk verdict reason",
        ),
        (
            ScreenId::Hypertables,
            "schema name kind bytes growth_bytes_per_day chunks compressed_chunks partial_chunks tiered_chunks chunk_interval_seconds chunk_interval_units interval_bytes dimensions refresh_policy compression_policy retention_policy reorder_policy aggregates locks_for_all_chunks lock_slots verdict reason",
        ),
    ];
    with_targets(|targets| {
        for target in &targets.all {
            for (screen, keys) in promised {
                let shown = block_on(shown(&target.conninfo, screen));
                assert_eq!(shown["screen"], screen.name());
                assert_eq!(shown["server"]["simulated"], !target.real);
                for row in rows(&shown) {
                    for key in keys.split(' ') {
                        assert!(
                            row.get(key).is_some(),
                            "{} {} lacks {key}: {row}",
                            target.name,
                            screen.name()
                        );
                    }
                    assert_ne!(
                        row["reason"],
                        "",
                        "{} {}: {row}",
                        target.name,
                        screen.name()
                    );
                }
            }
            let compression = block_on(shown(&target.conninfo, ScreenId::Compression));
            for row in rows(&compression) {
                let number = |key: &str| row[key].as_i64().unwrap();
                assert_eq!(
                    number("chunks"),
                    number("compressed_chunks")
                        + number("partial_chunks")
                        + number("uncompressed_chunks"),
                    "{row}"
                );
            }
        }
    });
}

#[test]
fn compression_equals_the_documented_functions() {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            let shown = block_on(shown(&target.conninfo, ScreenId::Compression));
            let all = "from timescaledb_information.hypertables h, lateral hypertable_compression_stats(format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass) s where h.hypertable_schema <> '_timescaledb_internal'";
            for (figure, column) in [
                ("chunks", "total_chunks"),
                ("before_bytes", "before_compression_total_bytes"),
                ("after_bytes", "after_compression_total_bytes"),
            ] {
                let sql = format!(
                    "select h.hypertable_schema || '.' || h.hypertable_name, s.{column}::int8 {all}"
                );
                same(
                    target,
                    figure,
                    &figures(&shown, figure),
                    &block_on(documented(target, &sql)),
                );
            }
            // Chunks that are due: older than compress_after, not compressed, not frozen; and their bytes.
            let policies = "from timescaledb_information.jobs j cross join lateral format('%I.%I', j.hypertable_schema, j.hypertable_name) t(full_name)
                 where j.proc_name = 'policy_compression' and jsonb_typeof(j.config -> 'compress_after') = 'string'";
            let due = format!("show_chunks(t.full_name::regclass, older_than => (j.config ->> 'compress_after')::interval) x
                 join pg_class r on r.oid = x join pg_namespace n on n.oid = r.relnamespace
                 join _timescaledb_catalog.chunk c on {CHUNK} = r.oid and c.status = 0");
            let sql = format!(
                "select j.hypertable_schema || '.' || j.hypertable_name, (select count(*) from {due}) {policies}"
            );
            same(
                target,
                "backlog_chunks",
                &figures(&shown, "backlog_chunks"),
                &block_on(documented(target, &sql)),
            );
            let sql = format!("select j.hypertable_schema || '.' || j.hypertable_name, (select coalesce(sum(d.total_bytes), 0)::int8 from {due}
                 join chunks_detailed_size(t.full_name::regclass) d on d.chunk_schema = n.nspname and d.chunk_name = r.relname) {policies}");
            same(
                target,
                "backlog_bytes",
                &figures(&shown, "backlog_bytes"),
                &block_on(documented(target, &sql)),
            );
        }
    });
}

#[test]
fn the_uncompressed_bytes_are_those_of_all_chunks_that_are_not_compressed() {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            let shown = block_on(shown(&target.conninfo, ScreenId::Compression));
            let sql = format!("select h.schema_name || '.' || h.table_name, coalesce(sum(d.total_bytes) filter (where c.id is not null), 0)::int8
                from _timescaledb_catalog.hypertable h cross join lateral format('%I.%I', h.schema_name, h.table_name) t(full_name)
                cross join lateral chunks_detailed_size(t.full_name::regclass) d
                left join _timescaledb_catalog.chunk c on {CHUNK} = format('%I.%I', d.chunk_schema, d.chunk_name)::regclass and c.status & 1 = 0
               where h.schema_name = 'mes' group by 1");
            let documented = block_on(documented(target, &sql));
            assert!(documented.values().flatten().any(|bytes| *bytes > 0));
            same(
                target,
                "uncompressed_bytes",
                &figures(&shown, "uncompressed_bytes"),
                &documented,
            );
        }
    });
}

#[test]
fn retention_equals_show_chunks_and_chunks_detailed_size() {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            let shown = block_on(shown(&target.conninfo, ScreenId::Retention));
            let policies = "from timescaledb_information.jobs j
                 join timescaledb_information.dimensions d on d.hypertable_schema = j.hypertable_schema and d.hypertable_name = j.hypertable_name and d.dimension_number = 1
                 cross join lateral format('%I.%I', j.hypertable_schema, j.hypertable_name) t(full_name)
                where j.proc_name = 'policy_retention' and d.time_interval is not null and j.hypertable_schema = 'mes'";
            let due = format!("show_chunks(t.full_name::regclass, older_than => (j.config ->> 'drop_after')::interval) x
                 join pg_class r on r.oid = x join pg_namespace n on n.oid = r.relnamespace
                 join _timescaledb_catalog.chunk c on {CHUNK} = r.oid and c.status & 4 = 0");
            let sql = format!(
                "select j.hypertable_schema || '.' || j.hypertable_name, (select count(*) from {due}) {policies}"
            );
            same(
                target,
                "eligible_chunks",
                &figures(&shown, "eligible_chunks"),
                &block_on(documented(target, &sql)),
            );
            let sql = format!("select j.hypertable_schema || '.' || j.hypertable_name, (select coalesce(sum(z.total_bytes), 0)::int8 from {due}
                 join chunks_detailed_size(t.full_name::regclass) z on z.chunk_schema = n.nspname and z.chunk_name = r.relname) {policies}");
            same(
                target,
                "eligible_bytes",
                &figures(&shown, "eligible_bytes"),
                &block_on(documented(target, &sql)),
            );
            let integer = rows(&shown)
                .iter()
                .find(|row| row["name"] == "machine_cycles")
                .expect("machine_cycles");
            assert_eq!(
                (
                    integer["eligible_chunks"].as_i64(),
                    integer["drop_after"].as_i64()
                ),
                (Some(0), Some(500_000)),
                "{}",
                target.name
            );
        }
    });
}

#[test]
fn the_targets_of_completions_are_those_of_the_documented_views() {
    let plain = "'^[a-z0-9_.]+$'";
    let hypertables = "select format('%I.%I', hypertable_schema, hypertable_name) as name, null::int8 from timescaledb_information.hypertables";
    let aggregates = "select format('%I.%I', view_schema, view_name) as name, null::int8 from timescaledb_information.continuous_aggregates";
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            for (kind, documented_by) in [
                (
                    "job",
                    "select job_id::text as name, null::int8 from timescaledb_information.jobs",
                ),
                (
                    "hypertable",
                    &format!(
                        "select * from ({hypertables} where hypertable_schema !~ '^_timescaledb' union {aggregates}) n"
                    ),
                ),
                ("continuous aggregate", aggregates),
            ] {
                let sql = format!("select * from ({documented_by}) d where d.name ~ {plain}");
                let documented = block_on(documented(target, &sql));
                let offered: Vec<String> = block_on(async {
                    let session = session(&target.conninfo).await;
                    let version = session.server.sql_version();
                    let text = sql::text("targets", version).unwrap();
                    let client = client(&target.conninfo).await;
                    let rows = client.query(&text, &[&kind, &""]).await.unwrap();
                    rows.iter().map(|row| row.get("name")).collect()
                });
                let offered: BTreeMap<_, _> =
                    offered.into_iter().map(|name| (name, None)).collect();
                assert!(documented.len() > 3, "{}: {documented:?}", target.name);
                assert_eq!(offered, documented, "{}: {kind}", target.name);
            }
        }
    });
}

#[test]
fn aggregates_know_their_newest_source_row_and_watermark() {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            let shown = block_on(shown(&target.conninfo, ScreenId::Aggregates));
            let client = block_on_client(
                target,
                "select to_char(max(ts) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI') from mes.oee_calculations",
            );
            let row = |name: &str| {
                rows(&shown)
                    .iter()
                    .find(|row| row["name"] == name)
                    .unwrap_or_else(|| panic!("{name}"))
            };
            assert!(
                row("oee_hourly")["newest_source"]
                    .as_str()
                    .unwrap()
                    .starts_with(&client),
                "{}: {}",
                target.name,
                row("oee_hourly")
            );
            assert_eq!(
                row("cycles_per_1000")["watermark"],
                90_000,
                "{}",
                target.name
            );
            assert_eq!(
                row("production_kpis_daily")["watermark"],
                Json::Null,
                "{}",
                target.name
            );
            assert_eq!(
                row("metric_hist_1hour")["wipe_risk"],
                true,
                "{}",
                target.name
            );
            assert_eq!(
                row("metric_hist_1hour")["verdict"],
                "critical",
                "{}",
                target.name
            );
            assert_eq!(
                row("energy_monthly")["lag_seconds"],
                0.0,
                "{}: a full refresh leaves no lag",
                target.name
            );
            let late = row("oee_daily");
            assert!(
                late["lag_seconds"].as_f64() > late["expected_lag_seconds"].as_f64(),
                "{}: {late}",
                target.name
            );
            assert!(
                late["reason"].as_str().unwrap().contains("paused"),
                "{}: {late}",
                target.name
            );
        }
    });
}

fn block_on_client(target: &Target, sql: &str) -> String {
    block_on(async {
        client(&target.conninfo)
            .await
            .query_one(sql, &[])
            .await
            .expect("a row")
            .get(0)
    })
}

#[test]
fn without_timescaledb_the_indexes_serve_and_the_others_say_why_not() {
    with_targets(|targets| {
        block_on(async {
            let client = client(&targets.plain).await;
            client.batch_execute("create table if not exists t (a int primary key, b int); create index if not exists t_b on t (b)").await.unwrap();
            let session = session(&targets.plain).await;
            assert!(!session.load(ScreenId::Indexes).await.unwrap().is_empty());
            let error = session
                .load(ScreenId::Aggregates)
                .await
                .unwrap_err()
                .to_string();
            assert!(error.contains("needs TimescaleDB"), "{error}");
        });
    });
}

#[test]
fn a_role_without_rights_sees_the_lists_and_no_session_can_write() {
    with_targets(|targets| {
        for target in &targets.all {
            block_on(async {
                let admin = client(&target.conninfo).await;
                admin.batch_execute("do $$ begin create role nobody_here login; exception when duplicate_object then null; end $$").await.unwrap();
                let conninfo = target.conninfo.replace("user=postgres", "user=nobody_here");
                for screen in asking() {
                    let shown = shown(&conninfo, screen).await;
                    assert!(
                        !rows(&shown).is_empty(),
                        "{} {}",
                        target.name,
                        screen.name()
                    );
                }
                let session = session(&conninfo).await;
                let refused = session
                    .connected
                    .client
                    .batch_execute("create temp table x ()")
                    .await;
                assert!(
                    refused.unwrap_err().to_string().contains("db error"),
                    "{}",
                    target.name
                );
            });
        }
    });
}

#[test]
fn a_locked_chunk_hides_its_size_only_and_is_not_waited_for() {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            block_on(async {
                let mut admin = client(&target.conninfo).await;
                let lock = admin.transaction().await.unwrap();
                lock.batch_execute(
                    "do $$ declare c regclass; begin
                       select x into c from show_chunks('mes.metric_hist', older_than => interval '90 days') x limit 1;
                       execute format('lock table %s in access exclusive mode', c);
                     end $$",
                )
                .await
                .unwrap();
                let shown = shown(&target.conninfo, ScreenId::Retention).await;
                let row = |name: &str| {
                    rows(&shown)
                        .iter()
                        .find(|row| row["name"] == name)
                        .unwrap()
                        .clone()
                };
                assert_eq!(row("metric_hist")["eligible_chunks"], 3, "{}", target.name);
                assert_eq!(
                    row("metric_hist")["eligible_bytes"],
                    Json::Null,
                    "{}",
                    target.name
                );
                assert!(
                    row("metric_hist_1min")["eligible_bytes"].is_i64(),
                    "{}",
                    target.name
                );
                lock.rollback().await.unwrap();
            });
        }
    });
}

/// The grids in the details of all rows: title and rows as text.
async fn lists(target: &Target, session: &Session, screen: ScreenId) -> Vec<(String, Vec<String>)> {
    let sections = details(target, session, screen).await.into_iter();
    let lists = sections.filter_map(|section| match section {
        Section::Grid { title, rows, .. } => {
            let rows = rows.iter().map(|row| format!("{row:?}"));
            Some((title, rows.collect()))
        }
        _ => None,
    });
    lists.collect()
}

#[test]
fn a_locked_chunk_hides_its_own_size_only_in_the_details_too() {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            block_on(async {
                let mut admin = client(&target.conninfo).await;
                let lock = admin.transaction().await.unwrap();
                // The index of one chunk and the table of the newest chunk are locked.
                let chunks =
                    "select x::text from show_chunks('mes.metric_hist') x order by x desc limit 2";
                let chunks: Vec<String> = lock
                    .query(chunks, &[])
                    .await
                    .unwrap()
                    .iter()
                    .map(|row| row.get(0))
                    .collect();
                let index = "select indexrelid::regclass::text, split_part($1, '.', 2) from pg_index where indrelid = $1::text::regclass and indexrelid::regclass::text like '%def_ts_idx'";
                let index: String = lock.query_one(index, &[&chunks[1]]).await.unwrap().get(0);
                lock.batch_execute(&format!(
                    "lock table {} in access exclusive mode; reindex index {index}",
                    chunks[0]
                ))
                .await
                .unwrap();
                let session = session(&target.conninfo).await;
                for (screen, locked) in [
                    (ScreenId::Compression, 2),
                    (ScreenId::Hypertables, 2),
                    (ScreenId::Indexes, 1),
                ] {
                    let lists = lists(target, &session, screen).await;
                    let note = format!(", {locked} locked by another session");
                    let (_, rows) = lists
                        .iter()
                        .find(|(title, _)| title.contains(&note))
                        .unwrap_or_else(|| panic!("{} {}", target.name, screen.name()));
                    let (hidden, known): (Vec<_>, Vec<_>) =
                        rows.iter().partition(|row| row.contains("locked"));
                    assert_eq!(hidden.len(), locked, "{} {hidden:?}", target.name);
                    assert!(
                        known.len() > 100 && known.iter().all(|row| row.contains("Bytes(")),
                        "{} {known:?}",
                        target.name
                    );
                }
                lock.rollback().await.unwrap();
                for (title, _) in lists(target, &session, ScreenId::Compression).await {
                    assert!(!title.contains("locked"), "{} {title}", target.name);
                }
            });
        }
    });
}

/// The texts of all source files in a folder.
fn sources(folder: &std::path::Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            texts.push(std::fs::read_to_string(&path).unwrap());
        }
    }
    texts
}

/// Names of the files in a folder, sorted.
fn files(folder: &str) -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.path().is_file());
    let mut names: Vec<_> = files
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_query_file_is_asked_by_something_and_every_fragment_used() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let call = regex::Regex::new(r#"query!\("(\w+)"\)"#).unwrap();
    let mut asked = Vec::new();
    for text in sources(&folder.join("src")) {
        asked.extend(
            call.captures_iter(&text)
                .map(|of| format!("{}.sql", &of[1])),
        );
    }
    asked.sort();
    asked.dedup();
    let queries = files("queries");
    assert_eq!(queries, asked);
    let fragments = files("queries/shared");
    let read = |name: &str| std::fs::read_to_string(folder.join("queries").join(name)).unwrap();
    let shared = fragments.iter().map(|name| format!("shared/{name}"));
    let texts: Vec<_> = queries.iter().cloned().chain(shared).collect();
    let texts: Vec<_> = texts.iter().map(|name| (name, read(name))).collect();
    for (name, text) in &texts {
        for line in text.lines() {
            assert!(line.chars().count() <= 140, "{name}: over 140: {line}");
        }
    }
    for fragment in &fragments {
        let word = format!(" :{}", fragment.trim_end_matches(".sql"));
        let line = format!("\\ir shared/{fragment}");
        let uses = |text: &str| {
            text.lines()
                .any(|at| at.trim() == line || at.contains(&word))
        };
        assert!(
            texts.iter().any(|(_, text)| uses(text)),
            "{fragment} is used by nothing"
        );
    }
}

#[test]
fn what_a_chunk_is_stands_in_one_place() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = files("queries/shared");
    let shared = shared.into_iter().map(|name| format!("shared/{name}"));
    let texts: Vec<_> = files("queries").into_iter().chain(shared).collect();
    for (table, places) in [
        ("chunk", &["shared/chunk.sql"][..]),
        (
            "chunk_constraint",
            &["shared/chunk_slice.sql", "shared/slice_chunk.sql"],
        ),
        (
            "dimension_slice",
            &["shared/chunk_made_again.sql", "shared/slice.sql"],
        ),
    ] {
        let named = regex::Regex::new(&format!(r"_timescaledb_catalog\.{table}\b")).unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.join("queries").join(name)).unwrap();
        let found = texts.iter().filter(|name| named.is_match(&read(name)));
        assert_eq!(found.collect::<Vec<_>>(), places, "{table}");
    }
}

#[test]
fn every_query_can_be_read_for_every_version_and_begins_with_what_it_is_and_asks_for() {
    let parameter = regex::Regex::new(r"\$[1-9]\b").unwrap();
    let aside = regex::Regex::new(r"(?s)--[^\n]*|'(?:[^']|'')*'|\$\w*\$.*?\$\w*\$").unwrap();
    let minors = (0..=NEWEST_KNOWN.minor + 1).map(|minor| Version::new(2, minor));
    let versions: Vec<_> = minors.chain([Version::new(0, 0)]).collect();
    let mut wanting = Vec::new();
    for name in sql::names() {
        for version in &versions {
            let text = sql::text(name, *version).unwrap_or_default();
            assert!(text.starts_with("-- "), "{name} {version}");
            let head: Vec<_> = text
                .lines()
                .take_while(|line| line.starts_with("--"))
                .collect();
            let head = head.join("\n");
            for of in parameter.find_iter(&aside.replace_all(&text, "")) {
                if !head.contains(of.as_str()) {
                    wanting.push(format!("{name} for {version}: {}", of.as_str()));
                }
            }
        }
    }
    assert!(
        wanting.is_empty(),
        "the header does not say what it is: {wanting:#?}"
    );
}

#[test]
fn what_hypertop_sql_prints_is_a_statement_that_the_server_understands() {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            block_on(async {
                let session = session(&target.conninfo).await;
                let client = client(&target.conninfo).await;
                let version = session.server.sql_version();
                for name in sql::names() {
                    let printed = run::sql::printed(Some(name), Some(version)).unwrap();
                    let prepared = client.prepare(&printed).await;
                    if let Err(error) = prepared {
                        panic!("{} {name}: {error:?}\n{printed}", target.name);
                    }
                }
            });
        }
    });
}
