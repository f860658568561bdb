//! The action for a change, with its target and the values of its form.

use crate::model::age_rule::{COMPRESS, DROP, Keys};
use crate::model::moment::Stamp;
use crate::model::setup::change::{Change, What};
use crate::model::setup::objects::{AgePolicy, Compression, Index, Refresh, Setup};
use crate::model::span::Span;
use crate::model::target::{Target, TargetKind};
use crate::model::text;

pub(super) struct Asked {
    pub(super) action: &'static str,
    pub(super) target: Target,
    /// Values by field name. An empty value for a field that the form does not have is left out.
    pub(super) set: Vec<(&'static str, String)>,
}

/// The action for the change of an existing object. `None`: the object does not exist yet, or the change needs no action.
pub(super) fn asked(change: &Change, present: &Setup) -> Option<Asked> {
    let id = present.id(&change.of)?;
    let axis = present.axis(&change.of)?;
    let target = |kind| Target {
        kind,
        id,
        name: change.of.to_string(),
    };
    let table = |action, set| Asked {
        action,
        target: target(TargetKind::Hypertable),
        set,
    };
    let view = |action, set| Asked {
        action,
        target: target(TargetKind::Aggregate),
        set,
    };
    let job = |action, id: i64| Asked {
        action,
        target: Target {
            kind: TargetKind::Job,
            id,
            name: id.to_string(),
        },
        set: Vec::new(),
    };
    Some(match &change.what {
        What::SetInterval(interval) => {
            let typed = Span::of_raw(axis, *interval).typed();
            table("set-chunk-interval", vec![("interval", typed)])
        }
        What::EnableCompression(to) => table("enable-compression", settings(to)),
        What::EditCompression(to) => table("edit-compression-settings", settings(to)),
        What::DisableCompression => {
            // Removing the policy is a separate change.
            let policy = present
                .storage(&change.of)
                .and_then(|storage| storage.compress);
            let keeps = policy.map(|_| ("remove_policy", "no".to_owned()));
            table("disable-compression", keeps.into_iter().collect())
        }
        What::AddCompress(new) => table("add-compression-policy", age(new, &COMPRESS)),
        What::EditCompress(_, new) => table("edit-compression-policy", age(new, &COMPRESS)),
        What::RemoveCompress(_) => table("remove-compression-policy", Vec::new()),
        What::AddRetain(new) => table("add-retention-policy", age(new, &DROP)),
        What::EditRetain(_, new) => table("edit-retention-policy", age(new, &DROP)),
        What::RemoveRetain(_) => table("remove-retention-policy", Vec::new()),
        What::AddReorder(new) => table(
            "add-reorder-policy",
            vec![
                ("index", new.index.clone()),
                ("schedule_interval", new.every.to_string()),
            ],
        ),
        What::RemoveReorder(_) => table("remove-reorder-policy", Vec::new()),
        What::SwitchRealTime { .. } => view("switch-real-time", Vec::new()),
        What::AddRefresh(new) => view("add-refresh-policy", refresh(new, None)),
        What::EditRefresh(old, new) => view(
            "edit-refresh-policy",
            refresh(new, old.job.filter(|_| several(change, present))),
        ),
        What::RemoveRefresh(old) => {
            let picked = old.job.filter(|_| several(change, present));
            view(
                "remove-refresh-policy",
                picked
                    .map(|id| ("policy", id.to_string()))
                    .into_iter()
                    .collect(),
            )
        }
        What::DropAggregate => view("drop-aggregate", Vec::new()),
        What::CreateIndex { name, index } => table("create-index", created(name.as_ref(), index)),
        What::DropIndex { name, oid, .. } => Asked {
            action: "drop-index",
            target: Target {
                kind: TargetKind::Index,
                id: *oid,
                name: text::qualified(&change.of.schema, name),
            },
            set: Vec::new(),
        },
        What::Pause(id) => job("pause-job", *id),
        What::Resume(id) => job("resume-job", *id),
        What::Reschedule {
            job: id,
            initial,
            zone,
        } => Asked {
            set: slots(*initial, zone),
            ..job("edit-job", *id)
        },
        What::CreateHypertable { .. }
        | What::CreateAggregate { .. }
        | What::Describe { .. }
        | What::SetNow { .. }
        | What::Impossible(_)
        | What::Unnamed => return None,
    })
}

fn created(name: Option<&String>, index: &Index) -> Vec<(&'static str, String)> {
    vec![
        ("columns", index.columns.join(", ")),
        ("method", index.method.clone()),
        ("unique", if index.unique { "yes" } else { "no" }.to_owned()),
        ("include", index.include.join(", ")),
        ("where", index.predicate.clone().unwrap_or_default()),
        ("name", name.cloned().unwrap_or_default()),
    ]
}

fn slots(initial: Stamp, zone: &str) -> Vec<(&'static str, String)> {
    vec![
        ("fixed_schedule", "yes".to_owned()),
        ("initial_start", text::rfc3339(initial).unwrap_or_default()),
        ("timezone", zone.to_owned()),
    ]
}

/// True if the aggregate has more than one refresh policy, so that the form asks which one is meant.
fn several(change: &Change, present: &Setup) -> bool {
    let view = present.aggregates.get(&change.of);
    view.is_some_and(|view| view.refresh.len() > 1)
}

fn age(policy: &AgePolicy, keys: &Keys) -> Vec<(&'static str, String)> {
    let key = policy.age.key(keys);
    // The field for the other kind of age is set to empty.
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

fn refresh(new: &Refresh, job: Option<i64>) -> Vec<(&'static str, String)> {
    let side = |side: Option<Span>| side.map(Span::typed).unwrap_or_default();
    let mut set = vec![
        ("start_offset", side(new.start)),
        ("end_offset", side(new.end)),
        ("schedule_interval", new.every.to_string()),
    ];
    set.extend(job.map(|id| ("policy", id.to_string())));
    set
}

fn settings(to: &Compression) -> Vec<(&'static str, String)> {
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
