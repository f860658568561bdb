//! The Retention screen in databases of their own, compared with the documented functions.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "policies/real.rs"]
mod real;
mod support;

use hypertop::model::screen_id::ScreenId;
use hypertop::model::version::Version;
use real::{HOSTILE, details, documented, figures, own, past, row, same, shown};
use serde_json::Value as Json;
use support::{Target, block_on, client, session, with_targets};

const SCREEN: ScreenId = ScreenId::Retention;

fn eligible(figure: &str) -> String {
    past("retention", "drop_after", "c.status & 4 = 0", figure)
}

#[test]
fn what_the_next_run_drops_is_what_show_chunks_finds_whatever_the_dimension() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let list = shown(target, SCREEN);
            same(
                target,
                "eligible_chunks",
                &list,
                &eligible("count(distinct x.id)"),
                7,
            );
            same(
                target,
                "eligible_bytes",
                &list,
                &eligible("coalesce(sum(x.total_bytes), 0)::int8"),
                7,
            );
            let number = "select 'counted', count(*) from show_chunks('public.counted', older_than => 999 - 650) x";
            same(target, "eligible_chunks", &list, number, 1);
            assert!(row(&list, "counted")["eligible_bytes"].as_i64() > Some(0));
            // Partially compressed chunks are eligible, too, with the relations of their compressed rows.
            assert!(row(&list, HOSTILE)["eligible_chunks"].as_i64() >= Some(1));
            assert_eq!(row(&list, "Agg; 'of' $3")["kind"], "aggregate");
            assert!(
                !figures(&list, "chunks")
                    .keys()
                    .any(|name| name.starts_with('_'))
            );
        }
    });
}

/// Runs the retention policy of a table in the foreground; returns the server's error.
fn run(target: &Target, table: &str) -> Result<(), String> {
    block_on(async {
        let client = client(&target.conninfo).await;
        let sql = format!("do $$ declare n int; begin select j.id into strict n from _timescaledb_config.bgw_job j join _timescaledb_catalog.hypertable h on h.id = j.hypertable_id
             where h.table_name = '{table}' and j.proc_name = 'policy_retention'; call run_job(n); end $$");
        let ran = client.batch_execute(&sql).await;
        ran.map_err(|error| error.as_db_error().unwrap().message().to_owned())
    })
}

#[test]
fn a_policy_by_creation_drops_the_chunks_that_were_made_before_or_is_said_to_fail() {
    with_targets(|targets| {
        let made = own(targets).iter();
        for (_, target) in made.filter(|(version, _)| *version >= Version::new(2, 13)) {
            let list = shown(target, SCREEN);
            let due = "from (values ('made_int'), ('made_time'), ('made_number')) t(name) left join lateral
                (select s.total_bytes from show_chunks(t.name::regclass, created_before => interval '20 days') x
                   join pg_class r on r.oid = x join chunks_detailed_size(t.name::regclass) s on s.chunk_name = r.relname) x on true group by 1";
            let sql = format!("select t.name, count(x.total_bytes) {due}");
            same(target, "eligible_chunks", &list, &sql, 3);
            let sql = format!("select t.name, coalesce(sum(x.total_bytes), 0)::int8 {due}");
            same(target, "eligible_bytes", &list, &sql, 3);
            assert!(row(&list, "made_number")["eligible_chunks"].as_i64() > Some(2));
            let going = details(target, SCREEN, "\"made_number\"");
            let title = format!(
                "next run drops ({})",
                row(&list, "made_number")["eligible_chunks"]
            );
            assert!(going.contains(&title), "{}: {going}", target.name);
            for table in ["made_int", "made_time", "made_number"] {
                let said = row(&list, table)["verdict"] == "critical";
                let ran = run(target, table);
                assert_eq!(said, ran.is_err(), "{}: {table}: {ran:?}", target.name);
                if said {
                    let reason = row(&list, table)["reason"].as_str().unwrap();
                    assert!(reason.contains("always fails"), "{reason}");
                } else {
                    let list = shown(target, SCREEN);
                    assert_eq!(row(&list, table)["eligible_chunks"], 0, "{}", target.name);
                }
            }
        }
    });
}

#[test]
fn a_row_says_what_keeps_its_policy_from_working() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let list = shown(target, SCREEN);
            let told = |name: &str, level: &str, words: &str| {
                let row = row(&list, name);
                let reason = row["reason"].as_str().unwrap();
                assert!(
                    row["verdict"] == level && reason.contains(words),
                    "{}: {words}: {row}",
                    target.name
                );
            };
            told("no_clock", "warning", "set_integer_now_func");
            told("paused", "warning", "is paused: resume-job resumes it");
            told(
                "two_dimensions",
                "warning",
                "past drop_after not dropped yet, the oldest due for",
            );
            told(
                "frozen",
                "notice",
                "past drop_after not dropped, because frozen: no run ever drops",
            );
            told(
                "unwatched",
                "ok",
                "no policy: nothing is ever dropped; the oldest chunk begins",
            );
            let unwatched = row(&list, "unwatched");
            for figure in [
                "job_id",
                "drop_after",
                "eligible_chunks",
                "eligible_bytes",
                "next_start",
            ] {
                assert_eq!(unwatched[figure], Json::Null, "{figure}: {unwatched}");
            }
            assert_eq!(row(&list, "no_clock")["eligible_chunks"], Json::Null);
            assert!(row(&list, "paused")["eligible_chunks"].as_i64() > Some(2));
        }
    });
}

