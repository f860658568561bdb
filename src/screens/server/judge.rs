//! What is wrong with a figure of the server, and what to do about it.

use super::row::Row;
use crate::model::target::Target;
use crate::model::thresholds::Limits;
use crate::model::verdict::{Finding, Findings, Level};
use crate::model::{rules, text};
use crate::server::known::At;

/// Transactions until PostgreSQL refuses to hand out more.
const WRAPAROUND: f64 = 2_147_483_648.0;

pub(super) fn judge(row: &Row, at: &At, findings: &mut Findings) {
    let value = row.value.unwrap_or_default();
    let limits = &at.server.thresholds.all;
    match row.name.as_str() {
        "connections" => connections(row, limits, findings),
        "replication-lag" if value > limits.replication_lag => lag(row, findings),
        "standby-replay" | "standby-receiver" | "standby-delay" => standby(row, at, findings),
        "replication-slots"
            if value > limits.slot_bytes || row.share().is_some_and(|share| share > limits.slot_percent / 100.0) =>
        {
            slot(row, findings);
        }
        "lost-slots" => lost_slots(row, findings),
        "archiver" if value > 0.0 => archiver(row, at, findings),
        "prepared-transaction" if value > limits.prepared_age => prepared(row, findings),
        "wraparound" | "multixact-wraparound" => wraparound(row, limits, findings),
        "launcher" | "scheduler" if row.value == Some(0.0) && !at.server.standby => {
            absence(row, at, findings);
        }
        "workers" if row.share().is_some_and(|share| share >= 1.0) => workers(row, findings),
        "worker-processes" if row.share().is_some_and(|share| share > 1.0) => findings.add(
            &rules::SERVER_PROCESSES,
            Level::Notice,
            format!(
                "max_worker_processes is {:.0}, but timescaledb.max_background_workers, max_parallel_workers and 3 more make {value:.0}: under load jobs find no worker. Set it to {value:.0} at least, and restart",
                row.bound.unwrap_or_default()
            ),
        ),
        name => {
            if let Some(name) = name.strip_prefix("setting ") {
                setting(name, row, at, findings);
            }
        }
    }
}

/// Every slot is taken: by whom, and what to do.
fn workers(row: &Row, findings: &mut Findings) {
    let about = row.about();
    let held = if about.is_empty() {
        String::new()
    } else {
        format!(" ({about})")
    };
    // Launcher and schedulers keep theirs; what a job has, the next one gets.
    let (level, then) = if about.is_empty() || about.contains(" in database ") {
        (
            Level::Notice,
            "the next job waits for one. If jobs come late, raise it",
        )
    } else {
        (Level::Critical, "none is left for any job. Raise it")
    };
    let reason = format!(
        "all {:.0} slots of timescaledb.max_background_workers are taken{held}: {then} (and max_worker_processes with it), and restart",
        row.bound.unwrap_or_default()
    );
    findings.add(&rules::SERVER_WORKERS, level, reason);
}

#[expect(clippy::cast_possible_truncation, reason = "a figure for eyes")]
fn bytes(bytes: Option<f64>) -> String {
    text::bytes(bytes.unwrap_or_default() as i64)
}

fn connections(row: &Row, limits: &Limits, findings: &mut Findings) {
    let percent = row.share().unwrap_or_default() * 100.0;
    let level = if percent >= limits.connections_critical_percent {
        Level::Critical
    } else if percent >= limits.connections_percent {
        Level::Warning
    } else {
        return;
    };
    let (value, bound) = (row.value.unwrap_or_default(), row.bound.unwrap_or_default());
    let left = if value < bound {
        format!("room for {:.0} more", bound - value)
    } else {
        "clients are refused".to_owned()
    };
    let who = row
        .about
        .as_ref()
        .map_or_else(String::new, |about| format!(" ({about})"));
    findings.add(
        &rules::SERVER_CONNECTIONS,
        level,
        format!(
            "{value:.0} of {bound:.0} client connections are taken: {left}{who}. Activity says who has them; pool the clients, or raise max_connections and restart"
        ),
    );
}

