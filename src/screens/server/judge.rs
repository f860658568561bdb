//! Findings of a figure of the server, with the fix as text.

use super::errors;
use super::row::Row;
use crate::model::target::Target;
use crate::model::thresholds::Limits;
use crate::model::verdict::{Finding, Findings, Level};
use crate::model::{rules, text};
use crate::server::known::At;

/// Age at which transaction ids wrap around. PostgreSQL stops assigning ids three million before that.
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
        "archive-command" => archive_command(row, findings),
        "rollbacks" | "deadlocks" | "conflicts" => errors::judge(row, at, findings),
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
                "max_worker_processes is {:.0}, but timescaledb.max_background_workers, max_parallel_workers and 3 other processes add up to {value:.0}: under load jobs find no worker. Set it to at least {value:.0}, and restart",
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

/// Finding for worker slots that are all in use.
fn workers(row: &Row, findings: &mut Findings) {
    let about = row.about();
    let held = if about.is_empty() {
        String::new()
    } else {
        format!(" ({about})")
    };
    // `about` names each job with its database. Jobs release their slots; launcher and schedulers do not.
    let (level, then) = if about.is_empty() || about.contains(" in database ") {
        (
            Level::Notice,
            "the next job waits for a free slot. If jobs are late, raise the setting",
        )
    } else {
        (Level::Critical, "no job can start. Raise the setting")
    };
    let reason = format!(
        "all {:.0} slots of timescaledb.max_background_workers are taken{held}: {then} (and max_worker_processes with it), and restart",
        row.bound.unwrap_or_default()
    );
    findings.add(&rules::SERVER_WORKERS, level, reason);
}

#[expect(clippy::cast_possible_truncation, reason = "a figure to show")]
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
            "{value:.0} of {bound:.0} client connections are in use: {left}{who}. The Activity screen shows by whom. Pool the clients, or raise max_connections and restart"
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
            "standby {about}{among} is {} behind. Check on the standby whether replay is paused (pg_wal_replay_resume() resumes it), a query delays it, or its disk or the network is slow",
            text::duration(value.floor())
        ),
    );
}

fn slot(row: &Row, findings: &mut Findings) {
    let kept = bytes(row.value);
    let then = match row.bound {
        Some(_) => format!(
            "above {} (max_slot_wal_keep_size) the WAL is removed, and the reader has to be set up again",
            bytes(row.bound)
        ),
        None => "the disk fills up".to_owned(),
    };
    let said = match row.pid {
        Some(pid) => format!(
            "{kept} of WAL is kept for slot {:?}, whose reader (process {pid}) does not keep up: {then}. Find out on the reader's side what delays it",
            row.about()
        ),
        None => format!(
            "slot {:?} has no reader, and {kept} of WAL is kept for it: {then}. Start its reader, or remove it with pg_drop_replication_slot()",
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
            || "no file was archived since statistics began".to_owned(),
            |since| format!("the last file was archived {}", text::age(since, at.now)),
        );
        format!(
            "archiving fails for {} (failures: {:.0}; {last})",
            row.about(),
            row.bound.unwrap_or_default()
        )
    };
    findings.add(
        &rules::SERVER_ARCHIVER,
        Level::Critical,
        format!(
            "{what}: the disk fills up with WAL. Fix archive_command or its target; the server's log shows the error"
        ),
    );
}

