//! Meaning of a segmentby that is left open, by version, for hypertables and for aggregates.

use crate::model::version::Version;

/// From this version on the choice can be left to the compression of a chunk, and options can be reset.
pub(crate) const LEAVES_OPEN: Version = Version::new(2, 22);

/// From this version on an aggregate's materialization accepts RESET (run on 2.28.3; refused by 2.22.1 and 2.26.4).
pub(crate) const RESETS_AGGREGATES: Version = Version::new(2, 27);

/// From this version on TimescaleDB chooses an open segmentby of a hypertable; up to 2.21 in the ALTER TABLE.
const CHOOSES: Version = Version::new(2, 15);

/// From this version on an open segmentby of an aggregate means none; before, all that it groups by except the time.
pub(crate) const GROUPS_NO_MORE: Version = Version::new(2, 25);

/// Meaning of a segmentby that is left open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Open {
    Nothing,
    /// The columns that an aggregate groups by.
    Grouped,
    /// Chosen when compression is enabled, or when a chunk is compressed.
    Now,
    Later,
}

impl Open {
    /// `ordered`: with an orderby. `enabling`: compression is being enabled, not changed.
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
            Self::Grouped => "the columns that it groups by, except the time",
            Self::Now | Self::Later => "the default",
        }
    }

    /// Text of the note if it was left open.
    pub(super) fn note(self) -> String {
        let name = "name columns that queries filter by, with many rows of each value in a chunk";
        match self {
            Self::Nothing => {
                format!("no column segments the rows, and TimescaleDB chooses none here: {name}")
            }
            Self::Grouped => {
                "TimescaleDB segments by all columns that the aggregate groups by, except the time"
                    .to_owned()
            }
            Self::Now => format!(
                "TimescaleDB chooses segmentby now, by indexes and statistics, or none; {name}"
            ),
            Self::Later => format!(
                "TimescaleDB chooses segmentby when a chunk is compressed, by indexes and statistics; {name}"
            ),
        }
    }
}
