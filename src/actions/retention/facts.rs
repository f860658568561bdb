//! Facts about a hypertable for retention: chunks, policies, the aggregates that read it, and "now" in its time dimension.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::Job;
use crate::actions::policy::change;
use crate::actions::policy::rule::{AgeRule, Cut};
use crate::model::creation::ByCreation;
use crate::model::interval::back;
use crate::model::moment::{Axis, Point, Stamp};
use crate::model::span::{Now, Span};
use crate::model::trust::Code;
use crate::model::unread::Unread;
use crate::model::{clock, text};
use jiff::tz::TimeZone;

/// JSON pointer to the policy in the recorded state. A rollback compares this part of the state.
pub(super) const POLICY: &str = "/policies/policy_retention";

/// Row of `queries/plan_retention.sql`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Retention {
    /// Hypertable, or view of the continuous aggregate; quoted and qualified.
    pub relation: String,
    oid: i64,
    aggregate: bool,
    /// Type of the time column.
    pub axis: String,
    /// Chunk interval, in the dimension's unit.
    pub interval_length: i64,
    pub has_now: bool,
    /// Properties of the time dimension on which policies by creation time depend.
    pub creation: ByCreation,
    /// Result of the `integer_now` function. `None`: there is no such function, it was not run, or it returned NULL.
    pub integer_now: Option<i64>,
    /// The `integer_now` function, if it was not run because its owner is not trusted.
    pub code: Option<Code>,
    /// Time zone in which a run of the retention policy subtracts the age from "now".
    pub zone: String,
    /// True if `zone` is a setting of the policy's owner.
    zone_owners: bool,
    /// The reason why the server's time zone is unknown; `zone` is then the zone of this session. `None`: `zone` is the zone of the
    /// server or of the owner.
    #[serde(skip)]
    pub(crate) zone_hidden_by: Option<String>,
    /// Policies by the name of their procedure.
    pub policies: HashMap<String, Policy>,
    pub aggregates: Vec<Reader>,
    /// Changes that the aggregates have not read.
    pub unread: Vec<Unread>,
    /// Tables to which the hypertable's foreign keys refer.
    pub references: Vec<Referenced>,
    pub indexes: i64,
    /// Minimum size of the lock table, in locks.
    pub lock_slots: i64,
    /// Oldest first.
    pub chunks: Vec<AgedChunk>,
}

/// A policy's job, and the session that runs it now (`None`: no session does).
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Policy {
    #[serde(flatten)]
    pub job: Job,
    pub pid: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Referenced {
    pub oid: i64,
    pub name: String,
}

/// One chunk. The query returns it as an array, to save space when there are many.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct AgedChunk {
    /// Name of the chunk, quoted and qualified.
    pub name: String,
    pub oid: i64,
    /// Oid of the relation with the compressed rows. `None`: not compressed.
    pub companion: Option<i64>,
    pub start: i64,
    pub end: i64,
    status: i64,
    /// Number of rows, recorded by compression. For an uncompressed chunk, an estimate by ANALYZE. `None`: not recorded, or never analyzed.
    pub rows: Option<i64>,
    /// Creation time, microseconds since 1970. `None`: not recorded (before 2.13).
    pub created: Option<i64>,
}

impl AgedChunk {
    pub(super) fn is_frozen(&self) -> bool {
        self.status & 4 != 0
    }

    pub(super) fn oids(&self) -> impl Iterator<Item = i64> {
        [Some(self.oid), self.companion].into_iter().flatten()
    }
}

/// An aggregate that reads the hypertable.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Reader {
    pub name: String,
    /// End of the refreshed range. If the aggregate was never refreshed, the minimum of the time column's type. `None`: unknown.
    pub refreshed_to: Option<i64>,
    /// Start of the aggregate's oldest chunk. `None`: it has no chunk.
    pub oldest: Option<i64>,
    pub refreshes: Vec<RefreshPolicy>,
    /// Aggregates that are built on this one, directly or through other aggregates.
    pub(crate) read_by: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct RefreshPolicy {
    pub id: i64,
    pub scheduled: bool,
    /// From the policy's `config`. `None`: the refresh window has no start.
    pub start_offset: Option<Json>,
    /// From the policy's `config`. `None`: the refresh window has no end.
    pub end_offset: Option<Json>,
    /// Time zone setting of the policy's owner. `None`: the owner has none.
    #[serde(default)]
    zone: Option<String>,
}