fn archive_command(row: &Row, findings: &mut Findings) {
    let reason = format!(
        "archive_mode is on, but archive_command ({:?}) copies nothing and reports success, so the server removes WAL that was not copied. \
         No backup can be recovered to a point in time, and an archive has a gap from now on. Set a command that copies %p, \
         or an archive_library, then run select pg_reload_conf(), and take a base backup. Or turn archive_mode off",
        row.about()
    );
    findings.add(&rules::SERVER_ARCHIVE_COMMAND, Level::Warning, reason);
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
        Some(holder) => {
            format!(
                "{holder} holds back vacuum. End it (for a slot: start its reader, or drop the slot), so that autovacuum can continue"
            )
        }
        None => format!(
            "Vacuum is too slow, or an old transaction, a prepared transaction or a slot holds it back. Run VACUUM (FREEZE) in {database}"
        ),
    };
    let finding = Finding::new(
        &rules::SERVER_WRAPAROUND,
        level,
        format!(
            "{} is {} in database {database}, and autovacuum should have frozen it at {}; at {} million the server refuses writes. {fix}",
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

fn standby(row: &Row, at: &At, findings: &mut Findings) {
    let limit = at.server.thresholds.all.replication_lag;
    let old = |since| at.now.seconds_since(since) > limit;
    let reason = match row.name.as_str() {
        "standby-replay" if row.value == Some(0.0) => {
            "replay is paused on this standby: its rows get older, and WAL accumulates here. select pg_wal_replay_resume() resumes it".to_owned()
        }
        // A standby that replays WAL from an archive needs no WAL receiver.
        "standby-receiver"
            if row.value == Some(0.0) && (row.about.is_none() || row.since.is_none_or(old)) =>
        {
            "this standby receives no WAL: it cannot reach its primary (primary_conninfo), or the primary has removed the WAL that it needs. See the log of the standby".to_owned()
        }
        "standby-delay"
            if row.value.is_some_and(|value| value > limit)
                && row.bound > Some(0.0)
                && row.about.is_none() =>
        {
            format!(
                "the newest rows on this standby are {} old, and {} of WAL waits for replay: a query here delays the replay (end the query, or lower max_standby_streaming_delay), or the disk is too slow",
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
            "no reader can continue from slot {}: set up the reader again, and remove the slot with pg_drop_replication_slot()",
            row.about()
        ),
    );
}

/// Text of a count; from one million on such as `2144 million`.
#[expect(clippy::cast_possible_truncation, reason = "a figure to show")]
fn count(value: f64) -> String {
    if value < 1e6 {
        text::count(value as i64)
    } else {
        format!("{} million", text::count((value / 1e6) as i64))
    }
}

fn absence(row: &Row, at: &At, findings: &mut Findings) {
    if row.name == "launcher" {
        let reason = "no TimescaleDB launcher runs, so no job starts in any database. It should be back within a minute; if not, raise max_worker_processes and restart";
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
        Some("no launcher runs") => {
            "only the launcher starts it, and the launcher does not run".to_owned()
        }
        Some(full) => {
            format!("{full}: raise this setting (and max_worker_processes with it), and restart")
        }
        None => {
            format!(
                "if it ends again after a start by hand, raise max_worker_processes and restart. To start it: {start}"
            )
        }
    };
    findings.add(
        &rules::SERVER_SCHEDULER,
        Level::Critical,
        format!("no TimescaleDB scheduler runs in this database, so no job starts here; {why}"),
    );
}

/// Finding for a dangerous setting, with its effect and the fix.
fn setting(setting: &str, row: &Row, at: &At, findings: &mut Findings) {
    if at.server.throw_away && ["fsync", "full_page_writes"].contains(&setting) {
        let reason =
            format!("{setting} is off on purpose: this server is deleted at the end of the demo");
        findings.add(&rules::SERVER_SETTING, Level::Ok, reason);
        return;
    }
    let value = row.about();
    let on = if value.ends_with("ALTER DATABASE") {
        let database = text::quote_identifier(&at.server.database);
        format!("alter database {database} reset {setting}, which applies to new sessions")
    } else if value.ends_with("ALTER ROLE ALL") {
        format!("alter role all reset {setting}, which applies to new sessions")
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
            format!("tables are neither vacuumed nor analyzed automatically, until wraparound forces a vacuum. {on}"),
        ),
        "track_counts" => (
            Level::Warning,
            format!("autovacuum does nothing, because changes are not counted. {on}"),
        ),
        "track_activities" => (
            Level::Notice,
            format!("queries of sessions are not shown. {on}"),
        ),
        "timescaledb.restoring" => (
            Level::Critical,
            "no job runs and triggers are off. After the restore, run this in the same database: select timescaledb_post_restore()".to_owned(),
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
            format!("queries on hypertables read more chunks than necessary. {on}"),
        ),
    };
    findings.add(
        &rules::SERVER_SETTING,
        level,
        format!("{setting} is {value}: {why}"),
    );
}
