//! The rules: every kind of problem, by name, with the action that fixes it.
//!
//! Each rule is applied by the screen that shows its rows. Acknowledgements refer to a rule by name, so names never change.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// In kebab-case.
    pub name: &'static str,
    /// The problem in a few words, as the Overview shows it.
    pub(crate) title: &'static str,
    /// True: something waits, fails or is late now, or a limit is near. False: a state that may have lasted for years, such as a
    /// setting. Among findings of one severity, those that hurt now are shown first.
    pub(crate) hurts_now: bool,
    /// Found by comparing counters of two reads. A single read finds it only if the counters were reset recently.
    pub two_looks: bool,
    /// Name of the action that fixes the problem; `None`: no action does.
    pub(crate) fix: Option<&'static str>,
}

macro_rules! rules {
    ($($id:ident: $when:ident, $name:literal, $title:literal $(, $fix:literal)?;)+) => {
        $(pub static $id: Rule = Rule {
            name: $name,
            title: $title,
            hurts_now: rules!(@$when),
            two_looks: rules!(@looks $when),
            fix: rules!(@fix $($fix)?),
        };)+

        pub static ALL: &[&Rule] = &[$(&$id),+];
    };
    (@now) => { true };
    (@between) => { true };
    (@looks between) => { true };
    (@looks $when:ident) => { false };
    (@standing) => { false };
    (@fix) => { None };
    (@fix $fix:literal) => { Some($fix) };
}

