//! The database of an entry, and whether a connection leads to the same database. A physical copy of a server has the same
//! system identifier and the same database oids.

use serde::{Deserialize, Serialize};

/// A database of a server, independent of the host name that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// System identifier of the cluster. `None`: the role may not read it.
    pub system: Option<String>,
    pub database: String,
    /// Oid of the database.
    pub database_oid: i64,
    /// Server as shown in the header.
    pub host: String,
    /// Path of the socket, or host name (or IP address) and port. `None`: an older hypertop wrote the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
    /// Properties of the running server. `None`: an older hypertop wrote the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
}

/// Properties of a running server that its copies do not share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Start time of the server, with microseconds.
    pub(crate) started: String,
    /// The server's own address. `None`: the connection uses a Unix socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    /// Timeline, which changes when a standby is promoted or a backup restored. `None`: the server is a standby.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeline: Option<i64>,
    /// Flushed WAL position in bytes, which only grows. `None`: the server is a standby.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wal: Option<i64>,
}

impl Place {
    /// True for the same database, also on a copy of the server. Compares the system identifier and the database oid. If an identifier is
    /// unknown, compares the names of host and database.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.system, &other.system) {
            (Some(a), Some(b)) => a == b && self.database_oid == other.database_oid,
            _ => self.host == other.host && self.database == other.database,
        }
    }

    /// True for the same database of the same server, false for a copy.
    pub(crate) fn is_surely(&self, other: &Self) -> bool {
        self.is(other) && self.unlike(other).is_none()
    }

    /// Reason why `here`, which was read later, may be another database. `None`: it is the same database.
    pub(crate) fn doubt(&self, here: &Self) -> Option<String> {
        if !self.is(here) {
            return Some("its system identifier or its database differs".to_owned());
        }
        let older = || {
            let (then, now) = self.run.as_ref().zip(here.run.as_ref())?;
            // A restart makes the start time later, so an earlier start time means another server.
            (now.started < then.started).then(|| {
                let [was, is] = [&then.started, &now.started];
                format!("it was started {is}, which is before the recorded start ({was})")
            })
        };
        let standby = || {
            let run = here.run.as_ref();
            let is_one = run.is_some_and(|run| run.timeline.is_none());
            is_one.then(|| "it is a standby".to_owned())
        };
        let wal = |place: &Self| place.run.as_ref()?.wal;
        let behind = wal(self)
            .zip(wal(here))
            .is_some_and(|(then, now)| now < then);
        let behind = || behind.then(|| "its WAL position is behind the recorded one".to_owned());
        let unlike = older().or_else(|| self.unlike(here));
        unlike.or_else(standby).or_else(behind)
    }

    fn unlike(&self, other: &Self) -> Option<String> {
        let (then, now) = match (&self.run, &other.run) {
            (Some(then), Some(now)) if then.started == now.started => return None,
            (Some(then), Some(now)) => (then, now),
            _ => {
                let why = "it is reached by another name, and the entry, which an older hypertop wrote, has only the name";
                return (self.host != other.host).then(|| why.to_owned());
            }
        };
        let known = |what: Option<String>, none: &str| what.unwrap_or_else(|| none.to_owned());
        if self.way != other.way {
            let [was, is] = [&then.started, &now.started];
            return Some(format!(
                "it is reached by another name, and was started {is}, not {was}"
            ));
        }
        if then.address != now.address {
            let [was, is] = [then, now].map(|run| known(run.address.clone(), "a socket"));
            return Some(format!("its address was {was}, and is {is} now"));
        }
        let [was, is] = [then, now].map(|run| run.timeline.map(|number| number.to_string()));
        (was != is).then(|| {
            let [was, is] = [was, is].map(|number| known(number, "that of a standby"));
            format!("its timeline was {was}, and is {is} now")
        })
    }

    /// Reason why two databases may be the same.
    pub(crate) fn shares(&self, other: &Self) -> &'static str {
        if self.system.is_some() && other.system.is_some() {
            "the system identifier and the database are the same"
        } else {
            "the host and database names are the same (the system identifier cannot be read)"
        }
    }

    /// Name of the server for messages.
    pub(crate) fn words(&self) -> String {
        match &self.way {
            Some(way) if *way != self.host => format!("{} ({way})", self.host),
            _ => self.host.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(way: &str, started: &str, timeline: Option<i64>, wal: Option<i64>) -> Place {
        let run = Run {
            started: started.to_owned(),
            address: way.contains("db").then(|| "10.0.0.5:5432".to_owned()),
            timeline,
            wal,
        };
        Place {
            system: Some("7".to_owned()),
            database: "plant".to_owned(),
            database_oid: 5,
            host: way.to_owned(),
            way: Some(way.to_owned()),
            run: Some(run),
        }
    }

    #[test]
    fn a_place_is_surely_another_by_what_it_is_and_not_by_its_name() {
        let then = place("db1:5432", "t1", Some(1), Some(100));
        for (now, why) in [
            (place("db1:5432", "t1", Some(1), Some(100)), None),
            (place("/run/.s.PGSQL.5432", "t1", Some(1), Some(120)), None),
            (place("db1:5432", "t2", Some(1), Some(120)), None),
            (
                place("db1:5432", "t2", Some(1), Some(99)),
                Some("its WAL position is behind"),
            ),
            // A copy of the machine with its memory: the start time is equal.
            (
                place("db2:5432", "t1", Some(1), Some(99)),
                Some("its WAL position is behind"),
            ),
            (
                place("db2:5432", "t2", Some(1), Some(120)),
                Some("another name"),
            ),
            (
                place("db1:5432", "t2", Some(2), Some(120)),
                Some("its timeline was 1, and is 2"),
            ),
            // A server that was started before the recorded one.
            (
                place("db1:5432", "t0", Some(1), Some(120)),
                Some("before the recorded start (t1)"),
            ),
            (
                place("db1:5432", "t2", None, None),
                Some("its timeline was 1, and is that of a standby"),
            ),
        ] {
            let doubt = then.doubt(&now);
            assert_eq!(doubt.is_some(), why.is_some(), "{now:?}: {doubt:?}");
            assert!(doubt.unwrap_or_default().contains(why.unwrap_or_default()));
        }
        // The same name leads to another machine (a tunnel).
        let mut now = place("db1:5432", "t2", Some(1), Some(120));
        now.run.as_mut().unwrap().address = Some("10.0.0.9:5432".to_owned());
        assert!(then.doubt(&now).unwrap().contains("10.0.0.9"));
        // Another database of the same server.
        now = then.clone();
        now.database_oid = 6;
        assert!(!then.is_surely(&now));
    }

    #[test]
    fn of_a_place_that_an_older_hypertop_wrote_the_name_is_known() {
        let now = place("db1:5432", "t1", Some(1), Some(100));
        let mut then = now.clone();
        (then.way, then.run) = (None, None);
        assert_eq!(then.doubt(&now), None);
        let mut standby = now.clone();
        standby.run.as_mut().unwrap().timeline = None;
        assert!(then.doubt(&standby).unwrap().contains("a standby"));
        "db2:5432".clone_into(&mut then.host);
        assert!(then.is(&now) && then.doubt(&now).is_some());
    }
}
