//! Server: figures of the server and of the database, with their limits.

mod counted;
mod errors;
mod judge;
mod row;
mod series;

use std::time::Duration;

use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::value::Value;
use crate::model::verdict::{Finding, Findings, Level, Verdict};
use crate::model::{rules, text};
use crate::screens::headline::line;
use crate::screens::history::History;
use crate::screens::later::Later;
use crate::screens::record::{Column, Exact, Labelled, Record, Section};
use crate::server::known::At;
use crate::server::sql::{Query, query};

pub use self::counted::Counted;
pub use self::row::{Row, Size};

impl Record for Row {
    const ID: ScreenId = ScreenId::Server;
    const TITLE: &'static str = "Server";
    const QUERY: Query = query!("server_figures");
    const PLAIN: Option<Query> = Some(query!("server_figures"));
    const WATCHED: &'static [&'static str] = &[];
    const MAX_AGE: Duration = Duration::from_secs(2);
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("", "FIGURE", 34, |row, _| row.title().into()).grows(),
        Column::<Self>::hidden("name", |row, _| row.name.as_str().into()),
        Column::<Self>::number("", "NOW", 14, |row, _| row.now()).wrong(
            const {
                &[
                    &rules::SERVER_ARCHIVE_COMMAND,
                    &rules::SERVER_ARCHIVER,
                    &rules::SERVER_CONFLICTS,
                    &rules::SERVER_CONNECTIONS,
                    &rules::SERVER_DEADLOCKS,
                    &rules::SERVER_LAUNCHER,
                    &rules::SERVER_PREPARED,
                    &rules::SERVER_PROCESSES,
                    &rules::SERVER_REPLICATION,
                    &rules::SERVER_ROLLBACKS,
                    &rules::SERVER_SCHEDULER,
                    &rules::SERVER_SETTING,
                    &rules::SERVER_SLOT,
                    &rules::SERVER_WORKERS,
                    &rules::SERVER_WRAPAROUND,
                ]
            },
        ),
        Column::<Self>::number("", "LIMIT", 13, |row, _| row.limit()),
        Column::<Self>::hidden("value", |row, _| {
            row.exact().map_or(Value::Null, Value::Number)
        }),
        Column::<Self>::hidden("bound", |row, _| {
            row.bound.map_or(Value::Null, Value::Number)
        }),
        Column::<Self>::hidden("about", |row, _| row.about.clone().into()),
        Column::<Self>::text("", "ABOUT", 36, |row, _| row.about_text())
            .grows()
            .rank(1),
        Column::<Self>::hidden("since", |row, _| row.since.into()),
        Column::<Self>::hidden("pid", |row, _| row.pid.into()),
        Column::<Self>::hidden("holder", |row, _| row.holder.clone().into()),
    ];
    #[rustfmt::skip]
    const LEGEND: &'static [(&'static str, &'static str)] = &[
        ("FIGURE", "The figure, or the setting"),
        ("NOW", "Its value now"),
        ("LIMIT", "Its limit, if there is one"),
        ("ABOUT", "Further facts"),
    ];
    const EXACT: &'static [Exact<Self>] = &[Exact {
        overview: true,
        later: false,
        judges: |_| false,
        every: Duration::from_secs(30),
        query: query!("server_size"),
        figures: &["bytes", "about_bytes"],
        slice: 1,
        want: |row| (row.name == "database-size").then_some((1, 1)),
        take: |row, figures| row.size = Later::of(figures, |[bytes, about]| Size { bytes, about }),
    }];

    fn key(&self) -> String {
        self.name.clone()
    }

    fn title(&self) -> String {
        self.title()
    }

    fn targets(&self) -> Vec<Target> {
        self.pid.map(Target::session).into_iter().collect()
    }

    fn verdict(&self, at: &At) -> Verdict {
        let mut findings = Findings::default();
        judge::judge(self, at, &mut findings);
        let limited = self.limit() != Value::Null && self.share().is_some_and(|share| share < 1.0);
        findings.verdict(if limited {
            "within its limit"
        } else {
            "no problem found"
        })
    }

    fn hidden(_: &[Self], at: &At) -> Vec<Finding> {
        let server = at.server;
        let role = text::quote_identifier(&server.role);
        let reason = || {
            format!(
                "{} sees its own sessions only: connections, replication and old transactions of other roles are hidden. GRANT pg_monitor TO {role} shows them",
                server.role
            )
        };
        let hidden = || Finding::new(&rules::SERVER_HIDDEN, Level::Unknown, reason());
        (!server.reads_all_stats).then(hidden).into_iter().collect()
    }

    fn brief(&self, at: &At, history: &History) -> Vec<Section> {
        let series = series::series(self, history, at.now);
        series.into_iter().chain(self.facts(at)).collect()
    }

    fn headline(_: &[Self], _: &[Box<[Finding]>], at: &At) -> Vec<String> {
        let since = |moment| text::duration(at.now.seconds_since(moment).max(0.0).floor());
        let counted = at.server.stats_reset.map_or_else(String::new, |reset| {
            format!("statistics of this database cover {}", since(reset))
        });
        let runs = format!("PostgreSQL is up for {}", since(at.server.started));
        vec![line([runs, counted])]
    }

    fn settle(before: &[Self], rows: &mut Vec<Self>) {
        for row in rows {
            let earlier = before.iter().find(|earlier| earlier.name == row.name);
            row.counted = earlier.map_or_else(Counted::default, |earlier| earlier.counted);
        }
    }

    fn relate(rows: &mut [Self], at: &At) {
        for row in rows {
            row.count(at);
        }
    }

    fn facts(&self, at: &At) -> Vec<Section> {
        let there = |value: Value| (value != Value::Null).then_some(value);
        // A line whose value is NULL is left out.
        let figure = Labelled::new("Figure")
            .add(self.title(), self.now())
            .some("limit", there(self.limit()))
            .some("about", there(self.about_text()))
            .some("since", self.since)
            .some("session", self.pid)
            .some("vacuum is held back by", self.holder.clone())
            .add("read at", text::moment(at.now));
        vec![figure.into()]
    }
}
