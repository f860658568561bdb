//! Enables and disables compression, and changes segmentby and orderby.

use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Field, FieldType, Form, Inputs};
use crate::model::plan::{Mode, Note, Plan, Step, Undo};
use crate::model::text;
use crate::model::verdict::Level;
use crate::model::version::{LEAVES_OPEN, Version};

use super::columns::{self, NONE};
use super::eligible::many;
use super::facts::{Compression, Settings, known};
use super::open::Open;
use super::statements::{off, on, put};

fn fields(context: &Context, known: &Compression, now: &Settings, enabling: bool) -> Vec<Field> {
    let segments = match &now.meant().segment_by {
        Some(none) if none.is_empty() => NONE.to_owned(),
        _ => now.segment_text(),
    };
    let version = context.at.server.sql_version();
    let alone = Open::of(known.aggregate, version, false, enabling);
    let empty = match alone {
        Open::Nothing => "none",
        Open::Grouped => alone.words(),
        Open::Now => "TimescaleDB's choice",
        Open::Later => "TimescaleDB's choice, but none if orderby is set",
    };
    vec![
        Field::new("segment_by", "Segment by", FieldType::Text, segments)
            .optional()
            .help(format!(
                "columns as SQL writes them; {NONE}: no segments; empty: {empty}. Columns: {}",
                known.column_list()
            )),
        Field::new("order_by", "Order by", FieldType::Text, now.order_text())
            .optional()
            .help(
                "columns with DESC, NULLS FIRST; empty: TimescaleDB's default, the time descending",
            ),
    ]
}

/// Reads the settings from the inputs. Refuses unknown columns, and columns in both lists.
fn read(known: &Compression, inputs: &Inputs) -> Result<Settings, Refusal> {
    let mut to = Settings::default();
    if let Some(text) = inputs.text("segment_by") {
        let segments =
            columns::segments(known, text).map_err(|error| format!("segment_by: {error}"))?;
        to.segment_by = Some(segments);
    }
    if let Some(text) = inputs.text("order_by") {
        columns::orders(known, text, &mut to).map_err(|error| format!("order_by: {error}"))?;
    }
    let ordered = to.order_by.as_deref().unwrap_or_default();
    if let Some(both) = to.segments().iter().find(|column| ordered.contains(column)) {
        return Err(format!(
            "{both:?} cannot be in both segmentby and orderby: all rows of a segment have the same value"
        )
        .into());
    }
    Ok(to)
}

/// The settings that this server will apply for the inputs, and a text that describes them.
struct Means {
    settings: Settings,
    text: String,
    /// Effect of the missing segmentby. `None`: segmentby is set.
    open: Option<Open>,
}

impl Means {
    fn of(context: &Context, known: &Compression, to: &Settings, enabling: bool) -> Self {
        let (version, ordered) = (context.at.server.sql_version(), to.order_by.is_some());
        let open = to.segment_by.is_none();
        let open = open.then(|| Open::of(known.aggregate, version, ordered, enabling));
        let mut settings = to.clone();
        if open == Some(Open::Nothing) {
            settings.segment_by = Some(Vec::new());
        }
        Self {
            settings,
            text: to.described(open.unwrap_or(Open::Nothing).words()),
            open,
        }
    }
}

/// Column lists of the unique indexes with a column that is not in segmentby or orderby, and is not the time column. To check such an
/// index, an INSERT into a compressed chunk must decompress more than one segment. Empty if segmentby is not set.
fn uncovered(known: &Compression, to: &Settings) -> Vec<String> {
    let Some(segments) = &to.segment_by else {
        return Vec::new();
    };
    let ordered = to.order_by.as_deref().unwrap_or_default();
    let covered = |column: &String| {
        segments.contains(column)
            || ordered.contains(column)
            || known.time_column.as_ref() == Some(column)
    };
    let lacking = known
        .uniques
        .iter()
        .filter(|columns| !columns.iter().all(covered));
    lacking
        .map(|columns| {
            let columns: Vec<_> = columns
                .iter()
                .map(|column| text::quote_identifier(column))
                .collect();
            format!("({})", columns.join(", "))
        })
        .collect()
}

/// Adds the notes and locks that all changes of the settings have in common.
fn finish(mut plan: Plan, known: &Compression, to: &Settings) -> Plan {
    for columns in uncovered(known, to) {
        plan = plan.note(
            Level::Warning,
            format!(
                "the unique index on {columns} has columns that are neither in segmentby nor in orderby: to check it, an INSERT into a compressed chunk decompresses more than its own segment"
            ),
        );
    }
    if let Some(view) = known.view_oid {
        plan = plan.touching(view, &known.relation, Mode::AccessExclusive);
    }
    plan.touching(known.table_oid, &known.table, Mode::AccessExclusive)
}

pub(super) fn enable_form(context: &Context) -> Result<Form, Refusal> {
    let known = known(context)?;
    Ok(Form::new(fields(
        context,
        &known,
        &Settings::default(),
        true,
    )))
}

