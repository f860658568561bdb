//! The rules: every kind of problem, by name, with the action that fixes it.
//!
//! The screen that shows a rule's rows applies it and words its reasons. Acknowledgements refer to a rule by its name,
//! which therefore never changes.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A kind of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Kebab-case.
    pub name: &'static str,
    /// The problem in a few words, as the Overview shows it.
    pub title: &'static str,
    /// The action of the catalogue that fixes it; `None`: no action does.
    pub fix: Option<&'static str>,
}

macro_rules! rules {
    ($($id:ident: $name:literal, $title:literal $(, $fix:literal)?;)+) => {
        $(pub static $id: Rule = Rule { name: $name, title: $title, fix: rules!(@fix $($fix)?) };)+

        /// Every rule.
        pub static ALL: &[&Rule] = &[$(&$id),+];
    };
    (@fix) => { None };
    (@fix $fix:literal) => { Some($fix) };
}

rules! {
    AGGREGATE_BEHIND: "aggregate-behind", "later than its policy allows", "refresh-behind";
    AGGREGATE_BLOCKED: "aggregate-blocked", "its refresh waits for a lock", "terminate-session";
    AGGREGATE_COMPRESSED: "aggregate-compressed", "refresh window reaches compressed chunks", "edit-compression-policy";
    AGGREGATE_FUTURE: "aggregate-future", "watermark in the future", "move-watermark-back";
    AGGREGATE_HISTORY: "aggregate-history", "history never materialized", "refresh-aggregate";
    AGGREGATE_INTERRUPTED: "aggregate-interrupted", "an interrupted refresh left ranges", "refresh-behind";
    AGGREGATE_NEVER_REFRESHED: "aggregate-never-refreshed", "never refreshed", "refresh-aggregate";
    AGGREGATE_NO_POLICY: "aggregate-no-policy", "no refresh policy", "add-refresh-policy";
    AGGREGATE_PARENT: "aggregate-parent", "parent aggregate is late or not refreshed", "refresh-hierarchy";
    AGGREGATE_PENDING: "aggregate-pending", "many changed ranges wait for a refresh", "refresh-behind";
    AGGREGATE_POLICY_STOPPED: "aggregate-policy-stopped", "second refresh policy is paused or failing", "resume-job";
    AGGREGATE_REMADE: "aggregate-remade", "late rows in a recreated chunk";
    AGGREGATE_STARVED: "aggregate-starved", "rows are dropped before they are materialized", "edit-retention-policy";
    AGGREGATE_STUCK: "aggregate-stuck", "a cancelled refresh blocks other refreshes", "terminate-session";
    AGGREGATE_UNKNOWN: "aggregate-unknown", "lag unknown";
    AGGREGATE_UNREACHED: "aggregate-unreached", "changes outside every refresh window", "refresh-aggregate";
    AGGREGATE_WINDOW: "aggregate-window", "refresh window narrower than the schedule", "edit-refresh-policy";
    AGGREGATE_WIPE: "aggregate-wipe", "refresh would delete rows", "edit-refresh-policy";
    CHUNKS_LARGE: "chunks-large", "chunks too large for memory", "set-chunk-interval";
    CHUNKS_LOCKS: "chunks-locks", "too many chunks for the lock table";
    CHUNKS_MANY: "chunks-many", "more chunks than needed", "set-chunk-interval";
    CHUNKS_SMALL: "chunks-small", "many small chunks", "set-chunk-interval";
    COMPRESSION_BACKLOG: "compression-backlog", "chunks wait for compression", "compress-chunks";
    COMPRESSION_BLOCKED: "compression-blocked", "policy blocked by a lock or a failing chunk", "compress-chunks";
    COMPRESSION_FROZEN: "compression-frozen", "frozen chunks";
    COMPRESSION_NO_POLICY: "compression-no-policy", "compression without a policy", "add-compression-policy";
    COMPRESSION_OFF: "compression-off", "many chunks, compression not enabled", "enable-compression";
    COMPRESSION_OLD: "compression-old", "compressed under old settings", "rewrite-chunks";
    COMPRESSION_PARTIAL: "compression-partial", "partially compressed chunks", "recompress-chunks";
    COMPRESSION_POINTLESS: "compression-pointless", "dropped before it is compressed", "edit-compression-policy";
    COMPRESSION_RATIO: "compression-ratio", "poor compression ratio", "edit-compression-settings";
    COMPRESSION_RECORD: "compression-record", "recorded sizes are stale", "recompress-chunks";
    COMPRESSION_SETTING: "compression-setting", "compression policy cannot work", "edit-compression-policy";
    COMPRESSION_UNKNOWN: "compression-unknown", "backlog unknown";
    HYPERTABLE_CANDIDATE: "hypertable-candidate", "large plain table with a time column";
    INDEX_BLOATED: "index-bloated", "bloated index", "reindex-index";
    INDEX_COMPRESSED: "index-compressed", "useless on compressed data", "drop-index";
    INDEX_COVERED: "index-covered", "a wider index could serve instead", "drop-index";
    INDEX_DUPLICATE: "index-duplicate", "duplicate index", "drop-index";
    INDEX_INVALID: "index-invalid", "invalid index", "reindex-index";
    INDEX_LEFTOVERS: "index-leftovers", "leftovers of an interrupted REINDEX", "drop-leftovers";
    INDEX_MISSING: "index-missing", "index missing on chunks", "rebuild-missing";
    INDEX_SIZE_UNKNOWN: "index-size-unknown", "size unknown";
    INDEX_UNSURE: "index-unsure", "chunk indexes of the same shape";
    INDEX_UNUSED: "index-unused", "unused index", "drop-index";
    JOB_AT_ONCE: "job-at-once", "due at once", "run-job-now";
    JOB_CRASHED: "job-crashed", "its worker has vanished", "run-job-now";
    JOB_FAILING: "job-failing", "fails", "run-job-now";
    JOB_FAR: "job-far", "next start too far in the future", "run-job-now";
    JOB_GAVE_UP: "job-gave-up", "paused after too many failures", "resume-job";
    JOB_LATE: "job-late", "late", "run-job-now";
    JOB_NEVER_RAN: "job-never-ran", "never ran", "run-job-now";
    JOB_ORPHANED: "job-orphaned", "its hypertable no longer exists", "delete-job";
    JOB_OVERRUN: "job-overrun", "runs longer than max_runtime", "terminate-session";
    JOB_OWNER: "job-owner", "its owner cannot run it";
    JOB_PAUSED: "job-paused", "paused", "resume-job";
    JOB_PORTAL_FAULT: "job-portal-fault", "harmless SQLSTATE 24000 (PostgreSQL bug)";
    JOB_PROCEDURE_GONE: "job-procedure-gone", "its procedure no longer exists", "delete-job";
    JOB_SLOW: "job-slow", "runs longer than usual", "edit-job";
    JOB_UNSEEN: "job-unseen", "worker not visible";
    JOURNAL: "journal", "action failed or was interrupted";
    QUERIES_HIDDEN: "queries-hidden", "other roles' statements are hidden";
    QUERIES_MISSING: "queries-missing", "no statement statistics";
    QUERY_AGGREGATE: "query-aggregate", "an aggregate might answer it";
    QUERY_HEAVY: "query-heavy", "takes much of all execution time";
    QUERY_SPILLS: "query-spills", "spills to temporary files";
    RETENTION_BLOCKED: "retention-blocked", "its policy waits for a lock", "terminate-session";
    RETENTION_FROZEN: "retention-frozen", "frozen chunks are never dropped";
    RETENTION_NONE: "retention-none", "old chunks, no retention policy", "add-retention-policy";
    RETENTION_OVERDUE: "retention-overdue", "chunks overdue for retention", "drop-chunks";
    RETENTION_SETTING: "retention-setting", "retention policy cannot work", "edit-retention-policy";
    RETENTION_UNKNOWN: "retention-unknown", "chunks to drop unknown";
    RETENTION_UNREAD: "retention-unread", "drops rows not yet in an aggregate", "refresh-aggregate";
    SERVER_ARCHIVER: "server-archiver", "WAL is not archived";
    SERVER_CONNECTIONS: "server-connections", "connections near the limit";
    SERVER_LAUNCHER: "server-launcher", "no TimescaleDB launcher";
    SERVER_PREPARED: "server-prepared", "old prepared transaction";
    SERVER_PROCESSES: "server-processes", "too few worker processes";
    SERVER_REPLICATION: "server-replication", "a standby lags";
    SERVER_SCHEDULER: "server-scheduler", "no TimescaleDB scheduler";
    SERVER_SETTING: "server-setting", "dangerous setting";
    SERVER_SLOT: "server-slot", "replication slot keeps or lost WAL";
    SERVER_WORKERS: "server-workers", "no free worker";
    SERVER_WRAPAROUND: "server-wraparound", "transaction ID wraparound is near";
    SESSION_BLOCKED: "session-blocked", "waits for a lock";
    SESSION_BLOCKS: "session-blocks", "blocks other sessions", "terminate-session";
    SESSION_HIDDEN: "session-hidden", "query hidden from this role";
    SESSION_IDLE: "session-idle", "idle in transaction", "terminate-session";
    SESSION_LONG: "session-long", "runs long", "cancel-query";
    SESSION_UNTRACKED: "session-untracked", "query not tracked";
}

/// The rule of this name.
pub fn by_name(name: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| rule.name == name)
}

/// Serialized as the rule's name.
impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for &'static Rule {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        by_name(&name).ok_or_else(|| D::Error::custom(format!("there is no rule {name:?}")))
    }
}
