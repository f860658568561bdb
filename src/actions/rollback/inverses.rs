//! The inverse steps of a journal entry.

use anyhow::{Result, bail};

use crate::journal::Entry;
use crate::model::plan::{Lit, Step, inverse};

/// The steps that undo the steps `done`, newest first, with the recorded values as parameters.
pub(super) fn inverses(entry: &Entry, done: &[usize]) -> Result<Vec<Step>> {
    let (id, kept) = (entry.begin.id, entry.kept());
    let mut steps = Vec::new();
    for &at in done.iter().rev() {
        let step = entry.begin.plan.steps.get(at);
        let back = step.and_then(|step| inverse(std::slice::from_ref(step)).pop());
        steps.extend(back.map(|back| Step {
            undoes: Some((id, at)),
            ..back
        }));
    }
    if steps.is_empty() {
        bail!(
            "entry {id} ({}) changed nothing, as far as the journal knows: there is nothing to roll back",
            entry.state()
        );
    }
    let statements = steps.iter().flat_map(|step| &step.run);
    let made: Vec<String> = statements.filter_map(|one| one.keeps.clone()).collect();
    for param in steps
        .iter_mut()
        .flat_map(|step| &mut step.run)
        .flat_map(|statement| &mut statement.params)
    {
        let Lit::Kept(name) = param else { continue };
        let Some(value) = kept.get(name) else {
            // An earlier statement of the same undo returns this value.
            if made.contains(name) {
                continue;
            }
            bail!(
                "entry {id} was interrupted before the journal recorded the id of the new object ({name}). Check {}, and undo it by hand",
                entry.begin.plan.target
            );
        };
        let job = value.parse().ok().filter(|_| name.starts_with("job"));
        *param = job.map_or_else(|| Lit::Text(value.clone()), Lit::Job);
    }
    Ok(steps)
}
