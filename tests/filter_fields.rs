//! Filters that compare fields, on constructed rows and on rows of every real version.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;
mod support;

use console::{connected, drawn, load_compression, press, row};
use hypertop::app::{App, Msg, theme};
use hypertop::model::screen_id::ScreenId;
use hypertop::model::value::Value;
use hypertop::model::verdict::Level;
use hypertop::screens::compression;
use hypertop::screens::record::Record;
use hypertop::screens::table::Table;
use hypertop::server::known::At;
use std::time::Duration;
use support::act::Rig;
use support::triage::look;
use support::{Target, block_on, with_targets};

/// Types a filter; its prompt stays open.
fn typed(app: &mut App, filter: &str) {
    press(app, "esc esc /");
    for key in filter.chars() {
        let key = if key == ' ' {
            "space".to_owned()
        } else {
            key.to_string()
        };
        app.update(Msg::Key(key));
    }
}

fn names(app: &App) -> Vec<String> {
    let rows = app.screens.compression.in_order();
    let mut names: Vec<_> = rows.map(|row| row.name.clone()).collect();
    names.sort();
    names
}

/// `energy` has no backlog, `metrics` has a backlog of 12 chunks of 12 MB, the backlog of `quality` is unknown, and `unpacked` has no
/// policy.
fn app() -> App {
    let mut app = connected();
    let unknown = compression::Row {
        backlog: None,
        before_bytes: None,
        after_bytes: None,
        ..row(3, "quality", 0)
    };
    let unpacked = compression::Row {
        schema: "lab".to_owned(),
        enabled: false,
        policy: None,
        ..row(4, "unpacked", 0)
    };
    load_compression(
        &mut app,
        vec![
            row(1, "energy", 0),
            row(2, "metrics", 12),
            unknown,
            unpacked,
        ],
    );
    app
}

#[test]
fn fields_are_compared_by_heading_or_key_with_units_and_combined_with_words() {
    for (filter, found) in [
        ("backlog>5", &["metrics"][..]),
        ("BACKLOG_CHUNKS >= 12", &["metrics"]),
        ("bytes>1MB", &["metrics"]),
        ("bytes>1 MB", &["metrics"]),
        ("bytes=12MB", &["metrics"]),
        ("bytes>12.5MB", &[]),
        ("on=no", &["unpacked"]),
        ("on!=no", &["energy", "metrics", "quality"]),
        ("schema=mes", &["energy", "metrics", "quality"]),
        ("schema=MES metr", &["metrics"]),
        ("schema=mes !metr", &["energy", "quality"]),
        ("name=*a*", &["quality", "unpacked"]),
        ("older_than>6d", &["energy", "metrics", "quality"]),
        ("olderthan=168h", &["energy", "metrics", "quality"]),
        ("compress_after<7d", &[]),
        ("ratio>=12x chunks=100 job=1001", &["energy"]),
        ("ratio=?", &["quality"]),
        ("ratio<1000 ratio>0", &["energy", "metrics", "unpacked"]),
        ("ratio!=3", &["energy", "metrics", "unpacked"]),
        ("job=?", &["unpacked"]),
        ("job!=?", &["energy", "metrics", "quality"]),
        ("verdict=warning", &["metrics"]),
        ("reason=*12*chunks*", &["metrics"]),
        ("\"mes.metrics\"", &["metrics"]),
        ("~metr|ener backlog<5", &["energy"]),
        (
            "segment_by=sensor_id backlog<1 policy=scheduled",
            &["energy"],
        ),
    ] {
        let mut app = app();
        typed(&mut app, filter);
        let shown = drawn(&mut app, 120, 24).backend().to_string();
        assert!(shown.contains("Enter keeps"), "{filter}: {shown}");
        assert_eq!(names(&app), found, "{filter}");
        press(&mut app, "enter");
        assert!(app.overlay.is_none());
        let tabs = drawn(&mut app, 120, 24).backend().to_string();
        let start = filter.split(' ').next().unwrap();
        assert!(tabs.contains(&format!("/{start}")), "{filter}: {tabs}");
    }
}

#[test]
fn what_is_wrong_is_said_as_it_is_typed_and_the_last_valid_filter_stays() {
    for (filter, words) in [
        ("mes bog>5", "this screen has no field \"bog\""),
        ("mes backlg>5", "Did you mean backlog?"),
        (
            "mes bytes>",
            "bytes> needs a value: write a size such as 500kB, 1MB or 2GB",
        ),
        ("mes bytes>big", "\"big\" does not fit: write a size"),
        ("mes on=maybe", "write yes or no"),
        (
            "mes older_than>soon",
            "write a duration such as 90s, 15m, 1h or 3d",
        ),
        (
            "mes verdict>bad",
            "write ok, notice, unknown, warning or critical",
        ),
        ("mes bytes>?", "Write bytes=? or bytes!=?"),
        ("mes !on=yes", "Write on!=yes"),
    ] {
        let mut app = app();
        typed(&mut app, filter);
        let shown = drawn(&mut app, 120, 24).backend().to_string();
        let flat = shown.replace("\"\n\"", " ");
        assert!(flat.contains(words), "{filter}: {shown}");
        assert_eq!(names(&app).len(), 3, "mes stays: {filter}");
        press(&mut app, "enter");
        assert!(app.overlay.is_some(), "{filter}: it cannot be kept");
        press(&mut app, "esc");
        assert_eq!(names(&app).len(), 4, "{filter}");
    }
}

#[test]
fn an_unknown_field_names_all_there_are_even_at_80_columns() {
    let mut app = app();
    typed(&mut app, "x=1");
    let shown = drawn(&mut app, 80, 24).backend().to_string();
    for field in [
        "hypertable",
        "chunks",
        "older_than",
        "backlog",
        "bytes",
        "schema",
        "name",
        "verdict",
        "reason",
    ] {
        assert!(shown.contains(field), "{field}: {shown}");
    }
}

