//! The fixed schedule of a new policy. The policy begins at the start of a window of hours, or has the schedule of an existing policy that
//! a script adds again.

use crate::actions::call::Call;
use crate::model::busy::BusyHours;
use crate::model::plan::{Lit, Plan, Statement, Step};
use crate::model::setup::objects::Schedule;
use crate::model::text;
use crate::model::version::Version;
use crate::server::known::Server;

/// From this version on, `alter_job` can set a fixed schedule. It also resets the time zone if none is given.
const ALTERS: Version = Version::new(2, 12);

pub(super) struct Slots<'a> {
    pub(super) window: &'a BusyHours,
    pub(super) server: &'a Server,
}

impl Slots<'_> {
    fn zone(&self) -> &str {
        self.window.zone(&self.server.time_zone)
    }

    /// SQL for the time when the window of hours begins next, computed when the statement runs.
    fn next(&self) -> String {
        let zone = text::quote_literal(self.zone());
        let begin = self.window.begin();
        format!(
            "(select min(t.begin) from (select ((now() at time zone {zone})::date + n + time '{begin}') at time zone {zone} as begin \
             from generate_series(0, 2) n) t where t.begin > now())"
        )
    }

    /// Makes the added policy run at the start of the window. `job`: the name under which the plan keeps the policy's id.
    pub(super) fn begin(&self, plan: &mut Plan, job: &str) {
        let Some(step) = adding(plan, job) else {
            return;
        };
        let zone = text::quote_literal(self.zone());
        let next = self.next();
        if can_alter(self.server) {
            let mut call = alter(job, self.server);
            call.raw("fixed_schedule => true");
            call.raw(&format!("initial_start => {next}"));
            call.raw(&format!("timezone => {zone}"));
            call.raw(&format!("next_start => {next}"));
            step.run.push(call.statement());
        } else {
            add_argument(step, job, &format!("initial_start => {next}"));
            add_argument(step, job, &format!("timezone => {zone}"));
        }
    }

    /// The statement that schedules the policy from the next begin of the window on, or pauses the policy.
    pub(super) fn schedule(&self, job: &str, scheduled: bool) -> Statement {
        let mut call = alter(job, self.server);
        call.raw(&format!("scheduled => {scheduled}"));
        call.raw(&format!("next_start => {}", self.next()));
        if can_alter(self.server) {
            let zone = text::quote_literal(self.zone());
            call.raw(&format!("timezone => {zone}"));
        }
        call.statement()
    }
}

/// A call of `alter_job` without changes yet. `job`: the name under which the plan keeps the policy's id.
pub(super) fn alter(job: &str, server: &Server) -> Call {
    let function = server.function("alter_job");
    let mut call = Call::new(format!("select job_id from {function}"));
    call.give("", "int", Lit::Kept(job.to_owned()));
    call
}

/// Gives the added policy the fixed schedule `schedule`, when a script adds an existing policy again. Does nothing if the schedule is not
/// fixed.
pub(super) fn repeat(plan: &mut Plan, job: &str, schedule: &Schedule, server: &Server) {
    let Some(step) = adding(plan, job).filter(|_| schedule.fixed) else {
        return;
    };
    if let Some(initial) = schedule.initial.and_then(text::rfc3339) {
        add_argument(step, job, &format!("initial_start => '{initial}'"));
    }
    if let Some(zone) = &schedule.zone {
        let zone = format!("timezone => {}", text::quote_literal(zone));
        add_argument(step, job, &zone);
        // If the step calls `alter_job` after it has added the policy, `alter_job` resets the time zone. So the time zone is set again.
        if can_alter(server) && step.run.len() > 1 {
            let mut call = alter(job, server);
            call.raw(&zone);
            step.run.push(call.statement());
        }
    }
}

/// The step that adds the policy. `job`: the name under which the plan keeps the policy's id.
fn adding<'a>(plan: &'a mut Plan, job: &str) -> Option<&'a mut Step> {
    let adds = |statement: &Statement| statement.keeps.as_deref() == Some(job);
    let mut steps = plan.steps.iter_mut();
    steps.find(|step| step.run.iter().any(adds))
}

/// Adds a last argument to the call that adds the policy.
fn add_argument(step: &mut Step, job: &str, argument: &str) {
    let mut statements = step.run.iter_mut();
    let add = statements.find(|statement| statement.keeps.as_deref() == Some(job));
    if let Some(add) = add
        && let Some(call) = add.sql.strip_suffix(')')
    {
        add.sql = format!("{call}, {argument})");
    }
}

/// True if this version can change the time at which an existing policy begins.
pub(super) fn can_alter(server: &Server) -> bool {
    server.sql_version() >= ALTERS
}

/// Corrects the time of the first run in the notes of a new policy.
pub(super) fn note(plan: &mut Plan, window: &BusyHours, server: &Server) {
    let when = format!("at {} ({})", window.begin(), window.zone(&server.time_zone));
    for note in &mut plan.notes {
        note.text = note.text.replace("within seconds", &when);
    }
}
