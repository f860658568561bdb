//! Edits a job. Only changed settings are passed to `alter_job`, and the undo restores only these.

use serde_json::Value as Json;

use super::facts::JobFacts;
use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::{Change, Job, Slots};
use crate::actions::form::{Field, FieldType, Form, Inputs};
use crate::actions::policy::rule::longer_than_nothing;
use crate::model::interval::Interval;
use crate::model::moment::Axis;
use crate::model::plan::{Changed, Consent, Plan, Step, Undo};
use crate::model::span::Span;
use crate::model::verdict::Level;
use crate::model::version::Version;

pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let known = JobFacts::of(context)?;
    let job = &known.job;
    if let Some(refusal) = job.unalterable(context) {
        return Err(refusal);
    }
    let interval = |name, label, value: &str| Field::new(name, label, FieldType::Interval, value);
    let config = job.config.as_ref().map_or_else(String::new, |config| {
        serde_json::to_string_pretty(config).unwrap_or_default()
    });
    let mut fields = vec![
        interval("schedule_interval", "Every", &job.schedule_interval)
            .help("time from one run to the next"),
        interval("max_runtime", "Runs at most", &job.max_runtime)
            .help("a run is stopped after this time; 0s: no limit"),
        Field::new(
            "max_retries",
            "Retries",
            FieldType::Integer,
            job.max_retries.to_string(),
        )
        .help("failures in a row until it is paused; -1: no limit"),
        interval("retry_period", "Retry after", &job.retry_period)
            .help("wait after a failure; longer after each further failure"),
        moment("next_start", "Next start", "").help(format!(
            "a time (in {} unless it has an offset), or now; empty: unchanged ({})",
            context.at.server.time_zone,
            job.next_start.as_deref().unwrap_or("never planned")
        )),
        Field::new("config", "Configuration", FieldType::Json, config)
            .optional()
            .help("the policy's or procedure's own settings; empty: unchanged"),
    ];
    // `alter_job` of 2.11 has no arguments for these three fields.
    if context.at.server.sql_version() >= Version::new(2, 12) {
        fields.extend(slots(job, &context.at.server.time_zone));
    }
    Ok(Form::new(fields))
}

fn moment(name: &'static str, label: &'static str, value: &str) -> Field {
    Field::new(name, label, FieldType::Time(Axis::TimestampTz), value).optional()
}

fn slots(job: &Job, zone: &str) -> [Field; 3] {
    let fixed = if job.fixed_schedule { "yes" } else { "no" };
    [
        Field::new("fixed_schedule", "Fixed schedule", FieldType::Flag, fixed).help(
            "yes: at fixed times counted from the initial start; no: one interval after the last run",
        ),
        moment(
            "initial_start",
            "Slots begin at",
            job.initial_start.as_deref().unwrap_or_default(),
        )
        .help(format!(
            "the first slot of a fixed schedule (in {zone} unless it has an offset); empty: now"
        )),
        Field::new(
            "timezone",
            "Time zone",
            FieldType::Text,
            job.timezone.clone().unwrap_or_default(),
        )
        .optional()
        .help("time zone for slots of days and months; empty: none"),
    ]
}

pub(super) fn plan(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = JobFacts::of(context)?;
    let job = &known.job;
    if let Some(refusal) = job.unalterable(context) {
        return Err(refusal);
    }
    let edit = Edit::of(job, inputs)?;
    if edit.change == Change::default() {
        return Err(stands(context, &known));
    }
    let step = Step::new(
        format!("edit {}", job.describe()),
        vec![job.alter(context, &edit.change)],
        vec![job.alter(context, &edit.back)],
    );
    let undo = edit.lost(job).map_or_else(
        || Undo::Exact("each changed setting is restored".to_owned()),
        |lost| Undo::Partly(lost.to_owned()),
    );
    let mut changed = job.changed(&edit.change);
    if let Some(at) = &edit.change.next_start {
        let was = job.next_start.as_deref().unwrap_or_default();
        changed.extend(Changed::of("next_start", was, at));
    }
    let mut plan = Plan::changing_settings(&job.describe(), changed, vec![step], undo)
        .changing(&edit.pointers);
    if let Some(config) = &edit.change.config {
        let checked = known.check(config)?;
        plan.notes.extend(checked.notes);
        plan.consent = plan.consent.max(checked.consent.unwrap_or(Consent::Enter));
    }
    if edit.change.next_start.is_none()
        && edit.change.slots.as_ref().is_some_and(|slots| slots.fixed)
    {
        plan = plan.note(
            Level::Notice,
            "its next start becomes the first new slot in the future",
        );
    }
    if known.pid.is_some() {
        plan = plan.note(Level::Notice, "the run in progress keeps the old settings");
    }
    Ok(known.warned(context, known.altering(plan)))
}

/// Refusal because nothing would change, with notes on the present configuration.
fn stands(context: &Context, known: &JobFacts) -> Refusal {
    let bare = Plan::new("", Vec::new(), Undo::Needless(String::new()));
    let mut plan = known.warned(context, bare);
    let config = known.job.config.as_ref();
    match config.map(|config| known.check(config)) {
        Some(Ok(checked)) => plan.notes.extend(checked.notes),
        Some(Err(wrong)) => plan = plan.note(Level::Warning, wrong.why),
        None => {}
    }
    Refusal::unchanged(known.job.already_so(), plan.notes)
}

/// The change, its undo, and the JSON pointers of the changed settings.
#[derive(Debug, Default)]
struct Edit {
    change: Change,
    back: Change,
    pointers: Vec<&'static str>,
}

