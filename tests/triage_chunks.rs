//! Triage of chunks that are too large, too small, too many, or more than the lock table holds. The findings include
//! the calculation, and the advised interval fixes them.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::rules;
use hypertop::model::rules::Rule;
use hypertop::model::verdict::Level;
use hypertop::screens::overview::Row;
use support::act::Rig;
use support::triage::{self, fix, found, gone};

const NAME: &str = r#""Me.s"."Raw ""x""""#;

/// A hypertable with a hundred hourly chunks, the newest of them not full.
const SOURCE: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, v text);
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 hour');
insert into "Me.s"."Raw ""x""" select t, repeat('x', 100) from generate_series(date_trunc('hour', now()) - interval '99 hours', now(), interval '5 minutes') t;
analyze "Me.s"."Raw ""x""""#;

fn on_each(name: &str, test: impl AsyncFn(&Rig)) {
    triage::on_each(name, SOURCE, async move |rig, _| test(rig).await);
}

/// Checks that the statement in the reason is valid, and that the suggested action has its effect.
async fn advised(rig: &Rig, rule: &'static Rule, words: &[&str], level: Level) {
    let finding = found(rig, rule, NAME, words).await;
    assert_eq!(finding.finding.level, level, "{}", rig.name);
    let reason = &finding.finding.reason;
    let call = reason.split_once("set_chunk_time_interval(").unwrap().1;
    let call = call.split_once(" for new chunks").unwrap().0;
    rig.sql(&format!("begin; select set_chunk_time_interval({call}"))
        .await;
    let interval = "select time_interval::text from timescaledb_information.dimensions";
    let said = rig.text(interval).await;
    rig.sql("rollback").await;
    fix(rig, &finding, &[]).await;
    assert_eq!(rig.text(interval).await, said, "{}: {reason}", rig.name);
    gone(rig, rule, NAME).await;
}

#[test]
fn chunks_that_do_not_fit_into_memory_are_advised_a_shorter_interval() {
    on_each("large", async |rig| {
        gone(rig, &rules::CHUNKS_LARGE, NAME).await;
        rig.sql("do $$ begin execute format('alter database %I set effective_cache_size = ''64kB''', current_database()); end $$").await;
        let rig = Rig::on(&rig.name, &rig.conninfo).await;
        let words = [
            "an interval of 1h takes",
            "(64.0 kB / 4 = 16.0 kB)",
            "m / 1h =",
        ];
        let rule = &rules::CHUNKS_LARGE;
        advised(&rig, rule, &words, Level::Warning).await;
    });
}

#[test]
fn many_small_chunks_are_advised_a_longer_interval() {
    on_each("small", async |rig| {
        rig.limit(|limits| limits.small_chunks = 101.0);
        gone(rig, &rules::CHUNKS_SMALL, NAME).await;
        // All chunks are small, but there are too few of them to matter.
        rig.limit(|limits| {
            limits.small_chunks = 100.0;
            limits.small_chunk_bytes = 64.0 * 1024.0;
        });
        let words = ["100 small chunks", "(interval 1h)", "kB x 4h / 1h ="];
        let rule = &rules::CHUNKS_SMALL;
        advised(rig, rule, &words, Level::Notice).await;
    });
}

#[test]
fn more_chunks_than_their_size_asks_for_are_advised_a_longer_interval() {
    on_each("many", async |rig| {
        rig.limit(|limits| limits.small_chunk_bytes = 1024.0);
        gone(rig, &rules::CHUNKS_MANY, NAME).await;
        rig.limit(|limits| limits.many_chunks = 100.0);
        let words = ["100 chunks, more than needed", "kB x 4h / 1h ="];
        let rule = &rules::CHUNKS_MANY;
        advised(rig, rule, &words, Level::Notice).await;
    });
}

#[test]
fn chunks_that_would_fill_the_lock_table_are_told_and_fewer_of_them_fix_it() {
    on_each("locks", async |rig| {
        gone(rig, &rules::CHUNKS_LOCKS, NAME).await;
        rig.limit(|limits| limits.lock_table_percent = 0.5);
        let slots = rig.text("select current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)").await;
        let slots = hypertop::model::text::count(slots.parse().unwrap());
        let words = [
            "takes up to 202 locks (100 chunks x (1 + 1 index))",
            &format!("the lock table has {slots} (max_locks"),
            "set max_locks_per_transaction to 448 and restart",
            "or reduce the number of chunks",
        ];
        found(rig, &rules::CHUNKS_LOCKS, NAME, &words).await;
        rig.sql(&format!(
            "select drop_chunks('{NAME}', older_than => interval '20 hours')"
        ))
        .await;
        gone(rig, &rules::CHUNKS_LOCKS, NAME).await;
    });
}

#[test]
fn hundreds_of_chunks_of_a_page_or_two_are_on_the_overview_with_the_interval_to_set() {
    let source = "set client_min_messages = error; create table tiny (ts timestamptz not null, v float);\n\
                  select create_hypertable('tiny', 'ts', chunk_time_interval => interval '5 minutes');\n\
                  insert into tiny select t, 1 from generate_series(now() - interval '50 hours', now(), interval '1 minute') t";
    triage::on_each("tiny", source, async |rig, _| {
        let all = triage::overview(rig).await;
        let told = |row: &&Row| row.finding.rule == &rules::CHUNKS_SMALL;
        let [row] = all.iter().filter(told).collect::<Vec<_>>()[..] else {
            panic!("{}: {all:#?}", rig.name)
        };
        let reason = &row.finding.reason;
        assert!(
            reason.contains("60") && reason.contains("small chunks of 24.0 kB each (interval 5m)"),
            "{}: {reason}",
            rig.name
        );
        assert_eq!(row.finding.fix, Some("set-chunk-interval"), "{}", rig.name);
        fix(rig, row, &[]).await;
        let interval = "select time_interval::text from timescaledb_information.dimensions where hypertable_name = 'tiny'";
        assert_eq!(
            rig.text(interval).await,
            "02:00:00",
            "{}: {reason}",
            rig.name
        );
    });
}
