//! An entry of a policy file (`[[hypertable]]` or `[[aggregate]]`), and the object that it describes.

use crate::model::setup::change::{Change, Field, What};
use crate::model::setup::file::Wanted;
use crate::model::setup::name::Name;
use crate::model::setup::reason::Reasons;
use crate::model::setup::wish::{Entry, Setting};

use super::ground::Ground;

#[derive(Clone, Copy)]
pub(super) struct Compared<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) entry: &'a Entry,
    pub(super) name: &'a Name,
    pub(super) ground: &'a Ground<'a>,
}

impl<'a> Compared<'a> {
    pub(super) fn new(
        wanted: &'a Wanted,
        ground: &'a Ground<'a>,
        (name, entry): &'a (Name, Entry),
    ) -> Self {
        Self {
            wanted,
            entry,
            name,
            ground,
        }
    }

    pub(super) fn change(&self, what: What, fields: Vec<Field>) -> Change {
        Change::new(self.name, what, fields)
    }

    /// An error of the entry, with its line in the file.
    pub(super) fn says(&self, why: &str) -> String {
        self.entry.at.says(&format!("{}: {why}", self.name))
    }

    /// The changes with their reasons, then the change of the object's comment. New compression and retention policies also get the window
    /// in which they begin.
    pub(super) fn whole(&self, changes: Vec<Change>) -> impl Iterator<Item = Change> {
        let changes = changes.into_iter().map(|change| Change {
            why: self.why(&change.what),
            window: match &change.what {
                What::AddCompress(_) | What::AddRetain(_) => {
                    self.wanted.window(self.entry).cloned()
                }
                _ => change.window,
            },
            ..change
        });
        changes.chain(self.described())
    }

    /// The reason that the file gives for a change: that of the policy, or else that of the object.
    fn why(&self, what: &What) -> Option<String> {
        let own = match what {
            What::AddRetain(_) | What::EditRetain(..) => match &self.entry.retain {
                Some(Setting::To(retain)) => retain.why.clone(),
                _ => None,
            },
            What::AddCompress(_) | What::EditCompress(..) => match &self.entry.compress {
                Some(Setting::To(compress)) => compress.why.clone(),
                _ => None,
            },
            _ => None,
        };
        own.or_else(|| self.entry.why.clone())
    }

    /// The change of the object's comment, if the file wants the reasons kept in comments.
    fn described(&self) -> Option<Change> {
        if self.wanted.comments != Some(true) || self.entry.absent == Some(true) {
            return None;
        }
        let ground = self.ground;
        let old = ground.present.comment(self.name);
        let old = old.or_else(|| ground.tables.get(self.name)?.comment.as_ref());
        let was = old.map_or_else(Reasons::default, |comment| Reasons::read(comment));
        let shall = Reasons::wanted(self.entry, &was);
        if was == shall {
            return None;
        }
        let both = was.each().into_iter().zip(shall.each());
        let fields = both.filter(|((_, was), (_, shall))| was != shall);
        let fields = fields
            .map(|((key, was), (_, shall))| Field::new(key, was.cloned(), shall.cloned()))
            .collect();
        let what = What::Describe {
            old: old.cloned(),
            new: Some(shall.to_string()).filter(|text| !text.is_empty()),
        };
        Some(self.change(what, fields))
    }
}
