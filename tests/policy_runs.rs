//! Previews and lists agree with a policy's run, which uses the time zone of the job's owner, or else of the database, but never the time
//! zone of the schedule.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::plan::{Mode, Plan};
use hypertop::model::rules;
use hypertop::model::screen_id::ScreenId;
use hypertop::screens::Rows;
use support::act::Rig;
use support::triage::{self, found, until};

/// Time zone of the database, and time zones of policies' owners (empty: not set).
const ZONES: &[(&str, &[&str])] = &[
    ("UTC", &["", "Pacific/Kiritimati"]),
    ("Asia/Kolkata", &["", "America/New_York"]),
    ("America/New_York", &["", "Europe/Paris"]),
];

/// Time zone of the schedules, which matters only for their slots.
const SCHEDULE: &str = "Asia/Tokyo";

/// Intervals that include clock changes and months of different lengths on any date.
const SPANS: &[&str] = &["3 mons", "6 mons 10 days", "8 mons 25 days"];

const KINDS: &[&str] = &["timestamptz", "timestamp", "date"];

/// Time zones at whose limits there are rows, so that a wrong zone gives another result.
const EDGES: &str =
    "'UTC','Asia/Kolkata','America/New_York','Pacific/Kiritimati','Asia/Tokyo','Europe/Berlin'";

/// Functions that subtract an interval from now, as a session in the given time zone does.
const SOURCE: &str = "create function edge(zone text, span interval) returns timestamptz language plpgsql as $$ declare was text := current_setting('timezone'); at timestamptz; begin perform set_config('timezone', zone, true); at := now() - span; perform set_config('timezone', was, true); return at; end $$;
create function bare(zone text, span interval) returns timestamp language plpgsql as $$ begin return (now() at time zone zone) - span; end $$";

/// The interval plus some minutes, so that the limit is 15 minutes from the ends of hourly chunks.
async fn span(rig: &Rig, span: &str) -> String {
    let minutes = "select (extract(minute from now())::int + 15) % 30";
    let minutes: u32 = rig.text(minutes).await.parse().unwrap();
    format!("{span} 00:{minutes:02}:00")
}

/// Sets the database's time zone, and creates owners with these time zones.
async fn scene(rig: &Rig, database: &str, owners: &[&str]) -> (Rig, Vec<String>) {
    let name = rig.text("select current_database()").await;
    rig.sql(&format!(
        "alter database {name} set timezone = '{database}'"
    ))
    .await;
    let mut roles = Vec::new();
    for (nth, zone) in owners.iter().enumerate() {
        let role = format!("owner_{nth}_{name}");
        rig.sql(&format!(
            "do $$ begin create role {role} login superuser; exception when duplicate_object then null; end $$; alter role {role} reset timezone"
        ))
        .await;
        if !zone.is_empty() {
            rig.sql(&format!("alter role {role} set timezone = '{zone}'"))
                .await;
        }
        roles.push(role);
    }
    (Rig::on(&rig.name, &rig.conninfo).await, roles)
}

/// A table of this owner with chunks of an hour on both sides of each zone's limit.
async fn make(rig: &Rig, role: &str, kind: &str, name: &str, span: &str) {
    let place = match kind {
        "timestamptz" => "edge(zone, span)",
        _ => "bare(zone, span)",
    };
    let interval = if kind == "date" { "1 day" } else { "1 hour" };
    rig.sql(&format!(
        "set role {role}; create table {name} (ts {kind} not null, v int); select create_hypertable('{name}', 'ts', chunk_time_interval => interval '{interval}');
         insert into {name} select distinct ({place} + far)::{kind}, 1 from (values (interval '{span}')) s(span), unnest(array[{EDGES}]) zone,
           unnest(array['-50 hours', '-26 hours', '-90 minutes', '-30 minutes', '30 minutes', '90 minutes', '26 hours']::interval[]) far; reset role"
    ))
    .await;
}

/// Adds a policy that never starts by itself; returns its job id.
async fn waiting(rig: &Rig, add: &str) -> String {
    let add = format!("select job_id from alter_job({add}, next_start => 'infinity')");
    let id = rig.text(&add).await;
    rig.sql(&format!(
        "update _timescaledb_config.bgw_job set timezone = '{SCHEDULE}' where id = {id} and id % 2 = 0"
    ))
    .await;
    id
}

/// The preview and the list of a policy before it ran.
struct Shown {
    about: String,
    table: String,
    id: String,
    how: &'static str,
    /// Chunks in the preview of the manual action.
    meant: Vec<String>,
    /// Number of chunks in the list. `None`: not shown.
    counted: Option<i64>,
    before: Vec<String>,
}