// One row each: id, kind (`now`, `standing`, or `between`: like `now`, found by comparing two reads), name, title, and fix.
rules! {
    AGGREGATE_BEHIND: now, "aggregate-behind", "later than its policy allows", "refresh-behind";
    AGGREGATE_BLOCKED: now, "aggregate-blocked", "its refresh waits for a lock", "terminate-session";
    AGGREGATE_COMPRESSED: standing, "aggregate-compressed", "refresh window reaches compressed chunks", "edit-compression-policy";
    AGGREGATE_FUTURE: now, "aggregate-future", "watermark in the future", "move-watermark-back";
    AGGREGATE_HIDDEN: standing, "aggregate-hidden", "refreshes or sources are hidden";
    AGGREGATE_HISTORY: standing, "aggregate-history", "history never materialized", "refresh-aggregate";
    AGGREGATE_INTERRUPTED: now, "aggregate-interrupted", "unfinished ranges of an interrupted refresh", "refresh-behind";
    AGGREGATE_NEVER_REFRESHED: now, "aggregate-never-refreshed", "never refreshed", "refresh-aggregate";
    AGGREGATE_NO_POLICY: standing, "aggregate-no-policy", "no refresh policy", "add-refresh-policy";
    AGGREGATE_OF_AVERAGES: standing, "aggregate-of-averages", "averages are averaged again";
    AGGREGATE_PARENT: now, "aggregate-parent", "parent aggregate is late or not refreshed", "refresh-hierarchy";
    AGGREGATE_PENDING: now, "aggregate-pending", "many changed ranges wait for a refresh", "refresh-behind";
    AGGREGATE_POLICY_STOPPED: now, "aggregate-policy-stopped", "second refresh policy is paused or failing", "resume-job";
    AGGREGATE_REMADE: now, "aggregate-remade", "late rows in a recreated chunk";
    AGGREGATE_STARVED: now, "aggregate-starved", "rows are dropped before they are materialized", "edit-retention-policy";
    AGGREGATE_STUCK: now, "aggregate-stuck", "a cancelled refresh blocks other refreshes", "terminate-session";
    AGGREGATE_UNKNOWN: now, "aggregate-unknown", "lag unknown";
    AGGREGATE_UNREACHED: now, "aggregate-unreached", "changes outside every refresh window", "refresh-aggregate";
    AGGREGATE_WINDOW: standing, "aggregate-window", "refresh window narrower than the schedule", "edit-refresh-policy";
    AGGREGATE_WIPE: now, "aggregate-wipe", "refresh would delete rows", "edit-refresh-policy";
    CHUNKS_LARGE: standing, "chunks-large", "chunks too large for memory", "set-chunk-interval";
    CHUNKS_LOCKS: standing, "chunks-locks", "too many chunks for the lock table";
    CHUNKS_MANY: standing, "chunks-many", "more chunks than needed", "set-chunk-interval";
    CHUNKS_SMALL: standing, "chunks-small", "many small chunks", "set-chunk-interval";
    COMPRESSION_BACKLOG: now, "compression-backlog", "chunks wait for compression", "compress-chunks";
    COMPRESSION_BLOCKED: now, "compression-blocked", "policy blocked by a lock or a failing chunk", "compress-chunks";
    COMPRESSION_FROZEN: standing, "compression-frozen", "frozen chunks";
    COMPRESSION_NO_POLICY: standing, "compression-no-policy", "compression without a policy", "add-compression-policy";
    COMPRESSION_OFF: standing, "compression-off", "many chunks, compression not enabled", "enable-compression";
    COMPRESSION_OLD: standing, "compression-old", "compressed under old settings", "rewrite-chunks";
    COMPRESSION_PARTIAL: standing, "compression-partial", "partially compressed chunks", "recompress-chunks";
    COMPRESSION_POINTLESS: standing, "compression-pointless", "dropped before it is compressed", "edit-compression-policy";
    COMPRESSION_RATIO: standing, "compression-ratio", "poor compression ratio", "edit-compression-settings";
    COMPRESSION_RECORD: standing, "compression-record", "recorded sizes of compressed chunks are stale", "recompress-chunks";
    COMPRESSION_SETTING: standing, "compression-setting", "compression policy cannot work", "edit-compression-policy";
    COMPRESSION_UNKNOWN: now, "compression-unknown", "backlog unknown";
    FIGURES_UNREAD: standing, "figures-unread", "figures were not read";
    HYPERTABLE_CANDIDATE: standing, "hypertable-candidate", "large plain table with a time column";
    INDEX_BLOATED: standing, "index-bloated", "bloated index", "reindex-index";
    INDEX_BUILDING: standing, "index-building", "index being built";
    INDEX_COMPRESSED: standing, "index-compressed", "useless on compressed data", "drop-index";
    INDEX_COVERED: standing, "index-covered", "a wider index can replace it", "drop-index";
    INDEX_DUPLICATE: standing, "index-duplicate", "duplicate index", "drop-index";
    INDEX_INVALID: standing, "index-invalid", "invalid index", "reindex-index";
    INDEX_LEFTOVERS: standing, "index-leftovers", "leftovers of an interrupted REINDEX", "drop-leftovers";
    INDEX_MISSING: standing, "index-missing", "index missing on chunks", "rebuild-missing";
    INDEX_SIZE_UNKNOWN: standing, "index-size-unknown", "size unknown";
    INDEX_UNSURE: standing, "index-unsure", "chunk indexes of the same shape";
    INDEX_UNUSED: standing, "index-unused", "unused index", "drop-index";
    JOB_AT_ONCE: now, "job-at-once", "job due at once", "run-job-now";
    JOB_BUSY: standing, "job-busy-hours", "next start in busy hours", "edit-job";
    JOB_CRASHED: now, "job-crashed", "its worker has vanished", "run-job-now";
    JOB_CROWD: standing, "job-crowd", "too many jobs start together", "edit-job";
    JOB_FAILING: now, "job-failing", "fails", "run-job-now";
    JOB_FAR: now, "job-far", "next start too far in the future", "run-job-now";
    JOB_GAVE_UP: now, "job-gave-up", "paused after too many failures", "resume-job";
    JOB_HIDDEN: standing, "job-hidden", "runs of other owners' jobs are hidden";
    JOB_LATE: now, "job-late", "late", "run-job-now";
    JOB_NEVER_RAN: now, "job-never-ran", "never ran", "run-job-now";
    JOB_ORPHANED: standing, "job-orphaned", "its hypertable no longer exists", "delete-job";
    JOB_OVERRUN: now, "job-overrun", "runs longer than max_runtime", "terminate-session";
    JOB_OWNER: standing, "job-owner", "its owner cannot run it";
    JOB_PAUSED: standing, "job-paused", "paused", "resume-job";
    JOB_PORTAL_FAULT: standing, "job-portal-fault", "harmless SQLSTATE 24000 (PostgreSQL bug)";
    JOB_PROCEDURE_GONE: standing, "job-procedure-gone", "its procedure no longer exists", "delete-job";
    JOB_SLOW: now, "job-slow", "runs longer than usual", "edit-job";
    JOB_UNSEEN: standing, "job-unseen", "worker not visible";
    JOURNAL: standing, "journal", "action failed or was interrupted";
    POLICY_FILE: standing, "policy-file", "differs from the policy file";
    QUERIES_HIDDEN: standing, "queries-hidden", "other roles' statements are hidden";
    QUERIES_MISSING: standing, "queries-missing", "no statement statistics";
    QUERY_AGGREGATE: standing, "query-aggregate", "an aggregate might answer it";
    QUERY_HEAVY: now, "query-heavy", "takes much of all execution time";
    QUERY_SPILLS: now, "query-spills", "spills to temporary files";
    RETENTION_BLOCKED: now, "retention-blocked", "its policy waits for a lock", "terminate-session";
    RETENTION_FROZEN: standing, "retention-frozen", "frozen chunks are never dropped";
    RETENTION_NONE: standing, "retention-none", "old chunks, no retention policy", "add-retention-policy";
    RETENTION_OVERDUE: now, "retention-overdue", "chunks overdue for retention", "drop-chunks";
    RETENTION_SETTING: standing, "retention-setting", "retention policy cannot work", "edit-retention-policy";
    RETENTION_UNKNOWN: now, "retention-unknown", "chunks to drop unknown";
    RETENTION_UNREAD: now, "retention-unread", "drops rows not yet in an aggregate", "refresh-aggregate";
    SERVER_ARCHIVE_COMMAND: standing, "server-archive-command", "archive_command archives nothing";
    SERVER_ARCHIVER: now, "server-archiver", "WAL is not archived";
    SERVER_CONFLICTS: between, "server-conflicts", "replay cancels queries on this standby";
    SERVER_CONNECTIONS: now, "server-connections", "connections near the limit";
    SERVER_DEADLOCKS: between, "server-deadlocks", "transactions end in deadlocks";
    SERVER_HIDDEN: standing, "server-hidden", "figures of the server are hidden";
    SERVER_LAUNCHER: now, "server-launcher", "no TimescaleDB launcher";
    SERVER_PREPARED: now, "server-prepared", "old prepared transaction";
    SERVER_PROCESSES: standing, "server-processes", "too few worker processes";
    SERVER_REPLICATION: now, "server-replication", "a standby lags";
    SERVER_ROLLBACKS: between, "server-rollbacks", "many transactions are rolled back";
    SERVER_SCHEDULER: now, "server-scheduler", "no TimescaleDB scheduler";
    SERVER_SETTING: standing, "server-setting", "dangerous setting";
    SERVER_SLOT: now, "server-slot", "replication slot keeps or lost WAL";
    SERVER_WORKERS: now, "server-workers", "no free worker";
    SERVER_WRAPAROUND: now, "server-wraparound", "transaction ID wraparound is near";
    SESSION_BLOCKED: now, "session-blocked", "waits for a lock";
    SESSION_BLOCKS: now, "session-blocks", "blocks other sessions", "terminate-session";
    SESSION_HIDDEN: standing, "session-hidden", "query hidden from this role";
    SESSION_IDLE: now, "session-idle", "idle in transaction", "terminate-session";
    SESSION_LONG: now, "session-long", "runs long", "cancel-query";
    SESSION_UNTRACKED: standing, "session-untracked", "query not tracked";
}

/// Whether this rule's findings are about the whole server, and so are the same in each of its databases.
pub(crate) fn of_the_server(rule: &Rule) -> bool {
    [
        &SERVER_ARCHIVE_COMMAND,
        &SERVER_ARCHIVER,
        &SERVER_CONNECTIONS,
        &SERVER_HIDDEN,
        &SERVER_LAUNCHER,
        &SERVER_PREPARED,
        &SERVER_PROCESSES,
        &SERVER_REPLICATION,
        &SERVER_SLOT,
        &SERVER_WORKERS,
        &SERVER_WRAPAROUND,
    ]
    .contains(&rule)
}

pub fn by_name(name: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| rule.name == name)
}

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
