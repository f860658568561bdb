//! The `--set` keys of each action, for `hypertop run ACTION --help`, which does not connect to a server. Tests on real servers compare
//! them with the forms.

use crate::actions::form::FieldType;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetKey {
    pub name: &'static str,
    pub values: Values,
    /// The default, as text for the help. Empty: the key has no default and must be set.
    pub(super) default: &'static str,
    pub(super) help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    Text,
    Interval,
    /// An age or offset: an interval, or a number if the hypertable's time is an integer.
    Length,
    Number,
    /// A position: a timestamp, or a number if the hypertable's time is an integer.
    Time,
    YesNo,
    OneOf(&'static str),
    /// Any number of names from a list that depends on the target.
    Some,
    Json,
}

impl Values {
    fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Interval => "interval (7 days, 7d, 1h30m, 1 mon)",
            Self::Length => "interval (7 days, 7d, 1 mon); a number on integer time",
            Self::Number => "whole number",
            Self::Time => "time (2026-11-01, 2026-11-01T06:00Z); a number on integer time",
            Self::YesNo => "yes or no",
            Self::OneOf(all) => all,
            Self::Some => "names with commas between them, all, or none",
            Self::Json => "JSON object",
        }
    }

    /// True if a form field of this type takes such values.
    pub fn fits(self, field: &FieldType) -> bool {
        match field {
            FieldType::Text => matches!(self, Self::Text | Self::Length | Self::Interval),
            FieldType::Interval => matches!(self, Self::Interval | Self::Length),
            FieldType::Integer => matches!(self, Self::Number | Self::Length),
            FieldType::Time(_) => self == Self::Time,
            FieldType::Flag => self == Self::YesNo,
            FieldType::Choice(choices) => {
                matches!(self, Self::OneOf(all) if choices.iter().all(|one| all.contains(one)))
            }
            FieldType::Pick(_) => self == Self::Some,
            FieldType::Json => self == Self::Json,
        }
    }
}

const fn key(
    name: &'static str,
    values: Values,
    default: &'static str,
    help: &'static str,
) -> SetKey {
    SetKey {
        name,
        values,
        default,
        help,
    }
}

const PRESENT: &str = "present value";
const NONE: &str = "none";

#[rustfmt::skip]
const PACE: &[SetKey] = &[
    key("rest", Values::Interval, "0s", "pause after each step"),
    key("max_replica_lag", Values::Interval, "no limit", "waits while a replica is further behind than this"),
    key("max_wal_rate", Values::Number, "no limit", "MB/s: waits while the server writes more WAL than this"),
    key("on_error", Values::OneOf("stop or continue"), "stop", "what to do if a step fails"),
];
#[rustfmt::skip]
const RANGE: &[SetKey] = &[
    key("from", Values::Time, NONE, "chunks that may contain rows from this time on"),
    key("to", Values::Time, NONE, "chunks that may contain rows before this time"),
    key("at_most", Values::Number, "no limit", "maximum number of chunks, oldest first"),
];
#[rustfmt::skip]
const CHUNKS: SetKey = key("chunks", Values::Some, "the chunks that the other keys select", "only these chunks");
const OVERRIDE: SetKey = key(
    "override_data_loss",
    Values::YesNo,
    "no",
    "allows a refresh that deletes rows for good",
);
#[rustfmt::skip]
const FIRST_RUN: SetKey = key("first_run", Values::Interval, "within seconds", "time until the first run");
#[rustfmt::skip]
const EVERY: SetKey = key("schedule_interval", Values::Interval, PRESENT, "how often it runs");
#[rustfmt::skip]
const COMPRESS_AFTER: SetKey = key("compress_after", Values::Length, PRESENT, "chunks that ended at least this long ago");
const COMPRESS_CREATED: SetKey = key(
    "compress_created_before",
    Values::Interval,
    NONE,
    "instead (2.13 and later): chunks that were created at least this long ago",
);
const STEP: SetKey = key(
    "step_buckets",
    Values::Number,
    "about 24 chunks of the source",
    "buckets per step; 0: all at once",
);
const STUCK: SetKey = key(
    "end_stuck_session",
    Values::YesNo,
    "no",
    "first ends the session whose cancelled refresh blocks other refreshes, if there is one",
);
const MISSING: SetKey = key(
    "refresh_missing",
    Values::YesNo,
    "no",
    "first refreshes pending ranges that no run of the policy would reach",
);
#[rustfmt::skip]
const POLICY: SetKey = key("policy", Values::Some, "the first", "job id, if there are several policies");
#[rustfmt::skip]
const SEGMENT_BY: SetKey = key("segment_by", Values::Text, PRESENT, "columns; none: no segments");
#[rustfmt::skip]
const ORDER_BY: SetKey = key("order_by", Values::Text, PRESENT, "columns with DESC, NULLS FIRST");
#[rustfmt::skip]
const AT_LEAST: SetKey = key("at_least_kb", Values::Number, "16", "kB: smaller indexes are left out");