#[test]
fn the_oldest_chunk_is_the_views_and_is_none_where_no_chunk_is() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let sql = "create table if not exists public.empty (ts timestamptz not null); select create_hypertable('public.empty', 'ts', if_not_exists => true)";
            block_on(async {
                client(&target.conninfo)
                    .await
                    .batch_execute(sql)
                    .await
                    .unwrap();
            });
            let list = shown(target, SCREEN);
            assert_eq!(row(&list, "empty")["oldest_chunk_start"], Json::Null);
            assert_eq!(row(&list, "empty")["chunks"], 0);
            let oldest = documented(
                target,
                "select hypertable_name::text, (extract(epoch from min(range_start)) * 1000000)::int8 from timescaledb_information.chunks
                  where hypertable_schema <> '_timescaledb_internal' and range_start is not null group by 1",
            );
            for (name, start) in oldest {
                let shown = row(&list, &name)["oldest_chunk_start"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                let moment =
                    hypertop::model::text::rfc3339(hypertop::model::moment::Stamp(start.unwrap()))
                        .unwrap();
                // Values of a type without a time of day or a time zone are shown without it.
                let same = moment.starts_with(shown.trim_end_matches('Z')) && shown.len() >= 10;
                assert!(same, "{}: {name}: {shown} is not {moment}", target.name);
            }
            let first = row(&list, "counted")["oldest_chunk_start"].as_i64();
            assert_eq!(first, Some(0), "{}", target.name);
        }
    });
}

#[test]
fn time_without_a_zone_is_reckoned_in_the_databases_zone_and_that_is_said() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let zone = |text: &str| {
                let sql = format!(
                    "do $$ begin execute format('alter database %I {text}', current_database()); end $$"
                );
                block_on(async {
                    client(&target.conninfo)
                        .await
                        .batch_execute(&sql)
                        .await
                        .unwrap();
                });
            };
            let utc = row(&shown(target, SCREEN), "naive")["eligible_chunks"].as_i64();
            zone("set timezone = ''Asia/Kolkata''");
            let list = shown(target, SCREEN);
            let sql = eligible("count(distinct x.id)");
            same(target, "eligible_chunks", &list, &sql, 7);
            zone("reset timezone");
            let kolkata = row(&list, "naive")["eligible_chunks"].as_i64();
            assert!(kolkata > utc, "{}: {kolkata:?} {utc:?}", target.name);
            assert!(
                list["caveats"].to_string().contains("Asia/Kolkata"),
                "{}",
                list["caveats"]
            );
        }
    });
}

#[test]
fn the_time_zone_of_a_policys_owner_goes_before_the_databases() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let set = |text: &str| {
                let sql = format!("alter role postgres in database \"{}\" {text}", {
                    let name = target.conninfo.split("dbname=").nth(1).unwrap();
                    name.split(' ')
                        .next()
                        .unwrap()
                        .trim_matches('\'')
                        .to_owned()
                });
                block_on(async {
                    client(&target.conninfo)
                        .await
                        .batch_execute(&sql)
                        .await
                        .unwrap();
                });
            };
            let before = row(&shown(target, SCREEN), "naive")["eligible_chunks"].as_i64();
            set("set timezone = 'Pacific/Kiritimati'");
            // The documented functions compute in the session's time zone, which is also the owner's here.
            let list = shown(target, SCREEN);
            let chunks = eligible("count(distinct x.id)");
            same(target, "eligible_chunks", &list, &chunks, 7);
            let bytes = eligible("coalesce(sum(x.total_bytes), 0)::int8");
            same(target, "eligible_bytes", &list, &bytes, 7);
            set("reset timezone");
            let after = row(&list, "naive")["eligible_chunks"].as_i64();
            assert!(after > before, "{}: {after:?} {before:?}", target.name);
            let said = list["caveats"].to_string();
            assert!(said.contains("Pacific/Kiritimati"), "{said}");
            // An abbreviation is a known zone (not every system has CET any more), but an offset is not.
            let named = "select coalesce((select z.name from pg_timezone_names z where z.name = 'CET'), 'GMT')";
            let zone: String = block_on(async {
                let client = client(&target.conninfo).await;
                client.query_one(named, &[]).await.unwrap().get(0)
            });
            set(&format!("set timezone = '{zone}'"));
            same(
                target,
                "eligible_chunks",
                &shown(target, SCREEN),
                &chunks,
                7,
            );
            set("set timezone = '-3'");
            let list = shown(target, SCREEN);
            set("reset timezone");
            let naive = row(&list, "naive");
            assert_eq!(naive["eligible_chunks"], Json::Null, "{naive}");
            let reason = naive["reason"].as_str().unwrap();
            assert!(
                reason.contains("(-3) is not a name in pg_timezone_names"),
                "{reason}"
            );
        }
    });
}

