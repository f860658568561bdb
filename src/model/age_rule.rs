//! The age from which a policy acts on a chunk. It counts from the end of the chunk's range, or from the chunk's creation.

use std::fmt;

use crate::model::interval::Interval;
use crate::model::span::Span;

/// Names of a policy's two possible ages, in its configuration, in `add_…_policy` and in the form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    pub after: &'static str,
    pub created: &'static str,
    /// True: if a configuration has both ages, the one since creation applies.
    created_first: bool,
}

pub(crate) static COMPRESS: Keys = Keys {
    after: "compress_after",
    created: "compress_created_before",
    created_first: false,
};

pub(crate) static DROP: Keys = Keys {
    after: "drop_after",
    created: "drop_created_before",
    created_first: true,
};

impl Keys {
    /// Name of the age that applies. `has`: returns whether the configuration has the age of this name.
    pub(crate) fn of(&self, has: impl Fn(&str) -> bool) -> &'static str {
        if has(self.created) && (self.created_first || !has(self.after)) {
            self.created
        } else {
            self.after
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AgeRule {
    After(Span),
    CreatedBefore(Interval),
}

impl AgeRule {
    pub(crate) fn key(self, keys: &Keys) -> &'static str {
        match self {
            Self::After(_) => keys.after,
            Self::CreatedBefore(_) => keys.created,
        }
    }

    pub(crate) fn span(self) -> Span {
        match self {
            Self::After(span) => span,
            Self::CreatedBefore(interval) => Span::Interval(interval),
        }
    }
}

impl fmt::Display for AgeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(span) => write!(f, "{span}"),
            Self::CreatedBefore(_) => write!(f, "{} since creation", self.span()),
        }
    }
}
