//! Refreshes: of a window, of what is behind, of a whole hierarchy.

use super::bucket::Buckets;
use super::guard::{self, Lost, Window};
use super::{Facts, Level, clock, offset, since};
use crate::form::{Field, Form, Inputs, Kind};
use crate::plan::{Lit, Mode, Plan, Statement, Step, Undo};
use crate::plans::{Context, Refusal};
use crate::text;
use crate::value::Axis;
use crate::verdict::Level as Weight;

const NEEDLESS: &str = "a refresh only brings the aggregate up to its source; what it replaces can be computed again";

/// An aggregate with all that its windows depend on.
struct Place<'a> {
    level: &'a Level,
    buckets: Buckets,
    now: Option<i64>,
    lost: Vec<Lost>,
}

impl<'a> Place<'a> {
    fn of(facts: &Facts, level: &'a Level, context: &Context) -> Result<Self, Refusal> {
        let buckets = Buckets::of(level)?;
        Ok(Self {
            lost: guard::lost(facts, level, &buckets, context),
            now: facts.now(level, context),
            level,
            buckets,
        })
    }

    fn axis(&self) -> Axis {
        self.level.axis()
    }

    fn show(&self, window: Window) -> String {
        let side = |at: Option<i64>, open: &str| {
            at.map_or_else(|| open.to_owned(), |at| clock::show(self.axis(), at))
        };
        format!(
            "{} to {}",
            side(window.from, "the beginning"),
            side(window.to, "the end")
        )
    }

    /// Now less the end offset of the policy, in whole buckets.
    fn end(&self) -> Result<i64, Refusal> {
        let Some(now) = self.now else {
            return Err(format!(
                "what is now on {}'s integer time cannot be told (no integer_now_func, or no right to run it): use refresh-aggregate with from and to",
                self.level.name
            )
            .into());
        };
        let back = self.level.newest_policy().and_then(|job| offset(job, "end_offset"));
        let end = match back {
            None => Some(now),
            Some(back) => clock::back(self.axis(), now, &back),
        };
        end.and_then(|end| self.buckets.floor(end)).ok_or_else(|| {
            Refusal::new(format!(
                "where {} should end now cannot be told: use refresh-aggregate with from and to",
                self.level.name
            ))
        })
    }

    /// From the first place that waits to where the aggregate should be now; `None`: nothing waits.
    fn behind(&self) -> Result<Option<Window>, Refusal> {
        let end = self.end()?;
        let next = match self.level.refreshed() {
            Some(at) => Some(at),
            // Never refreshed: all that there is.
            None => self.level.source_from,
        };
        let from = [next, self.level.pending_from]
            .into_iter()
            .flatten()
            .min()
            .and_then(|at| self.buckets.floor(at));
        Ok(from.filter(|from| *from < end).map(|from| Window {
            from: Some(from),
            to: Some(end),
        }))
    }

    fn step(&self, context: &Context, window: Window, force: bool) -> Result<Step, Refusal> {
        let kind = match self.axis() {
            Axis::TimestampTz => "timestamptz",
            Axis::Timestamp => "timestamp",
            Axis::Date => "date",
            Axis::Integer => self.level.axis.as_str(),
        };
        let side = |at: Option<i64>| match at {
            None => Ok(Lit::Null),
            Some(at) => clock::literal(self.axis(), at)
                .map(Lit::Text)
                .ok_or_else(|| Refusal::new("the window is beyond what a calendar has")),
        };
        let more = if force { ", force => true" } else { "" };
        let sql = format!(
            "call {}($1::regclass, $2::{kind}, $3::{kind}{more})",
            context.function("refresh_continuous_aggregate")
        );
        let params = vec![
            Lit::from(self.level.name.clone()),
            side(window.from)?,
            side(window.to)?,
        ];
        let label = format!("refresh {}, {}", self.level.name, self.show(window));
        Ok(Step::new(label, vec![Statement::new(sql, params)], Vec::new()).plain())
    }

    fn touch(&self, context: &Context, plan: Plan) -> Plan {
        let mode = if since(context, 2, 18) {
            Mode::ShareUpdateExclusive
        } else {
            Mode::Exclusive
        };
        plan.touching(self.level.mat_oid, self.level.mat_name.clone(), mode)
            .touching(self.level.source_oid, self.level.source.clone(), Mode::AccessShare)
    }