#[test]
fn a_time_zone_of_ones_own_is_not_taken_for_the_servers() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let run = |sql: &str| {
                block_on(async {
                    client(&target.conninfo)
                        .await
                        .batch_execute(sql)
                        .await
                        .unwrap();
                });
            };
            let as_role = Target {
                conninfo: target.conninfo.replace("user=postgres", "user=zone_own"),
                ..target.clone()
            };
            let told = |target: &Target| {
                block_on(async {
                    let server = session(&target.conninfo).await.server;
                    (server.time_zone, server.time_zone_hidden_by)
                })
            };
            let sure = |zone: &str| (zone.to_owned(), None);
            run(
                "drop role if exists zone_own; create role zone_own login; alter role zone_own set timezone = 'Asia/Kolkata'",
            );
            let (servers, none) = told(target);
            assert!(none.is_none() && servers != "Asia/Kolkata", "{servers}");
            let hidden = ("Asia/Kolkata".to_owned(), Some("role".to_owned()));
            assert_eq!(told(&as_role), hidden, "{}", target.name);
            let caveats = |target: &Target| shown(target, SCREEN)["caveats"].to_string();
            let said = caveats(&as_role);
            for words in [
                "the server's TimeZone, which background workers use, is not known",
                "zone_own has one of its own (Asia/Kolkata)",
                "for 2 tables with time without a time zone",
                "TO zone_own",
            ] {
                assert!(said.contains(words), "{}: {words}: {said}", target.name);
            }
            assert!(
                !said.contains("boundaries are reckoned in Asia/Kolkata"),
                "{said}"
            );
            let by_options = Target {
                conninfo: format!("{} options='-c timezone=Asia/Kolkata'", as_role.conninfo),
                ..target.clone()
            };
            assert_eq!(
                told(&by_options).1.as_deref(),
                Some("connection"),
                "{}",
                target.name
            );
            // Both fixes in the text are tried.
            run("grant execute on function pg_show_all_file_settings() to zone_own");
            assert_eq!(told(&as_role), sure(&servers), "{}", target.name);
            assert!(
                !caveats(&as_role).contains("is not known"),
                "{}",
                target.name
            );
            run("revoke execute on function pg_show_all_file_settings() from zone_own");
            let zone = |text: &str| {
                run(&format!(
                    "do $$ begin execute format('alter database %I {text}', current_database()); end $$"
                ));
            };
            zone("set timezone = ''America/Lima''");
            assert_eq!(told(&as_role), sure("America/Lima"), "{}", target.name);
            zone("reset timezone");
            run("drop role zone_own");
        }
    });
}

#[test]
fn the_details_list_what_goes_and_name_what_stays() {
    with_targets(|targets| {
        for (_, target) in own(targets) {
            let list = shown(target, SCREEN);
            let said = details(target, SCREEN, "\"two_dimensions\"");
            let goes = row(&list, "two_dimensions")["eligible_chunks"]
                .as_i64()
                .unwrap();
            assert!(
                said.contains(&format!("next run drops ({goes})"))
                    && said.contains("Chunks that stay"),
                "{}: {said}",
                target.name
            );
            let frozen = details(target, SCREEN, "\"frozen\"");
            assert!(frozen.contains("frozen"), "{}: {frozen}", target.name);
        }
    });
}

#[test]
fn the_stand_ins_figures_are_those_of_its_own_tables() {
    with_targets(|targets| {
        let target = targets.all.iter().find(|target| !target.real).unwrap();
        let list = shown(target, SCREEN);
        let due = "from _timescaledb_catalog.bgw_job j join _timescaledb_catalog.hypertable h on h.id = j.hypertable_id
             left join lateral (select c.* from _timescaledb_catalog.chunk c join _timescaledb_catalog.dimension_slice s on s.chunk_id = c.id
                   where c.hypertable_id = h.id and s.range_end <= extract(epoch from now() - (j.config ->> 'drop_after')::interval) * 1000000) c on true
             left join _timescaledb_catalog.chunk z on z.id = c.compressed_chunk_id
            where j.proc_name = 'policy_retention' and h.schema_name = 'mes' and jsonb_typeof(j.config -> 'drop_after') = 'string' group by 1";
        let sql = format!("select h.table_name::text, count(c.id) {due}");
        same(target, "eligible_chunks", &list, &sql, 1);
        let sql = format!(
            "select h.table_name::text, coalesce(sum(pg_total_relation_size(to_regclass('_timescaledb_internal.' || c.table_name)) + coalesce(pg_total_relation_size(to_regclass('_timescaledb_internal.' || z.table_name)), 0)), 0)::int8 {due}"
        );
        same(target, "eligible_bytes", &list, &sql, 1);
    });
}