pub(super) fn enable(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = known(context)?;
    if known.enabled {
        return Err(format!(
            "compression is enabled on {} already: edit-compression-settings changes its settings",
            known.relation
        )
        .into());
    }
    let to = read(&known, inputs)?;
    let means = Means::of(context, &known, &to, true);
    let step = Step::new(
        format!("enable compression on {}", known.relation),
        on(&known, &to),
        vec![off(&known)],
    );
    let undo = Undo::Exact(
        "compression is disabled again; chunks compressed meanwhile must be decompressed first"
            .to_owned(),
    );
    let mut plan = Plan::new(
        format!("Enable compression on {}", known.relation),
        vec![step],
        undo,
    )
    // If another user adds a policy meanwhile, that policy fails once the undo has disabled compression. So the rollback compares the jobs
    // too.
    .changing(&["/settings", "/jobs"])
    .note(Level::Notice, means.text)
    .note(
        Level::Notice,
        "this compresses no chunk: use compress-chunks or add-compression-policy next",
    );
    if let Some(open) = means.open {
        plan = plan.note(Level::Notice, open.note());
    }
    Ok(finish(plan, &known, &means.settings))
}

pub(super) fn edit_form(context: &Context) -> Result<Form, Refusal> {
    let known = known(context)?.enabled()?;
    let now = known.settings.clone().unwrap_or_default();
    Ok(Form::new(fields(context, &known, &now, false)))
}

pub(super) fn edit(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = known(context)?.enabled()?;
    let version = context.at.server.sql_version();
    let now = known.settings.clone().unwrap_or_default();
    let compressed = known.compressed();
    if version < Version::new(2, 14) && compressed > 0 {
        return Err(format!(
            "TimescaleDB {version} changes settings only while nothing is compressed (now: {} of {}). Use decompress-chunks first, \
             or upgrade to 2.14 or later, where new chunks get the new settings",
            many(compressed),
            known.relation
        )
        .into());
    }
    let mut to = read(&known, inputs)?;
    if version < LEAVES_OPEN {
        to.segment_by.get_or_insert_default();
    }
    let means = Means::of(context, &known, &to, false);
    if means.settings.segment_by == now.meant().segment_by && to.order_text() == now.order_text() {
        let words = format!(
            "no change: {} already has these settings; change a field",
            known.relation
        );
        let note = Note {
            level: Level::Notice,
            text: now.describe(),
        };
        return Err(Refusal::unchanged(words, vec![note]));
    }
    let step = Step::new(
        format!("change the compression settings of {}", known.relation),
        put(context, &known, &to),
        put(context, &known, &now),
    );
    let undo = Undo::Exact("the old segmentby and orderby are set again; chunks compressed meanwhile keep the settings that they have".to_owned());
    let of = format!("the compression settings of {}", known.relation);
    let changed = now.meant().changed(&means.settings);
    let mut plan = Plan::changing_settings(&of, changed, vec![step], undo)
        .changing(&["/settings"])
        .note(Level::Notice, format!("from: {}", now.describe()))
        .note(Level::Notice, format!("to: {}", means.text));
    if let Some(open) = means.open {
        plan = plan.note(Level::Notice, open.note());
    }
    let (level, reach) = reach(compressed);
    plan = plan.note(level, reach);
    Ok(finish(plan, &known, &means.settings))
}

/// Text on the chunks that keep their old settings.
fn reach(compressed: usize) -> (Level, String) {
    if compressed == 0 {
        let words = "no chunk is compressed yet: all will get these settings";
        return (Level::Notice, words.to_owned());
    }
    let words = format!(
        "compressed chunks keep their settings ({}); rewrite-chunks applies the new settings",
        many(compressed)
    );
    (Level::Warning, words)
}

pub(super) fn disable_form(context: &Context) -> Result<Form, Refusal> {
    let known = known(context)?.enabled()?;
    let policy = known.job.as_ref().map(|job| {
        Field::new("remove_policy", "Remove the policy", FieldType::Flag, "yes").help(format!(
            "no: {} stays, and fails at every run, because nothing can be compressed",
            job.describe()
        ))
    });
    Ok(Form::new(policy.into_iter().collect()))
}

pub(super) fn disable(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let known = known(context)?.enabled()?;
    let compressed = known.compressed();
    if compressed > 0 {
        return Err(format!(
            "TimescaleDB disables compression only if no chunk is compressed (now: {} of {}). Use decompress-chunks first. To stop \
             compressing new chunks, pause or remove the policy",
            many(compressed),
            known.relation
        )
        .into());
    }
    let now = known.settings.clone().unwrap_or_default();
    let mut steps = Vec::new();
    let mut changes = vec!["/settings"];
    let policy = known.job.as_ref().filter(|_| inputs.flag("remove_policy"));
    if let Some(job) = policy {
        steps.push(job.delete(context)?);
        changes.push("/jobs");
    }
    steps.push(Step::new(
        format!("disable compression on {}", known.relation),
        vec![off(&known)],
        on(&known, &now),
    ));
    let lost = now.sparse_text().filter(|_| now.order_by.is_none());
    let undo = match lost {
        Some(sparse) => Undo::Partly(format!(
            "compression is enabled with the same settings, but without the sparse indexes {sparse}"
        )),
        None => Undo::Exact(
            "compression is enabled with the same settings; a removed policy comes back under a new id"
                .to_owned(),
        ),
    };
    let mut plan = Plan::new(
        format!("Disable compression on {}", known.relation),
        steps,
        undo,
    )
    .changing(&changes)
    .note(
        Level::Notice,
        format!("the undo restores: {}", now.describe()),
    );
    if let Some(job) = &known.job {
        plan = if policy.is_some() {
            let plan = job.clear_retries_first(context, plan);
            plan.note(Level::Notice, format!("deletes {}", job.describe()))
        } else {
            plan.note(
                Level::Warning,
                format!("{} stays, and would fail at every run", job.describe()),
            )
        };
    }
    Ok(finish(plan, &known, &Settings::default()))
}