impl Retention {
    pub(super) fn read(context: &Context) -> Result<Self, Refusal> {
        let mut facts: Self = context.read()?;
        let hidden_by = context.at.server.time_zone_hidden_by.clone();
        facts.zone_hidden_by = hidden_by.filter(|_| !facts.zone_owners);
        Ok(facts)
    }

    pub(super) fn axis(&self) -> Axis {
        Axis::of(&self.axis)
    }

    pub(super) fn policy(&self) -> Option<&Policy> {
        self.policies.get("policy_retention")
    }

    /// An age or offset in one of the policies. `None`: there is no such policy or setting, or the value cannot be parsed.
    pub(super) fn setting(&self, policy: &str, key: &str) -> Option<Span> {
        let policy = self.policies.get(policy)?;
        Span::parse(self.axis(), &policy.job.setting(key)?)
    }

    /// Time zone of the retention policy. `None`: hypertop does not know a zone of that name.
    fn clock(&self) -> Option<TimeZone> {
        clock::zone(&self.zone)
    }

    /// Text on a time zone that hypertop does not know, so that "now" is unknown. `None`: the zone is known, or time is an integer.
    pub(super) fn odd_zone(&self) -> Option<String> {
        let odd = self.axis() != Axis::Integer && self.clock().is_none();
        odd.then(|| clock::odd_zone(&self.zone))
    }

    /// "Now" for the retention policy.
    pub(super) fn now(&self, now: Stamp) -> Now<'_> {
        Now::on(self.axis(), now, self.integer_now, &self.zone)
    }

    /// Limit up to which the policy drops. `None`: "now" is unknown, or the limit is out of range.
    pub(super) fn cut(&self, rule: AgeRule, now: Stamp) -> Option<Cut> {
        rule.cut(&self.now(now), &Now::of_making(now, &self.zone))
    }

    /// The position that lies `span` before now. `None`: "now" is unknown, or the position is out of range.
    pub(super) fn reach(&self, span: Span, now: Stamp) -> Option<i64> {
        self.now(now).less(span)
    }

    /// [`Self::reach`] for a refresh policy, whose owner may have another time zone.
    pub(super) fn reach_of(&self, refresh: &RefreshPolicy, span: Span, now: Stamp) -> Option<i64> {
        let zone = refresh.zone.as_deref().unwrap_or(&self.zone);
        Now::on(self.axis(), now, self.integer_now, zone).less(span)
    }

    /// The limit that the user typed as a time. A time without a zone is in the policy's time zone.
    pub(super) fn typed(&self, typed: &str) -> Result<Cut, Refusal> {
        let wrong = || {
            Refusal::new(format!(
                "before: {typed:?} is not a time: write 2026-11-01, 2026-11-01 06:00 ({}) or 2026-11-01T06:00Z",
                self.zone
            ))
        };
        let axis = self.axis();
        if axis == Axis::Integer {
            return typed.parse().map(Cut::Raw).map_err(|_| wrong());
        }
        if axis == Axis::TimestampTz
            && let Ok(moment) = typed.parse::<Timestamp>()
        {
            return Ok(Cut::Raw(moment.as_microsecond()));
        }
        let civil: DateTime = typed.parse().map_err(|_| wrong())?;
        let micros = match axis {
            Axis::TimestampTz => {
                let odd = || Refusal::new(clock::odd_zone(&self.zone));
                back::local(civil, &self.clock().ok_or_else(odd)?)
            }
            _ => micros(civil),
        };
        micros.map(Cut::Raw).ok_or_else(wrong)
    }

    /// A position in the time dimension as text.
    pub(super) fn at(&self, raw: i64) -> String {
        let axis = self.axis();
        text::point(Point { axis, raw })
    }

    /// A length in the time dimension as text.
    pub(super) fn length(&self, raw: i64) -> String {
        match self.axis() {
            Axis::Integer => text::count(raw),
            _ => text::duration(seconds(raw)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a length in words")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

fn micros(civil: DateTime) -> Option<i64> {
    let moment = jiff::tz::Offset::UTC.to_timestamp(civil).ok()?;
    Some(moment.as_microsecond())
}

/// The retention policy. Refuses if there is none.
pub(super) fn policy(facts: &Retention) -> Result<&Policy, Refusal> {
    let none = || change::none(&facts.relation, "retention policy");
    facts.policy().ok_or_else(none)
}
