//! Checks a job's configuration. The server's own check also accepts values that make the policy fail.

use serde_json::{Map, Value as Json};

use super::facts::JobFacts;
use crate::actions::act::Refusal;
use crate::model::moment::{Axis, Stamp};
use crate::model::plan::{Consent, Note};
use crate::model::span::{Now, Span};
use crate::model::verdict::Level;

impl JobFacts {
    /// "Now" as the job's worker computes it. For integer time it is 0, because offsets are only compared with each other.
    pub(super) fn worker_now(&self) -> Now<'_> {
        Now::on(self.axis(), Stamp(self.now), Some(0), &self.zone)
    }

    fn exceeds(&self, one: Span, other: Span) -> bool {
        self.worker_now().exceeds(one, other)
    }

    /// Type of the time dimension of the job's table. For a job without a table, ages and offsets in the configuration are intervals.
    pub(super) fn axis(&self) -> Axis {
        let axis = self
            .job
            .axis_type
            .as_deref()
            .map_or(Axis::Timestamp, Axis::of);
        if self.is_integer() {
            Axis::Integer
        } else {
            axis
        }
    }
}

/// Warnings on a configuration that is accepted.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub notes: Vec<Note>,
    /// Consent that the warnings require. `None`: they require no special consent.
    pub consent: Option<Consent>,
}

impl Checked {
    fn warn(&mut self, level: Level, text: String, consent: Consent) {
        self.notes.push(Note { level, text });
        self.consent = self.consent.max(Some(consent));
    }
}

/// Optional keys of a compression policy, which are not checked.
const COMPRESSION: &[&str] = &[
    "recompress",
    "maxchunks_to_compress",
    "verbose_log",
    "reindex",
    "recompress_unordered",
];
const REFRESH: &[&str] = &[
    "buckets_per_batch",
    "max_batches_per_execution",
    "refresh_newest_first",
    "include_tiered_data",
    "verbose_log",
];

impl JobFacts {
    /// Refuses a configuration that makes the policy fail. Returns warnings about other doubtful settings.
    pub(super) fn check(&self, config: &Json) -> Result<Checked, Refusal> {
        let mut checked = Checked::default();
        let Some(map) = config.as_object() else {
            return Err("config: write a JSON object".into());
        };
        if self.job.is_user_defined() || self.job.is_internal() {
            return Ok(checked);
        }
        match self.job.proc_name.as_str() {
            "policy_compression" => {
                self.same(map, "hypertable_id")?;
                self.one_of(map, "compress_after", "compress_created_before")?;
                unknown(
                    map,
                    &["hypertable_id", "compress_after", "compress_created_before"],
                    COMPRESSION,
                    &mut checked,
                );
                if map.get("recompress") == Some(&Json::Bool(false)) {
                    let text = "before TimescaleDB 2.27, recompress = false makes the policy compress nothing, without an error".to_owned();
                    checked.warn(Level::Warning, text, Consent::Yes);
                }
            }
            "policy_retention" => {
                self.same(map, "hypertable_id")?;
                self.one_of(map, "drop_after", "drop_created_before")?;
                unknown(
                    map,
                    &["hypertable_id", "drop_after", "drop_created_before"],
                    &[],
                    &mut checked,
                );
                self.shorter(map, &mut checked);
            }
            "policy_refresh_continuous_aggregate" => {
                self.same(map, "mat_hypertable_id")?;
                self.window(map)?;
                unknown(
                    map,
                    &["mat_hypertable_id", "start_offset", "end_offset"],
                    REFRESH,
                    &mut checked,
                );
                let start = text_of(map.get("start_offset"));
                if let Some(why) = self.row_loss(start.as_deref()) {
                    checked.warn(Level::Critical, why, Consent::Name);
                }
            }
            "policy_reorder" => {
                self.same(map, "hypertable_id")?;
                self.index(map)?;
            }
            _ => {}
        }
        Ok(checked)
    }

    /// Refuses to change or remove the setting that identifies the policy's table.
    fn same(&self, map: &Map<String, Json>, key: &str) -> Result<(), Refusal> {
        let had = self.job.config.as_ref().and_then(|config| config.get(key));
        match (map.get(key), had) {
            (now, Some(had)) if now == Some(had) => Ok(()),
            (_, Some(had)) => Err(format!(
                "config: {key} must stay {had}: it identifies the policy's table"
            )
            .into()),
            (Some(_), None) => Ok(()),
            (None, None) => {
                Err(format!("config: {key} is required: it identifies the policy's table").into())
            }
        }
    }

