//! Lock modes, their effect on other sessions, and the relations that a plan locks.

use serde::{Deserialize, Serialize};

/// A lock mode, as PostgreSQL names it in `pg_locks`, in order of strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mode {
    AccessShare,
    RowShare,
    RowExclusive,
    ShareUpdateExclusive,
    Share,
    ShareRowExclusive,
    Exclusive,
    AccessExclusive,
}

impl Mode {
    const ALL: [Self; 8] = [
        Self::AccessShare,
        Self::RowShare,
        Self::RowExclusive,
        Self::ShareUpdateExclusive,
        Self::Share,
        Self::ShareRowExclusive,
        Self::Exclusive,
        Self::AccessExclusive,
    ];

    /// From `pg_locks.mode`: `AccessShareLock`.
    pub(crate) fn parse(mode: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|one| format!("{one:?}Lock") == mode)
    }

    /// The modes that conflict with this one, as in `pg_locks.mode`.
    pub(crate) fn conflicting(self) -> impl Iterator<Item = String> {
        let all = Self::ALL.into_iter();
        all.filter(move |one| self.conflicts(*one))
            .map(|one| format!("{one:?}Lock"))
    }

    /// `ACCESS EXCLUSIVE`, as the manual writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AccessShare => "ACCESS SHARE",
            Self::RowShare => "ROW SHARE",
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    pub(crate) fn effect(self) -> &'static str {
        match self {
            Self::AccessShare | Self::RowShare | Self::RowExclusive => "reads and writes go on",
            Self::ShareUpdateExclusive => "reads and writes go on, other maintenance waits",
            Self::Share | Self::ShareRowExclusive | Self::Exclusive => "reads go on, writes wait",
            Self::AccessExclusive => "reads and writes wait",
        }
    }

    /// Whether two lock modes conflict, as in PostgreSQL's table of conflicting lock modes.
    pub(crate) fn conflicts(self, other: Self) -> bool {
        use Mode::{
            AccessExclusive, AccessShare, Exclusive, RowExclusive, RowShare, Share,
            ShareRowExclusive, ShareUpdateExclusive,
        };
        let with: &[Mode] = match self {
            AccessShare => &[AccessExclusive],
            RowShare => &[Exclusive, AccessExclusive],
            RowExclusive => &[Share, ShareRowExclusive, Exclusive, AccessExclusive],
            ShareUpdateExclusive => &[
                ShareUpdateExclusive,
                Share,
                ShareRowExclusive,
                Exclusive,
                AccessExclusive,
            ],
            Share => &[
                RowExclusive,
                ShareUpdateExclusive,
                ShareRowExclusive,
                Exclusive,
                AccessExclusive,
            ],
            ShareRowExclusive => &[
                RowExclusive,
                ShareUpdateExclusive,
                Share,
                ShareRowExclusive,
                Exclusive,
                AccessExclusive,
            ],
            Exclusive => &[
                RowShare,
                RowExclusive,
                ShareUpdateExclusive,
                Share,
                ShareRowExclusive,
                Exclusive,
                AccessExclusive,
            ],
            AccessExclusive => &Self::ALL,
        };
        with.contains(&other)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    /// Oid of the relation; 0: unknown.
    pub(crate) oid: i64,
    pub name: String,
    /// The strongest lock mode that the plan takes on the relation.
    pub mode: Mode,
    /// Number (from 0) of the only step that locks the relation; `None`: any step may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_modes_conflict_as_the_manual_says() {
        use Mode::{AccessExclusive, AccessShare, RowExclusive, ShareUpdateExclusive};
        assert!(AccessExclusive.conflicts(AccessShare));
        assert!(!RowExclusive.conflicts(AccessShare));
        assert!(ShareUpdateExclusive.conflicts(ShareUpdateExclusive));
        for a in Mode::ALL {
            for b in Mode::ALL {
                assert_eq!(a.conflicts(b), b.conflicts(a), "{a:?} {b:?}");
            }
        }
        assert_eq!(Mode::parse("AccessShareLock"), Some(AccessShare));
    }
}
