//! The action for a change, with its target and the values of its form.

use crate::model::age_rule::{COMPRESS, DROP, Keys};
use crate::model::moment::Stamp;
use crate::model::setup::change::{Change, What};
use crate::model::setup::objects::{AgePolicy, Compression, Index, Refresh, Reorder, Setup};
use crate::model::span::Span;
use crate::model::target::{Target, TargetKind};
use crate::model::text;

pub(super) struct Asked {
    pub(super) action: &'static str,
    pub(super) target: Target,
    /// Values by field name. An empty value for a field that the form does not have is left out.
    pub(super) set: Set,
}

type Set = Vec<(&'static str, String)>;

/// The action for the change of an existing object. `None`: the object does not exist yet, or the change needs no action.
pub(super) fn asked(change: &Change, present: &Setup) -> Option<Asked> {
    let of = present.id(&change.of)?;
    let (action, set) = call(change, present)?;
    let target = match &change.what {
        What::SwitchRealTime { .. }
        | What::AddRefresh(_)
        | What::EditRefresh(..)
        | What::RemoveRefresh(_)
        | What::DropAggregate => Target {
            kind: TargetKind::Aggregate,
            id: of,
            name: change.of.to_string(),
        },
        What::DropIndex { name, oid, .. } => Target {
            kind: TargetKind::Index,
            id: *oid,
            name: text::qualified(&change.of.schema, name),
        },
        What::Pause(job) | What::Resume(job) | What::Reschedule { job, .. } => Target {
            kind: TargetKind::Job,
            id: *job,
            name: job.to_string(),
        },
        _ => Target {
            kind: TargetKind::Hypertable,
            id: of,
            name: change.of.to_string(),
        },
    };
    Some(Asked {
        action,
        target,
        set,
    })
}

/// The action for a change, and the values of its form.
fn call(change: &Change, present: &Setup) -> Option<(&'static str, Set)> {
    Some(match &change.what {
        What::SetInterval(interval) => {
            let typed = Span::of_raw(present.axis(&change.of)?, *interval).typed();
            ("set-chunk-interval", vec![("interval", typed)])
        }
        What::EnableCompression(to) => ("enable-compression", settings(to)),
        What::EditCompression(to) => ("edit-compression-settings", settings(to)),
        What::DisableCompression => ("disable-compression", keeps_policy(change, present)),
        What::AddCompress(new) => ("add-compression-policy", age(new, &COMPRESS)),
        What::EditCompress(_, new) => ("edit-compression-policy", age(new, &COMPRESS)),
        What::RemoveCompress(_) => ("remove-compression-policy", Vec::new()),
        What::AddRetain(new) => ("add-retention-policy", age(new, &DROP)),
        What::EditRetain(_, new) => ("edit-retention-policy", age(new, &DROP)),
        What::RemoveRetain(_) => ("remove-retention-policy", Vec::new()),
        What::AddReorder(new) => ("add-reorder-policy", reorder(new)),
        What::RemoveReorder(_) => ("remove-reorder-policy", Vec::new()),
        What::SwitchRealTime { .. } => ("switch-real-time", Vec::new()),
        What::AddRefresh(new) => ("add-refresh-policy", refresh(new)),
        What::EditRefresh(old, new) => {
            let set = [refresh(new), picked(old, change, present)].concat();
            ("edit-refresh-policy", set)
        }
        What::RemoveRefresh(old) => ("remove-refresh-policy", picked(old, change, present)),
        What::DropAggregate => ("drop-aggregate", Vec::new()),
        What::CreateIndex { name, index } => ("create-index", created(name.as_ref(), index)),
        What::DropIndex { .. } => ("drop-index", Vec::new()),
        What::Pause(_) => ("pause-job", Vec::new()),
        What::Resume(_) => ("resume-job", Vec::new()),
        What::Reschedule { initial, zone, .. } => ("edit-job", slots(*initial, zone)),
        What::CreateHypertable { .. }
        | What::CreateAggregate { .. }
        | What::Describe { .. }
        | What::SetNow { .. }
        | What::Impossible(_)
        | What::Unnamed => return None,
    })
}

/// Keeps the compression policy when compression is disabled. Removing the policy is a change of its own.
fn keeps_policy(change: &Change, present: &Setup) -> Set {
    let storage = present.storage(&change.of);
    let policy = storage.and_then(|storage| storage.compress);
    let keeps = policy.map(|_| ("remove_policy", "no".to_owned()));
    keeps.into_iter().collect()
}

fn reorder(new: &Reorder) -> Set {
    vec![
        ("index", new.index.clone()),
        ("schedule_interval", new.every.to_string()),
    ]
}

fn created(name: Option<&String>, index: &Index) -> Set {
    vec![
        ("columns", index.columns.join(", ")),
        ("method", index.method.clone()),
        ("unique", if index.unique { "yes" } else { "no" }.to_owned()),
        ("include", index.include.join(", ")),
        ("where", index.predicate.clone().unwrap_or_default()),
        ("name", name.cloned().unwrap_or_default()),
    ]
}

fn slots(initial: Stamp, zone: &str) -> Set {
    vec![
        ("fixed_schedule", "yes".to_owned()),
        ("initial_start", text::rfc3339(initial).unwrap_or_default()),
        ("timezone", zone.to_owned()),
    ]
}

/// The refresh policy that the change is about. The form has this field only if the aggregate has several refresh policies.
fn picked(old: &Refresh, change: &Change, present: &Setup) -> Set {
    let view = present.aggregates.get(&change.of);
    let several = view.is_some_and(|view| view.refresh.len() > 1);
    let picked = old.job.filter(|_| several);
    let picked = picked.map(|id| ("policy", id.to_string()));
    picked.into_iter().collect()
}

fn age(policy: &AgePolicy, keys: &Keys) -> Set {
    let key = policy.age.key(keys);
    // A policy has one kind of age. The field for the other kind becomes empty.
    let value = |of| {
        if of == key {
            policy.age.span().typed()
        } else {
            String::new()
        }
    };
    vec![
        (keys.after, value(keys.after)),
        (keys.created, value(keys.created)),
        ("schedule_interval", policy.every.to_string()),
    ]
}

fn refresh(new: &Refresh) -> Set {
    let side = |side: Option<Span>| side.map(Span::typed).unwrap_or_default();
    vec![
        ("start_offset", side(new.start)),
        ("end_offset", side(new.end)),
        ("schedule_interval", new.every.to_string()),
    ]
}

fn settings(to: &Compression) -> Set {
    let segments = to.segment_list().map(|list| match list.as_str() {
        "" => "none".to_owned(),
        _ => list,
    });
    let orders = to.order_list();
    vec![
        ("segment_by", segments.unwrap_or_default()),
        ("order_by", orders.unwrap_or_default()),
    ]
}
