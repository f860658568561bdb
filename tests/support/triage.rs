//! Triage in tests: a problem is created on a real server, found by its rule, fixed by the suggested action, and gone.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hypertop::actions::action::Does;
use hypertop::actions::catalogue;
use hypertop::demo::private_server::{Options, PrivateServer};
use hypertop::model::rules::Rule;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::target::Target;
use hypertop::model::version::Version;
use hypertop::screens::Screens;
use hypertop::screens::gather;
use hypertop::screens::overview::{self, Row};
use hypertop::server::exact::Exact;
use hypertop::server::known::At;

use super::act::Rig;
use super::agree::agrees;
use super::{CHUNK, block_on, client, has_server};

/// A server without the factory, which takes long to load.
static SERVER: OnceLock<Mutex<PrivateServer>> = OnceLock::new();

fn bare() -> PrivateServer {
    let server = PrivateServer::start(&Options::default()).unwrap();
    assert_eq!(server.problem, None, "TimescaleDB is installed: it loads");
    server
}

/// The hypertable of [`PACKS_WELL`].
pub const NAME: &str = r#""Me.s"."Raw ""x""""#;
/// A hypertable with ten daily chunks that compress well.
pub const PACKS_WELL: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, d int, v text);
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 day');
insert into "Me.s"."Raw ""x""" select t, 1, repeat('x', 100) from generate_series(date_trunc('day', now()) - interval '9 days', now(), interval '5 minutes') t;
alter table "Me.s"."Raw ""x""" set (timescaledb.compress, timescaledb.compress_segmentby = 'd', timescaledb.compress_orderby = 'ts desc')"#;

/// Runs a test in a new database of each version, one test at a time. `source`: statements that run first, each outside
/// a transaction block.
#[allow(
    clippy::needless_pass_by_value,
    reason = "a closure, written where it is given"
)]
pub fn on_each(name: &str, source: &str, test: impl AsyncFn(&Rig, Version)) {
    if has_server() {
        let server = SERVER.get_or_init(|| Mutex::new(bare())).lock();
        let server = server.unwrap_or_else(PoisonError::into_inner);
        on_each_of(&server, name, source, async |rig, version| {
            test(rig, version).await;
        });
    }
}

/// [`on_each`] with a server that only this test uses, so that it may be stopped and started.
#[allow(
    clippy::needless_pass_by_value,
    reason = "a closure, written where it is given"
)]
pub fn alone_on_each(name: &str, source: &str, test: impl AsyncFn(&PrivateServer, &Rig, Version)) {
    if has_server() {
        let server = bare();
        on_each_of(&server, name, source, async |rig, version| {
            test(&server, rig, version).await;
        });
    }
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "a closure, written where it is given"
)]
fn on_each_of(server: &PrivateServer, name: &str, source: &str, test: impl AsyncFn(&Rig, Version)) {
    for version in server.timescaledb_versions() {
        block_on(async {
            let database = format!("{name}_{}", version.replace('.', "_"));
            let maintain = async |sql: String| {
                let maintenance = client(&server.conninfo("postgres")).await;
                maintenance.batch_execute(&sql).await.unwrap();
            };
            maintain(format!("create database {database}")).await;
            let conninfo = server.conninfo(&database);
            let owner = client(&conninfo).await;
            let create = format!(
                "set client_min_messages = error; create extension timescaledb version '{version}'"
            );
            owner.batch_execute(&create).await.unwrap();
            for statement in source.split(";\n") {
                owner.batch_execute(statement).await.unwrap();
            }
            let rig = Rig::on(&version, &conninfo).await;
            let version = rig.session.server.sql_version();
            test(&rig, version).await;
            drop(rig);
            drop(owner);
            maintain(format!("drop database {database} with (force)")).await;
        });
    }
}