/// Runs the jobs with the console's action, and waits until they have ended.
async fn run(rig: &Rig, all: &[Shown]) {
    for shown in all {
        rig.act("run-job-now", &shown.id, &[("how", shown.how)])
            .await;
    }
    for shown in all.iter().filter(|shown| shown.how == "scheduler") {
        let ended = format!(
            "select exists (select from _timescaledb_internal.bgw_job_stat where job_id = {} and total_successes > 0)",
            shown.id
        );
        until(rig, &shown.about, &ended).await;
    }
}

/// Names of the chunks that a plan changes.
fn meant(plan: &Plan) -> Vec<String> {
    let touches = plan.touches.iter();
    let chunks =
        touches.filter(|touch| touch.mode > Mode::AccessShare && touch.name.contains("_hyper_"));
    let mut names: Vec<_> = chunks
        .map(|touch| touch.name.rsplit('.').next().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

async fn chunks(rig: &Rig, table: &str, wanted: &str) -> Vec<String> {
    rig.texts(&format!(
        "select chunk_name::text from timescaledb_information.chunks where hypertable_name = '{table}' and {wanted} order by chunk_name::text collate \"C\""
    ))
    .await
}

async fn eligible(rig: &Rig, table: &str) -> Option<i64> {
    match rig.session.load(ScreenId::Retention).await.unwrap() {
        Rows::Retention(rows) => rows.iter().find(|row| row.name == table)?.eligible(),
        _ => None,
    }
}

async fn backlog(rig: &Rig, table: &str) -> Option<i64> {
    match rig.session.load(ScreenId::Compression).await.unwrap() {
        Rows::Compression(rows) => rows.iter().find(|row| row.name == table)?.backlog(),
        _ => None,
    }
}

#[test]
fn retention_drops_exactly_the_chunks_that_were_shown() {
    triage::on_each("drops", SOURCE, async |rig, _| {
        for (database, owners) in ZONES {
            let (rig, roles) = scene(rig, database, owners).await;
            let mut all = Vec::new();
            for (role, owner) in roles.iter().zip(*owners) {
                for (kind, how, months) in [
                    ("timestamptz", "scheduler", SPANS[0]),
                    ("timestamptz", "foreground", SPANS[1]),
                    ("timestamptz", "scheduler", SPANS[2]),
                    ("timestamp", "scheduler", SPANS[0]),
                    ("timestamp", "foreground", SPANS[1]),
                    ("date", "scheduler", SPANS[1]),
                ] {
                    let span = span(&rig, months).await;
                    let table = format!("t{}", all.len());
                    make(&rig, role, kind, &table, &span).await;
                    let add = format!("add_retention_policy('{table}', interval '{span}')");
                    let id = waiting(&rig, &add).await;
                    let approved = rig.plan("drop-chunks", &table, &[]).await.unwrap();
                    all.push(Shown {
                        about: format!("{}: {database} {owner} {kind} {span} {how}", rig.name),
                        meant: meant(&approved.plan),
                        counted: eligible(&rig, &table).await,
                        before: chunks(&rig, &table, "true").await,
                        table,
                        id,
                        how,
                    });
                }
            }
            run(&rig, &all).await;
            for shown in &all {
                let (about, before) = (&shown.about, &shown.before);
                let left = chunks(&rig, &shown.table, "true").await;
                let gone = before.iter().filter(|chunk| !left.contains(chunk));
                let gone: Vec<_> = gone.cloned().collect();
                assert!(!gone.is_empty() && gone.len() < before.len(), "{about}");
                assert_eq!(shown.meant, gone, "{about}: drop-chunks");
                assert_eq!(
                    shown.counted,
                    i64::try_from(gone.len()).ok(),
                    "{about}: the list"
                );
            }
            rig.sql(&drop(&all)).await;
        }
    });
}

#[test]
fn compression_takes_exactly_the_chunks_that_were_shown() {
    triage::on_each("packs", SOURCE, async |rig, _| {
        for (database, owners) in ZONES {
            let (rig, roles) = scene(rig, database, owners).await;
            let mut all = Vec::new();
            for (role, owner) in roles.iter().zip(*owners) {
                for (kind, months) in KINDS.iter().zip(SPANS) {
                    let span = span(&rig, months).await;
                    let table = format!("t{}", all.len());
                    make(&rig, role, kind, &table, &span).await;
                    rig.sql(&format!("alter table {table} set (timescaledb.compress)"))
                        .await;
                    let add = format!("add_compression_policy('{table}', interval '{span}')");
                    let id = waiting(&rig, &add).await;
                    let older = [("older_than", span.as_str())];
                    let approved = rig.plan("compress-chunks", &table, &older).await.unwrap();
                    all.push(Shown {
                        about: format!("{}: {database} {owner} {kind} {span}", rig.name),
                        meant: meant(&approved.plan),
                        counted: backlog(&rig, &table).await,
                        before: chunks(&rig, &table, "true").await,
                        table,
                        id,
                        how: "scheduler",
                    });
                }
            }
            run(&rig, &all).await;
            for shown in &all {
                let about = &shown.about;
                let packed = chunks(&rig, &shown.table, "is_compressed").await;
                assert!(
                    !packed.is_empty() && packed.len() < shown.before.len(),
                    "{about}"
                );
                assert_eq!(shown.meant, packed, "{about}: compress-chunks");
                assert_eq!(
                    shown.counted,
                    i64::try_from(packed.len()).ok(),
                    "{about}: the list"
                );
            }
            rig.sql(&drop(&all)).await;
        }
    });
}

fn drop(all: &[Shown]) -> String {
    let drops = all
        .iter()
        .map(|shown| format!("drop table {}", shown.table));
    drops.collect::<Vec<_>>().join("; ")
}

/// A fully refreshed aggregate of this owner, and late rows in each bucket around the limits.
async fn aggregate(rig: &Rig, role: &str, kind: &str, name: &str, span: &str) {
    let width = if kind == "date" { "1 day" } else { "1 hour" };
    let rows = format!(
        "insert into raw_{name} select t::{kind}, 1 from generate_series(bare('UTC', '{span}') - interval '100 hours', bare('UTC', '{span}') + interval '100 hours', interval '1 hour') t"
    );
    rig.sql(&format!(
        "set role {role}; create table raw_{name} (ts {kind} not null, v int); select create_hypertable('raw_{name}', 'ts', chunk_time_interval => interval '7 days'); {rows};
         create materialized view {name} with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('{width}', ts) as b, sum(v) as s from raw_{name} group by 1 with no data; reset role"
    ))
    .await;
    rig.sql(&format!(
        "call refresh_continuous_aggregate('{name}', null, null)"
    ))
    .await;
    rig.sql(&rows).await;
}

/// The first bucket with late rows, as a form takes it. 2.22.1 leaves the last bucket to the next run.
async fn fresh_from(rig: &Rig, kind: &str, name: &str) -> String {
    let (width, form) = match kind {
        "date" => ("1 day", "YYYY-MM-DD"),
        "timestamp" => ("1 hour", "YYYY-MM-DD HH24:MI:SS"),
        _ => ("1 hour", "YYYY-MM-DD HH24:MI:SSZ"),
    };
    let place = match kind {
        "timestamptz" => "b at time zone 'UTC'",
        _ => "b::timestamp",
    };
    rig.text(&format!(
        "select to_char(min({place}), '{form}') from {name} a where s = (select sum(v) from raw_{name} where time_bucket('{width}', ts) = a.b)"
    ))
    .await
}

#[test]
fn a_refresh_begins_where_it_was_said_that_no_run_goes_farther_back() {
    triage::on_each("reads", SOURCE, async |rig, _| {
        for (database, owners) in ZONES {
            let (rig, roles) = scene(rig, database, owners).await;
            let mut all = Vec::new();
            for (role, owner) in roles.iter().zip(*owners) {
                for (kind, how, months) in [
                    ("timestamptz", "scheduler", SPANS[0]),
                    ("timestamptz", "foreground", SPANS[2]),
                    ("timestamp", "scheduler", SPANS[1]),
                    ("timestamp", "foreground", SPANS[0]),
                    ("date", "scheduler", SPANS[2]),
                ] {
                    let span = span(&rig, months).await;
                    let name = format!("a{}", all.len());
                    aggregate(&rig, role, kind, &name, &span).await;
                    let about = format!("{}: {database} {owner} {kind} {span} {how}", rig.name);
                    let add = format!(
                        "add_continuous_aggregate_policy('{name}', interval '{span}', interval '2 mons', interval '1 hour')"
                    );
                    let id = waiting(&rig, &add).await;
                    let row = found(
                        &rig,
                        &rules::AGGREGATE_UNREACHED,
                        &format!("public.{name}"),
                        &[],
                    )
                    .await;
                    let to = row.finding.sets.iter().find(|(key, _)| key == "to");
                    let to = to.unwrap().1.clone();
                    let approved = rig.plan("run-job-now", &id, &[("how", how)]).await.unwrap();
                    let notes = format!("{:?}", approved.plan.notes);
                    let end = format!(" to {}", to.trim_end_matches('Z').trim_end_matches(":00"));
                    assert!(
                        notes.contains("stay missing") && notes.contains(&end),
                        "{about}: {end}: {notes}"
                    );
                    let shown = Shown {
                        about,
                        table: name,
                        id,
                        how,
                        meant: vec![kind.to_owned(), to],
                        counted: None,
                        before: Vec::new(),
                    };
                    all.push(shown);
                }
            }
            run(&rig, &all).await;
            for Shown {
                about,
                table,
                meant,
                ..
            } in &all
            {
                assert_eq!(
                    meant[1],
                    fresh_from(&rig, &meant[0], table).await,
                    "{about}"
                );
                rig.sql(&format!(
                    "drop materialized view {table}; drop table raw_{table}"
                ))
                .await;
            }
        }
    });
}