fn lag(row: &Row, findings: &mut Findings) {
    let value = row.value.unwrap_or_default();
    let among = match row.bound {
        Some(many) if many > 1.0 => format!(", the slowest of {many:.0},"),
        _ => String::new(),
    };
    let about = row.about().split(", ").next().unwrap_or_default();
    findings.add(
        &rules::SERVER_REPLICATION,
        Level::Warning,
        format!(
            "standby {about}{among} is {} behind: look there whether replay is paused (pg_wal_replay_resume() goes on), a query holds it up, or its disk or the network is slow",
            text::duration(value.floor())
        ),
    );
}

fn slot(row: &Row, findings: &mut Findings) {
    let kept = bytes(row.value);
    let then = match row.bound {
        Some(_) => format!(
            "from {} on (max_slot_wal_keep_size) it is removed, and the reader has to be built anew",
            bytes(row.bound)
        ),
        None => "the disk fills".to_owned(),
    };
    let said = match row.pid {
        Some(pid) => format!(
            "{kept} of WAL is kept for slot {:?}, whose reader (process {pid}) does not keep up: {then}. Look what holds it up there",
            row.about()
        ),
        None => format!(
            "nobody reads from slot {:?}, and {kept} of WAL is kept for it: {then}. Start its reader, or remove it with pg_drop_replication_slot()",
            row.about()
        ),
    };
    findings.add(&rules::SERVER_SLOT, Level::Warning, said);
}

fn archiver(row: &Row, at: &At, findings: &mut Findings) {
    let what = if row.about().ends_with(" is set") {
        format!("archive_mode is on, and {}", row.about())
    } else {
        let last = row.since.map_or_else(
            || "none archived since statistics began".to_owned(),
            |since| format!("the last one was archived {}", text::age(since, at.now)),
        );
        format!(
            "archiving fails for {} ({:.0} failures; {last})",
            row.about(),
            row.bound.unwrap_or_default()
        )
    };
    findings.add(
        &rules::SERVER_ARCHIVER,
        Level::Critical,
        format!(
            "{what}: the disk fills with WAL. Fix archive_command or where it writes to; the server's log has its words"
        ),
    );
}

fn prepared(row: &Row, findings: &mut Findings) {
    let age = text::duration(row.value.unwrap_or_default().floor());
    let about = row.about();
    let gid = about.rsplit_once(" in database ").map_or(about, |of| of.0);
    let said = format!(
        "the prepared transaction {about} is {age} old: it keeps its locks and holds back vacuum until COMMIT PREPARED {gid} or ROLLBACK PREPARED {gid} in that database"
    );
    findings.push(Finding::new(&rules::SERVER_PREPARED, Level::Warning, said).since(row.since));
}

fn wraparound(row: &Row, limits: &Limits, findings: &mut Findings) {
    let value = row.value.unwrap_or_default();
    let level = if value > limits.wraparound_critical_percent / 100.0 * WRAPAROUND {
        Level::Critical
    } else if row
        .share()
        .is_some_and(|share| share > limits.wraparound_factor)
    {
        Level::Warning
    } else {
        return;
    };
    let database = row.about();
    let fix = match &row.holder {
        Some(holder) => format!("It is held back by {holder}: end that, and autovacuum goes on"),
        None => format!(
            "Vacuum does not get through, or something holds it back (an old transaction, a prepared one, a slot): VACUUM (FREEZE) in {database}"
        ),
    };
    let finding = Finding::new(
        &rules::SERVER_WRAPAROUND,
        level,
        format!(
            "{} is {} in database {database}, and autovacuum should have frozen at {}; the server takes no writes from {} million on. {fix}",
            row.title(),
            count(value),
            count(row.bound.unwrap_or_default()),
            text::count(2144),
        ),
    );
    findings.push(match row.pid {
        Some(pid) => finding
            .fixed_by(Some("terminate-session"))
            .upon(Target::session(pid)),
        None => finding,
    });
}

/// What a standby finds wrong with itself.
fn standby(row: &Row, at: &At, findings: &mut Findings) {
    let limit = at.server.thresholds.all.replication_lag;
    let old = |since| at.now.seconds_since(since) > limit;
    let reason = match row.name.as_str() {
        "standby-replay" if row.value == Some(0.0) => {
            "replay is paused on this standby: it serves ever older rows, and WAL piles up here. select pg_wal_replay_resume() goes on".to_owned()
        }
        // While its archive serves it, a standby needs no receiver.
        "standby-receiver"
            if row.value == Some(0.0) && (row.about.is_none() || row.since.is_none_or(old)) =>
        {
            "this standby receives no WAL: its primary is not reached, or has removed what it needs. Its log says which; primary_conninfo says where it looks".to_owned()
        }
        "standby-delay"
            if row.value.is_some_and(|value| value > limit)
                && row.bound > Some(0.0)
                && row.about.is_none() =>
        {
            format!(
                "the newest row that this standby shows is {} old, and {} of WAL waits to be replayed: a query here holds it up (end it, or lower max_standby_streaming_delay), or its disk does not keep up",
                text::duration(row.value.unwrap_or_default().floor()),
                bytes(row.bound)
            )
        }
        _ => return,
    };
    findings.add(&rules::SERVER_REPLICATION, Level::Warning, reason);
}