    fn is_integer(&self) -> bool {
        self.job.integer_time == Some(true)
    }

    /// Parses an age or offset. If `integer` is true, the value must be a whole number, otherwise an interval.
    fn length(&self, key: &str, value: &Json, integer: bool) -> Result<Span, Refusal> {
        let on = self.job.relation.as_deref().unwrap_or("its table");
        let found = Span::of(value).filter(|span| integer == matches!(span, Span::Number(_)));
        found.ok_or_else(|| {
            let wanted = if integer {
                format!("a whole number, because time in {on} is an integer: {{\"{key}\": 100000}}")
            } else {
                format!("an interval in quotes: {{\"{key}\": \"7 days\"}}")
            };
            Refusal::new(format!("config: {key} is {value}, but must be {wanted}"))
        })
    }

    /// Refuses unless exactly one of the two ages is given: since the end of a chunk, or since its creation.
    fn one_of(&self, map: &Map<String, Json>, after: &str, created: &str) -> Result<(), Refusal> {
        let given = |key: &str| map.get(key).filter(|value| !value.is_null());
        match (given(after), given(created)) {
            (Some(value), None) => self.length(after, value, self.is_integer()).map(drop),
            (None, Some(value)) => self.length(created, value, false).map(drop),
            (None, None) => Err(format!(
                "config: {after} is required: without it the policy fails at every run"
            )
            .into()),
            (Some(_), Some(_)) => {
                Err(format!("config: give either {after} or {created}, not both").into())
            }
        }
    }

    /// Warns if `drop_after` becomes shorter: the next run then drops more chunks, and no rollback restores them.
    fn shorter(&self, map: &Map<String, Json>, checked: &mut Checked) {
        let had = self.job.setting("drop_after");
        let now = text_of(map.get("drop_after"));
        let length = |text: &String| Span::parse(self.axis(), text);
        let (Some(had_text), Some(now_text)) = (had, now) else {
            return;
        };
        if length(&had_text)
            .zip(length(&now_text))
            .is_some_and(|(had, now)| self.exceeds(had, now))
        {
            let text = format!(
                "the policy keeps {now_text} instead of {had_text}: its next run drops older rows, and a rollback after that does not bring them back"
            );
            checked.warn(Level::Warning, text, Consent::Yes);
        }
    }

    /// Refuses a refresh window that does not start before it ends.
    fn window(&self, map: &Map<String, Json>) -> Result<(), Refusal> {
        let offset = |key: &str| match map.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(value) => self.length(key, value, self.is_integer()).map(Some),
        };
        match (offset("start_offset")?, offset("end_offset")?) {
            (Some(start), Some(end)) if !self.exceeds(start, end) => {
                Err("config: start_offset must be longer than end_offset".into())
            }
            _ => Ok(()),
        }
    }

    fn index(&self, map: &Map<String, Json>) -> Result<(), Refusal> {
        let indexes = self.indexes.clone().unwrap_or_default();
        match map.get("index_name").and_then(Json::as_str) {
            Some(name) if indexes.is_empty() || indexes.iter().any(|index| index == name) => Ok(()),
            _ if indexes.is_empty() => {
                Err("config: index_name must name an index of the table".into())
            }
            _ => Err(format!(
                "config: index_name must be one of the table's indexes: {}",
                indexes.join(", ")
            )
            .into()),
        }
    }
}

fn text_of(value: Option<&Json>) -> Option<String> {
    match value? {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn unknown(map: &Map<String, Json>, needed: &[&str], known: &[&str], checked: &mut Checked) {
    let strange = map.keys().map(String::as_str);
    let strange: Vec<_> = strange
        .filter(|key| !needed.contains(key) && !known.contains(key))
        .collect();
    if !strange.is_empty() {
        let text = format!(
            "config: keys that hypertop does not know, and that the policy perhaps ignores: {}",
            strange.join(", ")
        );
        checked.notes.push(Note {
            level: Level::Notice,
            text,
        });
    }
}
