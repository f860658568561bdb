//! Effect of a segmentby that is not set, by version, for hypertables and for aggregates.

use crate::model::version::{LEAVES_OPEN, Version};

/// From this version on, an aggregate's materialization hypertable accepts RESET. Measured: 2.28.3 accepts it, 2.22.1 and 2.26.4 do not.
pub(super) const RESETS_AGGREGATES: Version = Version::new(2, 27);

/// From this version on, TimescaleDB chooses the missing segmentby of a hypertable. Up to 2.21, ALTER TABLE chooses. Later, the choice is
/// made when a chunk is compressed.
const CHOOSES: Version = Version::new(2, 15);

/// From this version on, a missing segmentby of an aggregate means no segmentby. Before, it means all columns of the aggregate's GROUP BY
/// except the time.
pub(super) const GROUPS_NO_MORE: Version = Version::new(2, 25);

/// Effect of a segmentby that is not set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Open {
    Nothing,
    /// The columns of the aggregate's GROUP BY, except the time.
    Grouped,
    /// TimescaleDB chooses when compression is enabled.
    Now,
    /// TimescaleDB chooses whenever a chunk is compressed.
    Later,
}

impl Open {
    /// `ordered`: orderby is set. `enabling`: compression is being enabled, not changed.
    pub(super) fn of(aggregate: bool, version: Version, ordered: bool, enabling: bool) -> Self {
        if aggregate && (enabling || version >= LEAVES_OPEN && !ordered) {
            if version < GROUPS_NO_MORE {
                return Self::Grouped;
            }
            if enabling || version < RESETS_AGGREGATES {
                return Self::Nothing;
            }
        }
        match version {
            _ if version >= LEAVES_OPEN && !ordered => Self::Later,
            _ if version >= CHOOSES && version < LEAVES_OPEN && enabling => Self::Now,
            _ => Self::Nothing,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Grouped => "the columns that the aggregate groups by, except the time",
            Self::Now | Self::Later => "the default",
        }
    }

    /// Note for a plan whose segmentby is not set.
    pub(super) fn note(self) -> String {
        let name = "better set it to columns by which queries filter, and that have many rows per value in each chunk";
        match self {
            Self::Nothing => {
                format!("no segmentby, and TimescaleDB chooses none here: {name}")
            }
            Self::Grouped => {
                "TimescaleDB takes all columns that the aggregate groups by, except the time, as segmentby"
                    .to_owned()
            }
            Self::Now => format!(
                "when this runs, TimescaleDB chooses segmentby by indexes and statistics, or leaves it empty; {name}"
            ),
            Self::Later => format!(
                "TimescaleDB chooses segmentby when a chunk is compressed, by indexes and statistics; {name}"
            ),
        }
    }
}