/// The screens with all exact figures, as `hypertop show` loads them.
pub async fn look(rig: &Rig, of: &[ScreenId]) -> (Screens, At<'static>) {
    let mut screens = Screens::default();
    let at = look_again(rig, &mut screens, of).await;
    (screens, at)
}

/// Loads screens again that were loaded before.
pub async fn look_again(rig: &Rig, screens: &mut Screens, of: &[ScreenId]) -> At<'static> {
    let (now, _) = rig.session.pulse(ScreenId::ALL[0]).await.unwrap();
    let mut server = rig.session.server.clone();
    server.thresholds.all = *rig.limits.borrow();
    let server = Box::leak(Box::new(server));
    let at = At { now, server };
    for screen in of {
        let rows = Box::pin(rig.session.load(*screen)).await.unwrap();
        let asked = screens.ask(*screen).unwrap();
        screens.load(asked, rows, Duration::ZERO, &at);
        let mut exact = Exact::new(&rig.actor.settings, None);
        for (nth, query) in (screen.about().exact)().into_iter().enumerate() {
            let wanted = screens.wanted_at_first(*screen, nth, 100, now);
            let figures = exact.slice(query, &wanted).await;
            screens.take_exact(*screen, nth, figures, true, &at);
        }
    }
    at
}

/// The findings of all screens, before duplicates are merged.
pub async fn all(rig: &Rig) -> Vec<Row> {
    let (screens, at) = Box::pin(look(rig, overview::PARTS)).await;
    let parts = overview::PARTS.iter();
    parts
        .flat_map(|part| gather::found(&screens, *part, &at))
        .collect()
}

/// Schema of TimescaleDB's internal functions.
pub fn functions(version: Version) -> &'static str {
    if version < Version::new(2, 12) {
        "_timescaledb_internal"
    } else {
        "_timescaledb_functions"
    }
}

/// The screen of a rule, from the first word of its name.
fn screen(rule: &Rule) -> ScreenId {
    match rule.name.split('-').next().unwrap() {
        "aggregate" => ScreenId::Aggregates,
        "chunks" | "hypertable" => ScreenId::Hypertables,
        "compression" => ScreenId::Compression,
        "index" => ScreenId::Indexes,
        "job" => ScreenId::Jobs,
        "queries" | "query" => ScreenId::Queries,
        "retention" => ScreenId::Retention,
        "server" => ScreenId::Server,
        "session" => ScreenId::Activity,
        other => panic!("no screen for {other}"),
    }
}

/// All findings on one row of the rule's screen; `of`: key or name of the row.
pub async fn said(rig: &Rig, rule: &'static Rule, of: &str) -> Vec<Row> {
    let screen = screen(rule);
    let (screens, _) = Box::pin(look(rig, &[screen])).await;
    let rows = gather::found_on(&screens, screen).into_iter();
    rows.filter(|row| row.of == of || row.subject == of)
        .collect()
}

pub async fn find(rig: &Rig, rule: &'static Rule, of: &str) -> Option<Row> {
    let mut said = said(rig, rule, of).await.into_iter();
    said.find(|row| row.finding.rule == rule)
}

/// The finding of this rule, which must exist and contain these words.
pub async fn found(rig: &Rig, rule: &'static Rule, of: &str, words: &[&str]) -> Row {
    let Some(found) = find(rig, rule, of).await else {
        let said = said(rig, rule, of).await;
        panic!("{}: no {} of {of}: {said:#?}", rig.name, rule.name)
    };
    for word in words {
        let reason = &found.finding.reason;
        assert!(reason.contains(word), "{}: {word}: {reason}", rig.name);
    }
    offers(rig, &found).await;
    Box::pin(agrees(rig, &found.finding)).await;
    found
}