impl Edit {
    fn of(job: &Job, inputs: &Inputs) -> Result<Self, Refusal> {
        let mut edit = Self::default();
        let every = changed(inputs, "schedule_interval", &job.schedule_interval);
        if let Some((was, now)) = every {
            positive("schedule_interval", &now)?;
            edit.pointers.push("/schedule_interval");
            (edit.change.schedule_interval, edit.back.schedule_interval) = (Some(now), Some(was));
        }
        if let Some((was, now)) = changed(inputs, "max_runtime", &job.max_runtime) {
            not_negative("max_runtime", &now)?;
            edit.pointers.push("/max_runtime");
            (edit.change.max_runtime, edit.back.max_runtime) = (Some(now), Some(was));
        }
        if let Some((was, now)) = changed(inputs, "retry_period", &job.retry_period) {
            positive("retry_period", &now)?;
            edit.pointers.push("/retry_period");
            (edit.change.retry_period, edit.back.retry_period) = (Some(now), Some(was));
        }
        let retries = inputs.integer("max_retries").unwrap_or(job.max_retries);
        if retries != job.max_retries {
            if i32::try_from(retries).is_err() || retries < -1 {
                return Err(
                    format!("max_retries: {retries} is out of range; -1 means no limit").into(),
                );
            }
            edit.pointers.push("/max_retries");
            edit.change.max_retries = Some(retries);
            edit.back.max_retries = Some(job.max_retries);
        }
        edit.next_start(inputs)?;
        edit.config(job, inputs)?;
        edit.slots(job, inputs)?;
        edit.back.zone_kept = edit.back.slots.is_none();
        Ok(edit)
    }

    fn next_start(&mut self, inputs: &Inputs) -> Result<(), Refusal> {
        let Some(at) = inputs.text("next_start") else {
            return Ok(());
        };
        if at.contains("infinity") {
            return Err("next_start: a time is required; to stop the job, use pause-job".into());
        }
        self.change.next_start = Some(at.to_owned());
        self.back.next_start_moved = Some(at.to_owned());
        self.back.next_start_back = true;
        Ok(())
    }

    fn config(&mut self, job: &Job, inputs: &Inputs) -> Result<(), Refusal> {
        let Some(text) = inputs.text("config") else {
            return Ok(());
        };
        let config: Json =
            serde_json::from_str(text).map_err(|error| format!("config: not JSON: {error}"))?;
        if job.config.as_ref() == Some(&config) {
            return Ok(());
        }
        self.pointers.push("/config");
        self.back.config.clone_from(&job.config);
        self.change.config = Some(config);
        Ok(())
    }

    fn slots(&mut self, job: &Job, inputs: &Inputs) -> Result<(), Refusal> {
        // On 2.11 the form has no fields for the schedule's slots.
        if inputs.text("fixed_schedule").is_none() {
            return Ok(());
        }
        let was = job.slots();
        let given = |name: &str| inputs.text(name).map(str::to_owned);
        let now = Slots {
            fixed: inputs.flag("fixed_schedule"),
            initial_start: given("initial_start"),
            timezone: given("timezone"),
        };
        if now == was {
            return Ok(());
        }
        if now.initial_start != was.initial_start && !now.fixed {
            return Err(
                "initial_start is where the slots of a fixed schedule begin: set fixed_schedule=yes, or leave initial_start unchanged".into(),
            );
        }
        if now
            .initial_start
            .as_deref()
            .is_some_and(|at| at.contains("infinity"))
        {
            return Err("initial_start: a time is required".into());
        }
        if now.fixed != was.fixed {
            self.pointers.push("/fixed_schedule");
        }
        // A schedule that becomes fixed without an initial start gets the present time as its initial start.
        if now.initial_start != was.initial_start || (now.fixed && now.initial_start.is_none()) {
            self.pointers.push("/initial_start");
        }
        if now.timezone != was.timezone {
            self.pointers.push("/timezone");
        }
        (self.change.slots, self.back.slots) = (Some(now), Some(was));
        self.back.next_start_back = true;
        Ok(())
    }

    /// The reason why the undo cannot restore one of the settings. `None`: it restores all of them.
    fn lost(&self, job: &Job) -> Option<&'static str> {
        if self.change.config.is_some() && job.config.is_none() {
            // `alter_job` takes NULL as "no change".
            return Some(
                "the job had no configuration, and alter_job cannot remove one: the new configuration would stay",
            );
        }
        if self.pointers.contains(&"/initial_start") && job.initial_start.is_none() {
            return Some(
                "the job had no initial start, and alter_job cannot remove one: the new initial start would stay, without effect on a schedule that is not fixed",
            );
        }
        let planned = job
            .next_start
            .as_deref()
            .is_some_and(|at| at != "-infinity");
        (self.change.next_start.is_some() && !planned)
            .then_some("the job had no next start to restore: the new next start would stay")
    }
}

/// The old and the typed interval. `None`: they are equal, or the field is empty.
fn changed(inputs: &Inputs, field: &str, was: &str) -> Option<(String, String)> {
    let now = inputs.text(field)?;
    let same =
        Interval::parse(was).is_ok_and(|was| Interval::parse(now).is_ok_and(|now| was == now));
    (!same).then(|| (was.to_owned(), now.to_owned()))
}

fn positive(field: &str, text: &str) -> Result<(), Refusal> {
    let interval = Interval::parse(text).unwrap_or_default();
    longer_than_nothing(field, Span::Interval(interval)).map(drop)
}

fn not_negative(field: &str, text: &str) -> Result<(), Refusal> {
    match Interval::parse(text) {
        Ok(interval) if interval.seconds() >= 0.0 => Ok(()),
        _ => Err(format!("{field}: {text} is negative; 0s means no limit").into()),
    }
}
