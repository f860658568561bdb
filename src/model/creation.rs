//! Retention policies by the creation of chunks (`drop_created_before` alone), whose configuration TimescaleDB may misread.

use serde::{Deserialize, Serialize};

use crate::model::version::Version;

/// Time of what such a policy is on. Source: `queries/shared/creation.sql`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByCreation {
    /// It is an integer.
    pub integer: bool,
    /// It has an `integer_now_func`; of an aggregate that of the table at the root of its hierarchy.
    pub has_now: bool,
}

impl ByCreation {
    /// Where such a policy can neither run nor be altered. `None`: here it can.
    pub fn fails(self, version: Version) -> Option<&'static str> {
        let fixed = Version {
            patch: 3,
            ..Version::new(2, 26)
        };
        if self.integer {
            self.has_now
                .then_some("where integer time has an integer_now_func")
        } else {
            (version < fixed).then_some("on a time dimension before TimescaleDB 2.26.3")
        }
    }

    /// That such a policy always fails here, and what to use. `None`: here it does not.
    pub fn always_fails(self, version: Version) -> Option<String> {
        let place = self.fails(version)?;
        let number = if self.integer { " with a number" } else { "" };
        Some(format!("always fails {place}: use drop_after{number}"))
    }
}
