//! Activity: sessions and workers of the database, what they run, what they wait for, and who blocks whom.

mod details;
mod headline;
mod judge;
mod session;
mod tree;

use std::time::Duration;

use anyhow::Result;

use crate::model::rules;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::model::text;
use crate::model::value::Value;
use crate::model::verdict::{Finding, Verdict};
use crate::screens::cells::{self, LIMIT_CELLS};
use crate::screens::history::History;
use crate::screens::record::{Column, Detail, Record, Section};
use crate::server::known;
use crate::server::known::At;
use crate::server::row::{self, Line};
use crate::server::sql::{Param, Query, query};

pub(super) use judge::LOCKS_ON;
use session::Work;
use session::span;
pub use session::{Job, Row};

/// Maximum number of characters of a query in the preview pane.
const MOST_OF_QUERY: usize = 300;

fn pids(pids: &[i32]) -> Value {
    if pids.is_empty() {
        return Value::Null;
    }
    let texts: Vec<_> = pids.iter().map(ToString::to_string).collect();
    texts.join(", ").into()
}

impl Record for Row {
    const ID: ScreenId = ScreenId::Activity;
    const TITLE: &'static str = "Activity";
    const QUERY: Query = query!("activity");
    const PLAIN: Option<Query> = Some(query!("activity"));
    /// Sessions change without a change in a catalogue table, so they are read at every tick.
    const WATCHED: &'static [&'static str] = &[];
    const MAX_AGE: Duration = Duration::from_millis(900);
    const COLUMNS: &'static [Column<Self>] = &[
        Column::<Self>::text("", "SESSION", 22, |row, _| row.session().into()).grows(),
        Column::<Self>::hidden("pid", |row, _| row.pid.into()),
        Column::<Self>::hidden("depth", |row, _| i64::try_from(row.depth).ok().into()),
        Column::<Self>::hidden("leader_pid", |row, _| row.leader.into()),
        Column::<Self>::hidden("application", |row, _| row.application.as_str().into()),
        Column::<Self>::text("role", "ROLE", 10, |row, _| row.role.clone().into()).rank(1),
        Column::<Self>::hidden("database", |row, _| row.database.clone().into()),
        Column::<Self>::text("state", "STATE", 10, |row, _| row.state_name().into()).wrong(
            const {
                &[
                    &rules::SESSION_BLOCKED,
                    &rules::SESSION_HIDDEN,
                    &rules::SESSION_IDLE,
                ]
            },
        ),
        Column::<Self>::number("state_seconds", "SINCE", 7, |row, at| {
            span(row.state_seconds(at))
        })
        .wrong(
            const {
                &[
                    &rules::SESSION_BLOCKED,
                    &rules::SESSION_IDLE,
                    &rules::SESSION_LONG,
                ]
            },
        ),
        Column::<Self>::number("transaction_seconds", "TX", 7, |row, at| {
            span(row.transaction_seconds(at))
        }),
        Column::<Self>::number("", "AGE", LIMIT_CELLS, |row, at| {
            judge::of_limit(row, at).map_or(Value::Null, cells::of_limit)
        })
        .wrong(
            const {
                &[
                    &rules::SESSION_BLOCKED,
                    &rules::SESSION_IDLE,
                    &rules::SESSION_LONG,
                ]
            },
        )
        .rank(2),
        Column::<Self>::hidden("query_seconds", |row, at| span(row.query_seconds(at))),
        Column::<Self>::text("relation", "RELATION", 24, |row, _| row.thing().into()).names(),
        Column::<Self>::hidden("relation_kind", |row, _| row.relation_kind.clone().into()),
        Column::<Self>::hidden("chunk", |row, _| row.chunk.clone().into()),
        Column::<Self>::hidden("job_id", |row, _| row.job.as_ref().map(|job| job.id).into()),
        Column::<Self>::text("", "QUERY", 30, |row, _| row.does())
            .wrong(
                const {
                    &[
                        &rules::SESSION_HIDDEN,
                        &rules::SESSION_LONG,
                        &rules::SESSION_UNTRACKED,
                    ]
                },
            )
            .grows()
            .shrinks(20)
            .rank(2),
        Column::<Self>::text("wait", "WAITS FOR", 20, |row, _| row.wait_words()).rank(3),
        Column::<Self>::text("blocked_by", "BLOCKED BY", 10, |row, _| pids(&row.blockers))
            .wrong(const { &[&rules::SESSION_BLOCKED] })
            .rank(4),
        Column::<Self>::number("blocks", "BLOCKS", 6, |row, _| {
            i64::try_from(row.blocks.len())
                .ok()
                .filter(|count| *count > 0)
                .into()
        })
        .wrong(const { &[&rules::SESSION_BLOCKS] })
        .rank(4),
        Column::<Self>::text("client", "CLIENT", 15, |row, _| row.client.clone().into()).rank(5),
        Column::<Self>::number("holds_back_transactions", "OLDEST", 7, |row, _| {
            row.holds_back().into()
        })
        .rank(6),
        Column::<Self>::text("backend_type", "KIND", 16, |row, _| {
            row.backend.clone().into()
        })
        .rank(7),
        Column::<Self>::hidden("own", |row, _| row.own.into()),
        Column::<Self>::hidden("visible", |row, _| row.visible.into()),
        Column::<Self>::hidden("progress", |row, _| {
            row.work.as_ref().map(Work::text).into()
        }),
        Column::<Self>::hidden("progress_ratio", |row, _| {
            let share = row.work.as_ref().and_then(|work| work.share);
            share.map_or(Value::Null, Value::Ratio)
        }),
        Column::<Self>::hidden("wait_lock_mode", |row, _| {
            row.wait.as_ref().map(|wait| wait.mode.clone()).into()
        }),
        Column::<Self>::hidden("wait_relation", |row, _| {
            let relation = row.wait.as_ref().and_then(|wait| wait.relation.clone());
            relation.into()
        }),
        Column::<Self>::hidden("backend_start", |row, _| row.started.into()),
        Column::<Self>::hidden("query", |row, _| row.query.clone().into()),
    ];
    #[rustfmt::skip]
    const LEGEND: &'static [(&'static str, &'static str)] = &[
        ("SESSION", "Process id and application; below a session, the sessions that it blocks"),
        ("ROLE", "Role of the session"),
        ("STATE", "active, idle, idle in tx, blocked, hidden ..."),
        ("SINCE", "Time in this state"),
        ("TX", "Age of the transaction"),
        ("AGE", "Age of the wait, idle transaction or query; a warning from the mark on"),
        ("RELATION", "The table that the session waits for, has locked, or runs a job on"),
        ("QUERY", "The job or statement that runs, or the last statement"),
        ("WAITS FOR", "Wait event"),
        ("BLOCKED BY", "Process ids of the sessions that block this one"),
        ("BLOCKS", "Number of sessions that this one blocks"),
        ("CLIENT", "Address of the client"),
        ("OLDEST", "Number of transactions whose deleted rows VACUUM must keep for this session"),
        ("KIND", "Kind of process"),
    ];
    const DETAILS: &'static [Detail<Self>] = &[
        Detail {
            title: "Lock queue",
            query: query!("activity_chain"),
            params: |row| vec![Param::Int(row.pid)],
            build: details::chain,
        },
        Detail {
            title: "Progress",
            query: query!("activity_progress"),
            params: |row| vec![Param::Int(row.pid)],
            build: details::progress,
        },
        Detail {
            title: "Query",
            query: query!("activity_query"),
            params: |row| {
                let started = row.started.map_or(-1, |started| started.0);
                vec![Param::Int(row.pid), Param::BigInt(started)]
            },
            build: details::query,
        },
        Detail {
            title: "Locks",
            query: query!("activity_locks"),
            params: |row| vec![Param::Int(row.pid)],
            build: details::locks,
        },
    ];

    fn read(row: Line<'_>) -> Result<Self> {
        let mut session: Self = row::read(row)?;
        session.own = known::own::is(session.pid);
        session.query = session
            .query
            .filter(|query| session.visible && !query.is_empty());
        Ok(session)
    }

    /// Pids are reused, so pid and start time together identify a session.
    fn key(&self) -> String {
        let started = self.started.map_or(0, |started| started.0);
        format!("{} {started}", self.pid)
    }

    fn unfit(&self, action: &str) -> Option<&'static str> {
        match action {
            "cancel-query" | "terminate-session" if self.own => {
                Some("it is one of the console's own sessions")
            }
            _ => None,
        }
    }

    fn title(&self) -> String {
        format!("Session {} {}", self.pid, self.program())
    }

    fn settle(_before: &[Self], rows: &mut Vec<Self>) {
        tree::settle(rows);
    }

    fn family(&self) -> Option<i64> {
        self.family.map(Into::into)
    }

    fn verdict(&self, at: &At) -> Verdict {
        judge::verdict(self, at)
    }

    fn caveats(rows: &[Self], at: &At) -> Vec<String> {
        judge::caveats(rows, at)
    }

    fn headline(rows: &[Self], _: &[Box<[Finding]>], at: &At) -> Vec<String> {
        headline::headline(rows, at)
    }

    fn facts(&self, at: &At) -> Vec<Section> {
        details::facts(self, at)
    }

    /// If the session is in a lock queue, the preview pane shows the queue.
    fn pictured(&self) -> &'static [usize] {
        let alone = self.blockers.is_empty() && self.blocks.is_empty();
        if alone { &[] } else { &[0] }
    }

    fn picture(mut sections: Vec<Section>) -> Vec<Section> {
        sections.retain(|section| matches!(section, Section::Grid { .. }));
        sections
    }

    fn brief(&self, at: &At, _: &History) -> Vec<Section> {
        let query = self.query.as_deref().map(text::one_line);
        let query = query.map(|query| Section::text("Query", text::cut(&query, MOST_OF_QUERY)));
        query.into_iter().chain(self.facts(at)).collect()
    }

    fn targets(&self) -> Vec<Target> {
        let job = self.job.as_ref().map(|job| Target::job(job.id));
        std::iter::once(Target::session(self.pid))
            .chain(job)
            .collect()
    }
}