/// The keys of an action. Empty: the action has none.
#[rustfmt::skip]
pub fn of(action: &str) -> Vec<SetKey> {
    let groups: &[&[SetKey]] = match action {
        "compress-chunks" => &[
            &[
                key("older_than", Values::Length, "the policy's compress_after", "chunks that ended at least this long ago"),
                key("created_before", Values::Interval, "the policy's", "chunks that were created at least this long ago; only for a policy with compress_created_before"),
            ],
            RANGE,
            &[CHUNKS],
            PACE,
        ],
        "decompress-chunks" => &[
            &[
                CHUNKS,
                key("older_than", Values::Length, NONE, "chunks that ended at least this long ago"),
                key("pause_policy", Values::YesNo, "yes", "pauses the policy first; otherwise the policy compresses the chunks again"),
            ],
            RANGE,
            PACE,
        ],
        "recompress-chunks" | "rewrite-chunks" => &[&[CHUNKS], RANGE, PACE],
        "enable-compression" | "edit-compression-settings" => &[&[SEGMENT_BY, ORDER_BY]],
        "disable-compression" => &[&[key("remove_policy", Values::YesNo, "yes", "removes the compression policy, if there is one")]],
        "add-compression-policy" => &[&[
            key("compress_after", Values::Length, "", "chunks that ended at least this long ago"),
            COMPRESS_CREATED,
            key("schedule_interval", Values::Interval, "half a chunk's interval, at most 12h", "how often it runs"),
            FIRST_RUN,
        ]],
        "edit-compression-policy" => &[&[
            COMPRESS_AFTER,
            COMPRESS_CREATED,
            EVERY,
            key("maxchunks_to_compress", Values::Number, PRESENT, "maximum number of chunks per run; empty: no limit"),
            key("recompress", Values::YesNo, "no", "yes: the policy recompresses chunks that got late rows"),
        ]],
        "add-retention-policy" => &[&[
            key("drop_after", Values::Length, "", "chunks that ended at least this long ago"),
            key("drop_created_before", Values::Interval, NONE, "instead: chunks that were created at least this long ago"),
            key("schedule_interval", Values::Interval, "1 day", "how often it runs"),
            FIRST_RUN,
            OVERRIDE,
        ]],
        "edit-retention-policy" => &[&[
            key("drop_after", Values::Length, PRESENT, "chunks that ended at least this long ago"),
            key("drop_created_before", Values::Interval, PRESENT, "chunks that were created at least this long ago; only for a policy with drop_created_before"),
            EVERY,
            OVERRIDE,
        ]],
        "drop-chunks" => &[
            &[
                key("drop_after", Values::Length, "the policy's", "chunks that ended at least this long ago"),
                key("before", Values::Time, NONE, "instead: chunks that end at or before this time"),
                key("chunks_per_step", Values::Number, "by the lock table, at most 100", "chunks per step; each step is a transaction"),
            ],
            PACE,
        ],
        _ => return of_others(action),
    };
    groups.concat()
}

