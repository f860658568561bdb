//! Names of the screens, for findings, acknowledgements, the command line and JSON.

use serde::{Deserialize, Serialize};

macro_rules! screen_ids {
    ($($id:ident: $name:literal),+ $(,)?) => {
        /// A screen, in the order of the tabs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ScreenId { $($id),+ }

        impl ScreenId {
            pub const ALL: &[Self] = &[$(Self::$id),+];

            /// Name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$id => $name),+ }
            }
        }
    };
}

screen_ids! {
    Overview: "overview",
    Compression: "compression",
    Retention: "retention",
    Indexes: "indexes",
    Jobs: "jobs",
    Aggregates: "aggregates",
    Hypertables: "hypertables",
    Activity: "activity",
    Queries: "queries",
    Journal: "journal",
    Server: "server",
}

impl ScreenId {
    /// The screen of this name; `None`: no such screen.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|id| id.name() == name)
    }
}