    /// How much it is: buckets, and chunks of the source.
    fn amount(&self, window: Window) -> String {
        let level = self.level;
        let known_from = level.slices.last().map(|slice| slice.0);
        let complete = level.slices.iter().map(|slice| slice.2).sum::<i64>() == level.source_chunks
            || window.from.zip(known_from).is_some_and(|(from, known)| from >= known);
        let chunks: i64 = level
            .slices
            .iter()
            .filter(|(low, high, _)| {
                window.from.is_none_or(|from| from < *high) && window.to.is_none_or(|to| *low < to)
            })
            .map(|slice| slice.2)
            .sum();
        let at_least = if complete { "" } else { "at least " };
        let buckets = window
            .from
            .zip(window.to)
            .and_then(|(from, to)| self.buckets.between(from, to))
            .map_or_else(String::new, |number| {
                format!("{} of {}, ", text::plural(number, "bucket"), self.buckets.text)
            });
        format!(
            "{buckets}over {at_least}{} of {}; only what changed there is computed again",
            text::plural(chunks, "chunk"),
            level.source
        )
    }
}

pub(super) fn form(context: &Context) -> Result<Form, Refusal> {
    let facts = Facts::read(context)?;
    let place = Place::of(&facts, facts.own()?, context)?;
    let window = suggested(&place);
    let axis = place.axis();
    let text = |at: Option<i64>| {
        let literal = at.and_then(|at| clock::literal(axis, at)).unwrap_or_default();
        literal.trim_end_matches("+00").to_owned()
    };
    let how = match axis {
        Axis::TimestampTz => "a moment (UTC, unless it says otherwise), 3 days ago, now",
        Axis::Integer => "a number",
        _ => "a moment, 3 days ago, now",
    };
    // A relative moment is no number: integer time is checked by the form itself.
    let kind = Kind::Time(axis);
    let mut fields = vec![
        Field::new("from", "From", kind.clone(), text(window.from))
            .optional()
            .help(format!("{how}; empty: from the beginning")),
        Field::new("to", "To (not included)", kind, text(window.to))
            .optional()
            .help(format!("{how}; empty: to the end, with the bucket that is not over yet")),
    ];
    if since(context, 2, 18) {
        fields.push(
            Field::new("force", "Force", Kind::Flag, "no")
                .optional()
                .help("compute the whole window again, also where nothing is known to have changed"),
        );
    }
    fields.push(override_field());
    Ok(Form::new(fields))
}

pub(super) fn override_field() -> Field {
    Field::new("override_data_loss", "Lose data", Kind::Flag, "no")
        .optional()
        .help("yes: also where the source was dropped, which deletes the aggregate's rows there for good")
}

/// What is behind, or the last two buckets; nothing where neither can be told.
fn suggested(place: &Place) -> Window {
    if let Ok(Some(window)) = place.behind()
        && let Some(part) = guard::safe_parts(&place.lost, window).pop()
    {
        return part;
    }
    let to = place.end().ok();
    Window {
        from: to.and_then(|to| place.buckets.step(to, -2)),
        to,
    }
}

pub(super) fn window(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let facts = Facts::read(context)?;
    let place = Place::of(&facts, facts.own()?, context)?;
    let level = place.level;
    let typed = |name: &str| {
        inputs
            .text(name)
            .map(|text| clock::parse(place.axis(), text, place.now))
            .transpose()
            .map_err(|error| Refusal::new(format!("{name}: {error}")))
    };
    let asked = Window {
        from: typed("from")?,
        to: typed("to")?,
    };
    let window = aligned(&place, asked)?;
    let found = guard::check(&place.lost, window);
    let force = inputs.flag("force");
    let step = place.step(context, window, force)?;
    let title = format!("Refresh {}, {}", level.name, place.show(window));
    let mut plan = match found {
        Some((lost, safe)) if !inputs.flag("override_data_loss") => {
            return Err(refused(&place, lost, safe, window));
        }
        Some((lost, _)) => {
            let undo = Undo::Never(format!(
                "the rows of {} whose source is gone go with this refresh, and nothing can compute them again",
                level.name
            ));
            let words = format!("DELETES DATA: {}; this refresh removes them", guard::explain(level, lost));
            Plan::new(title, vec![step], undo).note(Weight::Critical, words)
        }
        None => Plan::new(title, vec![step], Undo::Needless(NEEDLESS.to_owned())),
    };
    plan = plan.note(Weight::Notice, place.amount(window));
    if window != asked {
        plan = plan.note(
            Weight::Notice,
            format!(
                "aligned to whole buckets of {}: {} (a refresh leaves out what is cut)",
                place.buckets.text,
                place.show(window)
            ),
        );
    }
    for (weight, words) in remarks(&place, &facts, context, window, force) {
        plan = plan.note(weight, words);
    }
    Ok(place.touch(context, plan))
}

