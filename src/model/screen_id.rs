//! Names of the screens, for findings, acknowledgements, the command line and JSON.

use serde::{Deserialize, Serialize};

/// The action that opens a screen in the console.
#[derive(Debug)]
pub(crate) struct Opened {
    pub id: ScreenId,
    /// Name of that action: `show-jobs`.
    pub action: &'static str,
    pub key: [&'static str; 1],
    pub help: &'static str,
}

macro_rules! screen_ids {
    ($($id:ident: $name:literal, $key:literal, $help:literal;)+) => {
        /// A screen, in the order of the tabs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ScreenId { $($id),+ }

        impl ScreenId {
            pub const ALL: &[Self] = &[$(Self::$id),+];

            /// The actions in the order of [`Self::ALL`].
            pub(crate) const OPENED: &[Opened] = &[$(
                Opened { id: Self::$id, action: concat!("show-", $name), key: [$key], help: $help }
            ),+];

            /// Name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$id => $name),+ }
            }
        }
    };
}

screen_ids! {
    Overview: "overview", "1", "Overview: problems by severity, with fixes";
    Compression: "compression", "2", "Compression: chunks, ratio, backlog";
    Retention: "retention", "3", "Retention: what the next run drops, what is overdue";
    Indexes: "indexes", "4", "Indexes: unused, duplicate, invalid, missing on chunks";
    Jobs: "jobs", "5", "Jobs: running, late, failing, paused";
    Aggregates: "aggregates", "6", "Aggregates: lag against the policy's expected lag";
    Hypertables: "hypertables", "7", "Hypertables: size, growth, chunks against memory and locks";
    Activity: "activity", "8", "Activity: sessions, what they wait for, who blocks whom";
    Queries: "queries", "9", "Queries: slowest, most frequent, candidates for an aggregate";
    Journal: "journal", "0", "Journal: past actions and their rollback";
    Server: "server", "=", "Server: connections, WAL, replication, workers, dangerous settings";
    Policies: "policies", "F", "Policies: the policy file against the database";
}

impl ScreenId {
    /// One line that says what the screen shows.
    pub(crate) fn purpose(self) -> &'static str {
        let of = Self::OPENED.iter().find(|opened| opened.id == self);
        of.map_or("", |opened| opened.help)
    }

    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|id| id.name() == name)
    }
}