/// Number of rows that match a filter.
fn count(app: &mut App, screen: ScreenId, filter: &str) -> usize {
    typed(app, filter);
    let shown = drawn(app, 160, 40).backend().to_string();
    assert!(
        shown.contains("Enter keeps"),
        "{screen:?} {filter}: {shown}"
    );
    press(app, "enter");
    passing(app, screen)
}

fn passing(app: &App, screen: ScreenId) -> usize {
    let screens = &app.screens;
    match screen {
        ScreenId::Compression => screens.compression.place().2,
        ScreenId::Retention => screens.retention.place().2,
        ScreenId::Indexes => screens.indexes.place().2,
        ScreenId::Jobs => screens.jobs.place().2,
        ScreenId::Aggregates => screens.aggregates.place().2,
        ScreenId::Hypertables => screens.hypertables.place().2,
        other => panic!("{other:?}"),
    }
}

/// The values of the column with this title or JSON key.
fn values<R: Record>(table: &Table<R>, name: &str, at: &At) -> Vec<Value> {
    let named = |column: &&hypertop::screens::record::Column<R>| {
        column.title == name || column.name == name
    };
    let column = R::COLUMNS.iter().find(named).unwrap();
    table
        .rows()
        .iter()
        .map(|row| (column.value)(row, at))
        .collect()
}

/// Checks for each column that "known" and "unknown" together match all rows.
fn every_field<R: Record>(app: &mut App, table: fn(&App) -> &Table<R>, at: &At, name: &str) {
    app.screen = R::ID;
    let all = table(app).rows().len();
    for column in R::COLUMNS {
        let field = if column.title.is_empty() {
            column.name
        } else {
            column.title
        };
        let field = field.replace(' ', "_");
        let values = values(
            table(app),
            if column.title.is_empty() {
                column.name
            } else {
                column.title
            },
            at,
        );
        let unknown = values.iter().filter(|value| **value == Value::Null).count();
        let found = count(app, R::ID, &format!("{field}=?"));
        assert_eq!(found, unknown, "{name} {:?} {field}", R::ID);
        let known = count(app, R::ID, &format!("{field}!=?"));
        assert_eq!(known, all - unknown, "{name} {:?} {field}", R::ID);
    }
}

#[test]
fn on_every_version_the_fields_of_every_screen_agree_with_the_rows() {
    with_targets(|targets| {
        for target in &targets.all {
            block_on(agrees(target));
        }
    });
}

async fn agrees(target: &Target) {
    let name = target.name.as_str();
    let rig = Rig::new(target).await;
    let of = [
        ScreenId::Compression,
        ScreenId::Retention,
        ScreenId::Indexes,
        ScreenId::Jobs,
        ScreenId::Aggregates,
        ScreenId::Hypertables,
    ];
    let (screens, at) = look(&rig, &of).await;
    let mut app = App::new(at.now, theme::all(None).0, Duration::from_secs(2));
    app.update(Msg::Up(Box::new(at.server.clone())));
    app.screens = screens;
    let at = At {
        now: app.server_now(),
        server: at.server,
    };

    every_field(&mut app, |app| &app.screens.compression, &at, name);
    every_field(&mut app, |app| &app.screens.retention, &at, name);
    every_field(&mut app, |app| &app.screens.indexes, &at, name);
    every_field(&mut app, |app| &app.screens.jobs, &at, name);
    every_field(&mut app, |app| &app.screens.aggregates, &at, name);
    every_field(&mut app, |app| &app.screens.hypertables, &at, name);

    app.screen = ScreenId::Indexes;
    let bytes = values(&app.screens.indexes, "bytes", &at);
    let large = |value: &&Value| matches!(value, Value::Bytes(bytes) | Value::AboutBytes(bytes) if *bytes > 16 << 10);
    let large = bytes.iter().filter(large).count();
    assert!(large > 0, "{name}: {bytes:?}");
    assert_eq!(
        count(&mut app, ScreenId::Indexes, "bytes>16kB"),
        large,
        "{name}"
    );
    let unused = values(&app.screens.indexes, "unused", &at);
    let unused = unused
        .iter()
        .filter(|value| **value == Value::Bool(true))
        .count();
    assert!(unused > 0, "{name}");
    assert_eq!(
        count(&mut app, ScreenId::Indexes, "unused=yes"),
        unused,
        "{name}"
    );
    let both = count(&mut app, ScreenId::Indexes, "unused=yes bytes>16kB");
    assert!(both <= unused.min(large), "{name}");
    let mes = values(&app.screens.indexes, "schema", &at);
    let mes = mes
        .iter()
        .filter(|value| **value == Value::text("mes"))
        .count();
    assert!(mes > 0, "{name}");
    assert_eq!(
        count(&mut app, ScreenId::Indexes, "schema=mes"),
        mes,
        "{name}"
    );

    app.screen = ScreenId::Aggregates;
    let lags = values(&app.screens.aggregates, "lag_seconds", &at);
    let long = lags
        .iter()
        .filter(|value| matches!(value, Value::Seconds(seconds) if *seconds > 3600.0));
    let long = long.count();
    assert!(long > 0, "{name}: {lags:?}");
    assert_eq!(
        count(&mut app, ScreenId::Aggregates, "lag_seconds>1h"),
        long,
        "{name}"
    );
    let rows = app.screens.aggregates.rows().iter();
    let bad = rows
        .filter(|row| row.verdict(&at).level >= Level::Warning)
        .count();
    assert!(bad > 0, "{name}");
    assert_eq!(
        count(&mut app, ScreenId::Aggregates, "verdict>=warning"),
        bad,
        "{name}"
    );
}