fn aligned(place: &Place, asked: Window) -> Result<Window, Refusal> {
    let beyond = || Refusal::new("the window is beyond what a calendar has");
    let window = Window {
        from: asked.from.map(|at| place.buckets.ceil(at).ok_or_else(beyond)).transpose()?,
        to: asked.to.map(|at| place.buckets.floor(at).ok_or_else(beyond)).transpose()?,
    };
    let (Some(from), Some(to)) = (window.from, window.to) else {
        return Ok(window);
    };
    if from < to {
        return Ok(window);
    }
    let mut refusal = Refusal::new(format!(
        "the window holds no whole bucket of {}: a refresh takes whole buckets only",
        place.buckets.text
    ));
    // The bucket that was meant.
    if let Some(start) = asked.from.and_then(|at| place.buckets.floor(at))
        && let Some(end) = place.buckets.step(start, 1)
        && let Some(set) = settings(place, Some(start), Some(end))
    {
        refusal = refusal.offering("Take the bucket that it begins in", set);
    }
    Err(refusal)
}

fn settings(place: &Place, from: Option<i64>, to: Option<i64>) -> Option<Vec<(&'static str, String)>> {
    let text = |at: Option<i64>| match at {
        None => Some(String::new()),
        Some(at) => clock::literal(place.axis(), at).map(|text| text.trim_end_matches("+00").to_owned()),
    };
    Some(vec![("from", text(from)?), ("to", text(to)?)])
}

fn refused(place: &Place, lost: Lost, safe: i64, window: Window) -> Refusal {
    let refusal = guard::refusal(place.level, lost);
    let room = window.to.is_none_or(|to| safe < to);
    match settings(place, Some(safe), window.to).filter(|_| room) {
        Some(set) => refusal.offering("Refresh only what the source still has", set),
        None => refusal,
    }
}

/// What else there is to know of a window.
fn remarks(
    place: &Place,
    facts: &Facts,
    context: &Context,
    window: Window,
    force: bool,
) -> Vec<(Weight, String)> {
    let level = place.level;
    let mut remarks = Vec::new();
    let waits = level.pending_from.zip(level.pending_to).is_some_and(|(low, high)| {
        window.to.is_none_or(|to| low < to) && window.from.is_none_or(|from| from <= high)
    });
    let new = window.to.is_none_or(|to| level.refreshed().is_none_or(|at| at < to));
    let old = window.from.is_none_or(|from| level.never_before.is_some_and(|at| level.is_place(at) && from <= at));
    if !(waits || new || old || force) {
        remarks.push((
            Weight::Notice,
            "nothing is known to wait in this window: the server will say that it is up to date".to_owned(),
        ));
    }
    if force {
        remarks.push((
            Weight::Notice,
            "force: the whole window is computed again, with the WAL of all its rows".to_owned(),
        ));
    }
    if let Some(now) = place.now.filter(|now| window.to.is_none_or(|to| to > *now)) {
        remarks.push((
            Weight::Warning,
            format!(
                "it reaches beyond now ({}): the bucket that is not over is computed as it is, and every later row there waits for another refresh",
                clock::show(place.axis(), now)
            ),
        ));
    }
    if let Some(before) = level.unchecked_before.filter(|at| window.from.is_none_or(|from| from < *at)) {
        remarks.push((
            Weight::Warning,
            format!(
                "{} has so many gaps that those before {} were not looked at: rows whose source was dropped there would be deleted",
                level.source,
                clock::show(place.axis(), before)
            ),
        ));
    }
    remarks.extend(company(place, facts, context));
    remarks
}

/// Who else is about: sessions, parents, children, and what stopping would leave.
fn company(place: &Place, facts: &Facts, context: &Context) -> Vec<(Weight, String)> {
    let level = place.level;
    let mut remarks = Vec::new();
    if let Some(pid) = level.refreshing {
        remarks.push((
            Weight::Warning,
            format!("session {pid} refreshes {} now: where the windows meet, the server refuses this one (55P03)", level.name),
        ));
    }
    let parent = facts.levels.iter().find(|parent| level.hierarchical && parent.name == level.source);
    if let Some(parent) = parent.and_then(|parent| Place::of(facts, parent, context).ok())
        && let Ok(Some(window)) = parent.behind()
    {
        remarks.push((
            Weight::Notice,
            format!("its source {} is itself behind ({}): refresh-hierarchy takes that first", level.source, parent.show(window)),
        ));
    }
    if !level.children.is_empty() {
        remarks.push((
            Weight::Notice,
            format!("built on it, and then behind: {}", level.children.join(", ")),
        ));
    }
    remarks.push((Weight::Ok, stopping(context).to_owned()));
    remarks
}