#[rustfmt::skip]
fn of_others(action: &str) -> Vec<SetKey> {
    let groups: &[&[SetKey]] = match action {
        "refresh-aggregate" => &[
            &[
                key("from", Values::Time, "what is late", "start of the window; empty: the beginning"),
                key("to", Values::Time, "what is late", "end of the window; empty: no limit, so the present bucket is included"),
                key("force", Values::YesNo, "no", "2.18 and later: also refreshes ranges without a recorded change"),
                STEP,
                OVERRIDE,
                STUCK,
            ],
            PACE,
        ],
        "refresh-behind" | "refresh-hierarchy" => &[&[STEP, OVERRIDE, STUCK], PACE],
        "add-refresh-policy" | "edit-refresh-policy" => {
            let add = action.starts_with("add");
            let default = if add { "ten finished buckets" } else { PRESENT };
            let mut keys = vec![
                key("start_offset", Values::Length, default, "how far back each run refreshes; empty: the beginning"),
                key("end_offset", Values::Length, default, "rows newer than this wait for later runs; empty: no limit"),
                key("schedule_interval", Values::Interval, default, "how often it runs"),
                OVERRIDE,
            ];
            if add {
                keys.extend([
                    MISSING,
                    key("initial_start", Values::Time, "at once", "the first run, and the start of the schedule"),
                    key("timezone", Values::Text, NONE, "time zone of the schedule; needs initial_start"),
                ]);
            } else {
                keys.push(POLICY);
            }
            return keys;
        }
        "remove-refresh-policy" => &[&[POLICY]],
        "move-watermark-back" => &[&[key(
            "delete_future_rows",
            Values::YesNo,
            "no",
            "first deletes rows of the source that are dated in the future",
        )]],
        "reindex-index" => &[
            &[key("only_invalid", Values::YesNo, "yes", "only chunks where the index is invalid, if there are any"), AT_LEAST],
            PACE,
        ],
        "reindex-table" => &[&[AT_LEAST], PACE],
        "drop-index" | "rebuild-missing" => &[PACE],
        "create-index" => &[&[
            key("columns", Values::Text, "", "as CREATE INDEX takes them: device_id, ts DESC"),
            key("method", Values::OneOf("btree, hash, gin, gist, spgist, brin"), "btree", "access method"),
            key("unique", Values::YesNo, "no", "its columns must include the time column"),
            key("include", Values::Text, NONE, "columns stored in the index too"),
            key("where", Values::Text, NONE, "condition: only rows that meet it are in the index"),
            key("name", Values::Text, "made from the columns", "name of the index"),
            key("per_chunk", Values::YesNo, "yes", "a transaction for each chunk"),
        ]],
        "create-aggregate" => &[&[
            key("name", Values::Text, "", "schema.name of the new aggregate"),
            key("query", Values::Text, "", "its SELECT, with time_bucket in GROUP BY"),
            key("materialized_only", Values::YesNo, "yes", "no: queries also return rows that are not refreshed yet"),
        ]],
        "run-job-now" => &[&[key(
            "how",
            Values::OneOf("foreground or scheduler"),
            "foreground",
            "foreground: in a session of hypertop; scheduler: sets its next start to now",
        )]],
        "resume-job" => &[&[MISSING]],
        "edit-job" => &[&[
            EVERY,
            key("max_runtime", Values::Interval, PRESENT, "a run is stopped after this; 0s: no limit"),
            key("max_retries", Values::Number, PRESENT, "failures in a row until it is paused; -1: no limit"),
            key("retry_period", Values::Interval, PRESENT, "wait after a failure"),
            key("next_start", Values::Time, PRESENT, "a time, or now"),
            key("config", Values::Json, PRESENT, "the whole configuration"),
            key("fixed_schedule", Values::YesNo, PRESENT, "yes: at fixed times (slots); no: an interval after the last run"),
            key("initial_start", Values::Time, PRESENT, "the first slot"),
            key("timezone", Values::Text, PRESENT, "time zone of the slots"),
        ]],
        "delete-job" => &[&[key(
            "lift_max_retries",
            Values::YesNo,
            "yes",
            "first sets max_retries to -1, because deleting a running job can crash the server (2.26 and later)",
        )]],
        "create-hypertable" => &[&[
            key("time", Values::Text, "the first column with a time", "the column by which its rows are divided into chunks"),
            key("chunk_interval", Values::Text, "7 days", "length of a chunk: an interval, or a whole number for integer time"),
        ]],
        "set-chunk-interval" => &[&[
            key("interval", Values::Length, PRESENT, "length of new chunks"),
            key("dimension", Values::Text, "the time column", "the dimension, if there are several"),
        ]],
        "add-reorder-policy" => &[&[
            key("index", Values::Some, "the only one", "the rows are sorted by this index"),
            key("schedule_interval", Values::Interval, "half a chunk's interval, at most 12h", "how often it runs; each run reorders one chunk"),
            FIRST_RUN,
        ]],
        _ => &[],
    };
    groups.concat()
}

/// The help text on the keys of an action.
pub(crate) fn help(action: &str) -> String {
    let keys = of(action);
    if keys.is_empty() {
        return format!("{action} has no --set keys");
    }
    let mut lines = vec![format!("--set keys of {action}:")];
    for key in keys {
        let default = match key.default {
            "" => "required".to_owned(),
            default => format!("default: {default}"),
        };
        lines.push(format!("  {}  {}", key.name, key.help));
        lines.push(format!("      {} [{default}]", key.values.words()));
    }
    lines.push(
        "--dry-run shows the statements; after a wrong key, the error lists the keys for the target".to_owned(),
    );
    lines.join("\n")
}