fn lost_slots(row: &Row, findings: &mut Findings) {
    findings.add(
        &rules::SERVER_SLOT,
        Level::Warning,
        format!(
            "no reader can go on from slot {}: build the reader anew, and remove the slot with pg_drop_replication_slot()",
            row.about()
        ),
    );
}

/// In millions where there are some.
#[expect(clippy::cast_possible_truncation, reason = "a figure for eyes")]
fn count(value: f64) -> String {
    if value < 1e6 {
        text::count(value as i64)
    } else {
        format!("{} million", text::count((value / 1e6) as i64))
    }
}

fn absence(row: &Row, at: &At, findings: &mut Findings) {
    if row.name == "launcher" {
        let reason = "no TimescaleDB launcher runs, so that no job starts in any database: a lost one comes back within a minute; if it does not, raise max_worker_processes and restart";
        findings.add(&rules::SERVER_LAUNCHER, Level::Critical, reason);
        return;
    }
    let Some(version) = at.server.timescaledb else {
        return;
    };
    let schema = if version < crate::model::version::Version::new(2, 12) {
        "_timescaledb_internal"
    } else {
        "_timescaledb_functions"
    };
    let start = format!("select {schema}.start_background_workers()");
    let why = match row.about.as_deref() {
        Some("timescaledb.restoring is on") => {
            "timescaledb.restoring is on: run timescaledb_post_restore(), which starts it"
                .to_owned()
        }
        Some("no launcher runs") => "without a launcher (above) none is started".to_owned(),
        Some(full) => format!("{full}: raise it (and max_worker_processes with it), and restart"),
        None => {
            format!(
                "where it does not stay, max_worker_processes is too small. It is started by {start}"
            )
        }
    };
    findings.add(
        &rules::SERVER_SCHEDULER,
        Level::Critical,
        format!(
            "no TimescaleDB scheduler runs in this database, so that no job starts here; {why}"
        ),
    );
}

/// Settings that hurt, how, and what to do.
fn setting(setting: &str, row: &Row, at: &At, findings: &mut Findings) {
    let value = row.about();
    let on = if value.ends_with("ALTER DATABASE") {
        let database = text::quote_identifier(&at.server.database);
        format!("alter database {database} reset {setting}, for new sessions")
    } else if value.ends_with("ALTER ROLE ALL") {
        format!("alter role all reset {setting}, for new sessions")
    } else {
        format!("alter system set {setting} = on, then select pg_reload_conf()")
    };
    let (level, why) = match setting {
        "fsync" | "full_page_writes" => (
            Level::Warning,
            format!("a crash can destroy the database. {on}"),
        ),
        "autovacuum" => (
            Level::Warning,
            format!("nothing is vacuumed or analyzed but by hand, until wraparound forces it. {on}"),
        ),
        "track_counts" => (
            Level::Warning,
            format!("autovacuum does nothing, and no change is counted. {on}"),
        ),
        "track_activities" => (
            Level::Notice,
            format!("what sessions do is not shown. {on}"),
        ),
        "timescaledb.restoring" => (
            Level::Critical,
            "no job runs and triggers are off. After the restore, in this database: select timescaledb_post_restore()".to_owned(),
        ),
        _ if row.value.is_some() => (
            Level::Critical,
            format!("queries do not see compressed rows. {on}"),
        ),
        "timescaledb.enable_dml_decompression" => (
            Level::Notice,
            format!("UPDATE and DELETE fail on compressed chunks. {on}"),
        ),
        _ => (
            Level::Notice,
            format!("queries on hypertables read chunks that they need not. {on}"),
        ),
    };
    findings.add(
        &rules::SERVER_SETTING,
        level,
        format!("{setting} is {value}: {why}"),
    );
}