/// What a refresh leaves that is stopped half-way, which differs by version.
fn stopping(context: &Context) -> &'static str {
    if since(context, 2, 28) {
        "stopped half-way: the batches that are done stay, the rest waits for the next refresh"
    } else if since(context, 2, 22) {
        "stopped half-way: nothing of it shows, and the next refresh over the window finishes the work"
    } else {
        "stopped half-way: nothing of it is left"
    }
}

pub(super) fn behind(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let facts = Facts::read(context)?;
    let place = Place::of(&facts, facts.own()?, context)?;
    let Some(window) = place.behind()? else {
        return Err(up_to_date(&place));
    };
    let title = format!("Refresh what is behind of {}", place.level.name);
    let mut plan = Plan::new(title, Vec::new(), Undo::Needless(NEEDLESS.to_owned()));
    plan = add_safe(&place, context, plan, window)?;
    if plan.steps.is_empty() {
        return Err(nothing_safe(&place, window));
    }
    for (weight, words) in company(&place, &facts, context) {
        plan = plan.note(weight, words);
    }
    Ok(plan)
}

fn up_to_date(place: &Place) -> Refusal {
    let level = place.level;
    let to = level
        .refreshed()
        .map_or_else(String::new, |at| format!(", it is refreshed to {}", clock::show(place.axis(), at)));
    Refusal::new(format!(
        "{} is not behind by a whole bucket of {}: nothing waits{to} (refresh-aggregate takes any window)",
        level.name, place.buckets.text
    ))
}

fn nothing_safe(place: &Place, window: Window) -> Refusal {
    guard::check(&place.lost, window).map_or_else(
        || up_to_date(place),
        |(lost, _)| {
            Refusal::new(format!(
                "all that waits lies where the source is gone: {}. A refresh would delete those rows",
                guard::explain(place.level, lost)
            ))
        },
    )
}

/// The steps of a window, without what would lose data.
fn add_safe(place: &Place, context: &Context, mut plan: Plan, window: Window) -> Result<Plan, Refusal> {
    for part in guard::safe_parts(&place.lost, window) {
        plan.steps.push(place.step(context, part, false)?);
        plan = plan.note(
            Weight::Notice,
            format!("{}: {}, {}", place.level.name, place.show(part), place.amount(part)),
        );
    }
    if let Some((lost, _)) = guard::check(&place.lost, window) {
        plan = plan.note(
            Weight::Warning,
            format!(
                "left out, because a refresh there would delete rows that nothing can compute again: {}",
                guard::explain(place.level, lost)
            ),
        );
    }
    if let Some(at) = place.level.never_before.filter(|at| place.level.is_place(*at) && place.level.source_from.is_some_and(|from| from < *at)) {
        plan = plan.note(
            Weight::Notice,
            format!(
                "history before {} was never taken into {}, and is not now: refresh-aggregate with an older from does that",
                clock::show(place.axis(), at + 1),
                place.level.name
            ),
        );
    }
    Ok(place.touch(context, plan))
}

pub(super) fn hierarchy(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let facts = Facts::read(context)?;
    let own = facts.own()?;
    let title = format!("Refresh {} and what it is built on, from the bottom up", own.name);
    let mut plan = Plan::new(title, Vec::new(), Undo::Needless(NEEDLESS.to_owned()));
    let mut below: Option<i64> = None;
    for level in &facts.levels {
        let place = Place::of(&facts, level, context)?;
        let (end, behind) = (place.end()?, place.behind()?);
        // What the level below changes is behind here, too.
        let from = [behind.and_then(|window| window.from), below]
            .into_iter()
            .flatten()
            .min()
            .and_then(|at| place.buckets.floor(at));
        let Some(from) = from.filter(|from| *from < end) else {
            plan = plan.note(Weight::Ok, format!("{} is not behind by a whole bucket of {}", level.name, place.buckets.text));
            continue;
        };
        let window = Window {
            from: Some(from),
            to: Some(end),
        };
        let before = plan.steps.len();
        plan = add_safe(&place, context, plan, window)?;
        if plan.steps.len() > before {
            below = Some(from);
        }
    }
    if plan.steps.is_empty() {
        return Err(format!("nothing is behind by a whole bucket, neither {} nor what it is built on", own.name).into());
    }
    Ok(plan.note(Weight::Ok, stopping(context)))
}