/// Checks that the suggested fix has a target, and that its form accepts the values.
async fn offers(rig: &Rig, row: &Row) {
    let Some(name) = row.finding.fix else { return };
    let target = row.finding.fix_target(row.targets.clone());
    let target = target.unwrap_or_else(|| panic!("{}: {name} on nothing: {row:#?}", rig.name));
    let sets = row.finding.sets.iter();
    let sets: Vec<_> = sets.map(|(k, v)| (k.as_str(), v.as_str())).collect();
    if let Err(why) = rig.plan(name, &target.name, &sets).await {
        let wrong = ["unknown setting", "not a process id"];
        let wrong = wrong.iter().any(|words| why.contains(words));
        assert!(!wrong, "{}: {name} {target:?} {sets:?}: {why}", rig.name);
    }
}

pub async fn gone(rig: &Rig, rule: &'static Rule, of: &str) {
    let found = find(rig, rule, of).await;
    assert!(found.is_none(), "{}: {found:#?}", rig.name);
}

/// Waits until the rule finds nothing any more.
pub async fn goes(rig: &Rig, rule: &'static Rule, of: &str) {
    let begun = Instant::now();
    while let Some(found) = find(rig, rule, of).await {
        let long = begun.elapsed();
        assert!(long < Duration::from_secs(60), "{}: {found:#?}", rig.name);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until this query returns `t`.
pub async fn until(rig: &Rig, what: &str, sql: &str) {
    let begun = Instant::now();
    while rig.text(sql).await != "t" {
        let long = begun.elapsed();
        assert!(long < Duration::from_secs(60), "{}: {what}", rig.name);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Runs the suggested fix with the finding's values and these.
pub async fn fix(rig: &Rig, row: &Row, set: &[(&str, &str)]) {
    let name = row.finding.fix.unwrap_or_else(|| panic!("{row:#?}"));
    let Does::Plan(act) = &catalogue::by_name(name).unwrap().does else {
        panic!("{name} changes the console only")
    };
    let finding = &row.finding;
    let mut targets = Vec::from_iter(finding.on.clone().or(finding.job.map(Target::job)));
    targets.extend(row.targets.clone());
    let target = targets.iter().find(|target| target.kind == act.on);
    let target = target.unwrap_or_else(|| panic!("{name} has nothing to act on: {row:#?}"));
    let sets = finding.sets.iter();
    let mut sets: Vec<_> = sets.map(|(k, v)| (k.as_str(), v.as_str())).collect();
    sets.extend(set);
    rig.act(name, &target.name, &sets).await;
}

/// The Overview's findings, with duplicates merged.
pub async fn overview(rig: &Rig) -> Vec<Row> {
    let parts = overview::PARTS.iter().copied();
    let parts: Vec<_> = parts.filter(|part| rig.session.can_show(*part)).collect();
    let (screens, at) = Box::pin(look(rig, &parts)).await;
    let found = parts
        .iter()
        .map(|part| (*part, gather::found(&screens, *part, &at)))
        .collect();
    gather::findings(&found)
}

/// Waits until the rule finds something.
pub async fn comes(rig: &Rig, rule: &'static Rule, of: &str) -> Row {
    let begun = Instant::now();
    loop {
        if let Some(found) = find(rig, rule, of).await {
            Box::pin(agrees(rig, &found.finding)).await;
            return found;
        }
        let long = begun.elapsed();
        assert!(
            long < Duration::from_secs(60),
            "{}: no {} of {of}: {:#?}",
            rig.name,
            rule.name,
            said(rig, rule, of).await
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Makes chunks of a table with integer time this many days older, if the server records their creation.
pub async fn made(rig: &Rig, version: Version, of: &str, days: &str, wanted: &str) {
    if version >= Version::new(2, 13) {
        rig.sql(&format!(
            "update _timescaledb_catalog.chunk c set creation_time = now() - {days} * interval '1 day'
               from (select format('%I.%I', chunk_schema, chunk_name)::regclass as chunk, range_start_integer as start
                       from timescaledb_information.chunks where hypertable_name = '{of}') i
              where i.chunk = {CHUNK} and {wanted}"
        ))
        .await;
    }
}
