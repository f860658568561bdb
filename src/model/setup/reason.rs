//! The reasons for the settings of a hypertable or aggregate, stored in its comment: first the reason for the object, then one line for
//! each policy that has a reason.

use std::fmt;

use crate::model::setup::wish::{Entry, Setting};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reasons {
    pub own: Option<String>,
    pub compress: Option<String>,
    pub retain: Option<String>,
}

const COMPRESS: &str = "compress: ";
const RETAIN: &str = "retain: ";

impl Reasons {
    /// Reads the reasons out of a COMMENT ON text. Any role may have written it, in any form.
    pub(crate) fn read(comment: &str) -> Self {
        let mut lines: Vec<&str> = comment.trim().lines().collect();
        let mut found = Self::default();
        while let Some(last) = lines.last() {
            if let (Some(why), None) = (last.strip_prefix(RETAIN), &found.retain) {
                found.retain = Some(why.to_owned());
            } else if let (Some(why), None) = (last.strip_prefix(COMPRESS), &found.compress) {
                found.compress = Some(why.to_owned());
            } else {
                break;
            }
            lines.pop();
        }
        found.own = Some(lines.join("\n")).filter(|own| !own.trim().is_empty());
        found
    }

    /// The reasons `was`, replaced by those that an entry of a policy file has. A policy that the file removes has no reason.
    pub(super) fn wanted(entry: &Entry, was: &Self) -> Self {
        let line = |why: &Option<String>| why.as_ref().map(|why| why.replace('\n', " "));
        let compress = match &entry.compress {
            Some(Setting::None) => None,
            Some(Setting::To(to)) => line(&to.why).or_else(|| was.compress.clone()),
            None => was.compress.clone(),
        };
        let retain = match &entry.retain {
            Some(Setting::None) => None,
            Some(Setting::To(to)) => line(&to.why).or_else(|| was.retain.clone()),
            None => was.retain.clone(),
        };
        // Printed and read again, so that it equals the reasons that are later read from the comment.
        let own = entry.why.clone().or_else(|| was.own.clone());
        let all = Self {
            own,
            compress,
            retain,
        };
        Self::read(&all.to_string())
    }

    /// The reasons with the names of their keys in a policy file.
    pub(crate) fn each(&self) -> [(&'static str, Option<&String>); 3] {
        [
            ("why", self.own.as_ref()),
            ("compress.why", self.compress.as_ref()),
            ("retain.why", self.retain.as_ref()),
        ]
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.own.iter().cloned();
        let compress = self.compress.iter().map(|why| format!("{COMPRESS}{why}"));
        let retain = self.retain.iter().map(|why| format!("{RETAIN}{why}"));
        let lines: Vec<String> = own.chain(compress).chain(retain).collect();
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_read_as_it_was_written() {
        let some = |text: &str| Some(text.to_owned());
        let all = Reasons {
            own: some("~1000 samples/s\nof the plant"),
            compress: some("late rows for 5 days"),
            retain: some("regulatory minimum"),
        };
        for reasons in [
            Reasons::default(),
            Reasons {
                own: None,
                ..all.clone()
            },
            Reasons {
                compress: None,
                ..all.clone()
            },
            all.clone(),
        ] {
            assert_eq!(Reasons::read(&reasons.to_string()), reasons);
        }
        let others = Reasons::read("Samples.\nretain: it is said below\nby others");
        assert_eq!(others.retain, None);
    }
}
