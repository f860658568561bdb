//! The fixed times at which a new policy begins, so that all its runs begin in a window of hours.

use crate::model::busy::BusyHours;
use crate::model::plan::{Lit, Plan, Statement};
use crate::model::text;
use crate::model::version::Version;
use crate::server::known::Server;

/// From this version on, `alter_job` sets the fixed times, and resets the time zone unless one is given.
const ALTERS: Version = Version::new(2, 12);

pub(super) struct Slots<'a> {
    pub(super) window: &'a BusyHours,
    pub(super) server: &'a Server,
}

impl Slots<'_> {
    fn zone(&self) -> &str {
        self.window.zone(&self.server.time_zone)
    }

    /// The next begin of the window when the statement runs, as SQL.
    fn next(&self) -> String {
        let zone = text::quote_literal(self.zone());
        let begin = self.window.begin();
        format!(
            "(select min(t.begin) from (select ((now() at time zone {zone})::date + n + time '{begin}') at time zone {zone} as begin \
             from generate_series(0, 2) n) t where t.begin > now())"
        )
    }

    /// Lets the policy that the plan adds, whose id is kept under `job`, begin with the window.
    pub(super) fn begin(&self, plan: &mut Plan, job: &str) {
        let adds = |statement: &Statement| statement.keeps.as_deref() == Some(job);
        let mut steps = plan.steps.iter_mut();
        let Some(step) = steps.find(|step| step.run.iter().any(adds)) else {
            return;
        };
        let zone = text::quote_literal(self.zone());
        let next = self.next();
        if can_alter(self.server) {
            step.run.push(self.alter(
                job,
                &format!(
                    "fixed_schedule => true, initial_start => {next}, timezone => {zone}, next_start => {next}"
                ),
            ));
        } else if let Some(add) = step.run.iter_mut().find(|statement| adds(statement)) {
            let call = add.sql.trim_end_matches(')');
            add.sql = format!("{call}, initial_start => {next}, timezone => {zone})");
        }
    }

    /// The statement that schedules the policy from the next window on, or pauses it.
    pub(super) fn schedule(&self, job: &str, scheduled: bool) -> Statement {
        let mut arguments = format!("scheduled => {scheduled}, next_start => {}", self.next());
        if can_alter(self.server) {
            arguments.push_str(", timezone => ");
            arguments.push_str(&text::quote_literal(self.zone()));
        }
        self.alter(job, &arguments)
    }

    fn alter(&self, job: &str, arguments: &str) -> Statement {
        let function = self.server.function("alter_job");
        Statement::new(
            format!("select job_id from {function}($1::int, {arguments})"),
            vec![Lit::Kept(job.to_owned())],
        )
    }
}

/// False: the begin of a policy that exists cannot be changed.
pub(super) fn can_alter(server: &Server) -> bool {
    server.sql_version() >= ALTERS
}

/// Says in the notes of a new policy when it begins.
pub(super) fn note(plan: &mut Plan, window: &BusyHours, server: &Server) {
    let when = format!("at {} ({})", window.begin(), window.zone(&server.time_zone));
    for note in &mut plan.notes {
        note.text = note.text.replace("within seconds", &when);
    }
}
