//! Shared by the tests of Compression and Retention: a database per version, the screens' output, and documented
//! functions.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a test may fail; each test file uses its part"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::OnceLock;

use hypertop::model::screen_id::ScreenId;
use hypertop::model::version::Version;
use hypertop::run::show;
use hypertop::run::show::Format;
use hypertop::server::known::At;
use serde_json::Value as Json;

use crate::support::{CHUNK, Target, Targets, block_on, client, session, settings};

/// The screens' name for the hypertable with unusual names.
pub const HOSTILE: &str = "Tablo 'Ö' $1; -- of sixty three bytes, as long as a name gets";

static OWN: OnceLock<Vec<(Version, Target)>> = OnceLock::new();

/// A database with `traps.sql` for each installed version, created once per test program.
pub fn own(targets: &Targets) -> &'static [(Version, Target)] {
    OWN.get_or_init(|| {
        let versions = targets.server.timescaledb_versions();
        let make = |text: &String| (Version::parse(text).unwrap(), block_on(make(targets, text)));
        versions.iter().map(make).collect()
    })
}

async fn make(targets: &Targets, version: &str) -> Target {
    let name = format!("policies_{}", version.replace('.', "_"));
    let admin = client(&targets.server.conninfo("postgres")).await;
    let create = format!("create database {name}");
    admin.batch_execute(&create).await.unwrap();
    let conninfo = targets.server.conninfo(&name);
    let extension = format!("create extension timescaledb version '{version}'");
    // A new session, because a session loads the library of one version at its start.
    client(&conninfo)
        .await
        .batch_execute(&extension)
        .await
        .unwrap();
    let parsed = Version::parse(version).unwrap();
    let functions = if parsed < Version::new(2, 12) {
        "_timescaledb_internal"
    } else {
        "_timescaledb_functions"
    };
    let mut text = include_str!("traps.sql").replace("{functions}", functions);
    if parsed >= Version::new(2, 13) {
        text.push_str(include_str!("created.sql"));
    }
    let client = client(&conninfo).await;
    let quiet = "set client_min_messages = error";
    for statement in std::iter::once(quiet).chain(text.split(";\n")) {
        let ran = client.batch_execute(statement).await;
        ran.unwrap_or_else(|error| panic!("{version}: {error:?}\n{statement}"));
    }
    Target {
        name: format!("TimescaleDB {version}"),
        conninfo,
        real: true,
    }
}

/// The output of `hypertop show SCREEN --format json`.
pub fn shown(target: &Target, screen: ScreenId) -> Json {
    block_on(async {
        let session = session(&target.conninfo).await;
        let settings = settings(&target.conninfo);
        let mut out = Vec::new();
        let printed = show::show(&settings, &session, screen, Format::Json, &mut out).await;
        printed.unwrap();
        serde_json::from_slice(&out).unwrap()
    })
}

pub fn row<'a>(shown: &'a Json, name: &str) -> &'a Json {
    let mut rows = shown["rows"].as_array().unwrap().iter();
    rows.find(|row| row["name"] == name)
        .unwrap_or_else(|| panic!("no row {name} in {shown}"))
}

/// A column of the rows, by the row's name.
pub fn figures(shown: &Json, figure: &str) -> BTreeMap<String, Option<i64>> {
    let rows = shown["rows"].as_array().unwrap().iter();
    rows.map(|row| {
        let name = row["name"].as_str().unwrap().to_owned();
        (name, row[figure].as_i64())
    })
    .collect()
}

/// The same from a statement that returns a name and a number, in the database's time zone.
pub fn documented(target: &Target, sql: &str) -> BTreeMap<String, Option<i64>> {
    block_on(async {
        let client = client(&target.conninfo).await;
        let quiet = "set jit = off; set client_min_messages = error";
        client.batch_execute(quiet).await.unwrap();
        let rows = client.query(sql, &[]).await;
        let rows = rows.unwrap_or_else(|error| panic!("{}: {error:?}\n{sql}", target.name));
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    })
}

/// Checks that the screen shows every number that the documented functions return, and that there are at least this
/// many.
pub fn same(target: &Target, figure: &str, shown: &Json, sql: &str, at_least: usize) {
    let (ours, theirs) = (figures(shown, figure), documented(target, sql));
    assert!(theirs.len() >= at_least, "{}: {theirs:?}", target.name);
    for (name, value) in theirs {
        assert_eq!(ours[&name], value, "{}: {figure} of {name}", target.name);
    }
}

/// The text of a row's details.
pub fn details(target: &Target, screen: ScreenId, name: &str) -> String {
    block_on(async {
        let session = session(&target.conninfo).await;
        let at = At {
            now: session.server.clock,
            server: &session.server,
        };
        let rows = session.load(screen).await.unwrap().each();
        let named = |row: &&hypertop::screens::Rows| format!("{row:?}").contains(name);
        let row = rows.iter().find(named).unwrap();
        let mut said = String::new();
        for (index, (_, query, params)) in row.details().into_iter().enumerate() {
            let answer = session.ask(query, &params).await.unwrap();
            write!(said, "{:?}", row.build(index, &answer, &at).unwrap()).unwrap();
        }
        said
    })
}

/// Start of a statement on the chunks that a policy of this kind would process, found by `show_chunks`. It offers `j`
/// (the job), `t` (the relation's name), `x` (the chunk) and `c` (its catalogue row).
pub fn past(kind: &str, setting: &str, status: &str, figure: &str) -> String {
    format!(
        "select coalesce(a.view_name, j.hypertable_name)::text, {figure}
           from timescaledb_information.jobs j
           left join timescaledb_information.continuous_aggregates a on j.hypertable_name in (a.view_name, a.materialization_hypertable_name)
           join timescaledb_information.dimensions d on d.hypertable_name = coalesce(a.materialization_hypertable_name, j.hypertable_name) and d.dimension_number = 1
          cross join lateral (select format('%I.%I', coalesce(a.materialization_hypertable_schema, j.hypertable_schema), coalesce(a.materialization_hypertable_name, j.hypertable_name)) as full_name) t
           left join lateral (select c.*, s.total_bytes from show_chunks(t.full_name::regclass, older_than => (j.config ->> '{setting}')::interval) x
             join pg_class r on r.oid = x join pg_namespace n on n.oid = r.relnamespace
             join _timescaledb_catalog.chunk c on {CHUNK} = r.oid and {status}
             join chunks_detailed_size(t.full_name::regclass) s on s.chunk_schema = n.nspname and s.chunk_name = r.relname) x on true
          where j.proc_name = 'policy_{kind}' and jsonb_typeof(j.config -> '{setting}') = 'string' and d.time_interval is not null
          group by 1"
    )
}
