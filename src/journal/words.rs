//! Text of an entry for the command line and the Journal's details.

use super::entry::Entry;
use crate::journal::acknowledge::Wanted;
use crate::model::plan::{Step, inverse, script};
use crate::model::text::{printable, printable_lines, written_moment};

impl Entry {
    /// The entry as lines of text.
    pub fn lines(&self) -> Vec<String> {
        let begin = &self.begin;
        let mut lines = vec![
            format!("entry {}: {}", begin.id, begin.plan.title),
            format!(
                "{} at {} by {} in {} on {}",
                match (&begin.acknowledges, self.rolled_back_by) {
                    (Some(what), _) => what.word(),
                    // The line has the time of the action, so a rolled back entry is shown as done. A later line names the rollback.
                    (None, Some(_)) => "done",
                    (None, None) => self.state(),
                },
                written_moment(&begin.at),
                begin.role,
                begin.place.database,
                begin.place.words()
            ),
        ];
        // Names stay on one line; statements and server errors may have several lines.
        for line in &mut lines {
            *line = printable(line);
        }
        if !begin.inputs.is_empty() {
            lines.push(printable(&format!("with {}", begin.inputs)));
        }
        lines.extend(match &begin.acknowledges {
            Some(what) => self.finding(what),
            None => self.steps(),
        });
        lines.iter().map(|line| printable_lines(line)).collect()
    }

    fn finding(&self, what: &Wanted) -> Vec<String> {
        let mut lines = vec![
            printable(&format!(
                "the finding: {} of {}, {}",
                what.rule,
                what.key,
                what.level.name()
            )),
            format!("found on screen {}", what.screen),
        ];
        if let Some(ended) = &self.ended {
            let (why, at, role) = (ended.why.name(), written_moment(&ended.at), &ended.role);
            lines.push(format!(
                "no longer in effect: {why} at {at}, recorded by role {role}"
            ));
        }
        lines
    }

    fn steps(&self) -> Vec<String> {
        let statements = |steps: &[Step]| {
            let all = script(steps).into_iter().take(500);
            all.map(|statement| format!("  {statement}"))
        };
        let plan = &self.begin.plan;
        let mut lines = vec!["ran".to_owned()];
        lines.extend(statements(&plan.steps));
        let (done, all) = (self.done().len(), plan.steps.len());
        if done < all {
            lines.push(format!("{done} of {all} steps certainly took effect"));
        }
        for ran in &self.ran {
            if let Some(error) = &ran.error {
                lines.push(format!("step {} failed: {error}", ran.step + 1));
            }
        }
        if let Some(error) = self.end.as_ref().and_then(|end| end.error.as_ref()) {
            lines.push(format!("error: {error}"));
        }
        lines.push(plan.undo.heading().to_owned());
        lines.push(format!("  {}", plan.undo.text()));
        lines.extend(statements(&inverse(&self.done())));
        if let Some(by) = self.rolled_back_by {
            lines.push(format!("rolled back by entry {by}"));
        }
        lines
    }
}
