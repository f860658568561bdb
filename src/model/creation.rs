//! Retention policies with `drop_created_before` alone. TimescaleDB misreads their configuration in some cases.

use serde::{Deserialize, Serialize};

use crate::model::version::Version;

/// The time dimension of a hypertable or aggregate whose retention policy has `drop_created_before` alone. From
/// `queries/shared/creation.sql`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByCreation {
    /// The dimension has an integer type.
    integer: bool,
    /// The hypertable has an `integer_now_func`. For an aggregate: the hypertable at the root of its hierarchy has one.
    has_now: bool,
}

impl ByCreation {
    /// The case in which a retention policy with `drop_created_before` alone can neither run nor be altered, as the end of a sentence.
    /// `None`: the policy works.
    pub(crate) fn fails(self, version: Version) -> Option<&'static str> {
        let fixed = Version {
            patch: 3,
            ..Version::new(2, 26)
        };
        if self.integer {
            self.has_now
                .then_some("on integer time with an integer_now_func")
        } else {
            (version < fixed).then_some("on a time dimension before TimescaleDB 2.26.3")
        }
    }

    /// Text saying that a retention policy with `drop_created_before` alone always fails, with the remedy; `None`: the policy works.
    pub(crate) fn always_fails(self, version: Version) -> Option<String> {
        let place = self.fails(version)?;
        let number = if self.integer { " with a number" } else { "" };
        Some(format!("always fails {place}: use drop_after{number}"))
    }
}
