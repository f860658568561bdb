//! Facts as they will be when a step runs: the server's facts with the changes of the steps before it. So the action checks the setup that
//! the step will find.

use serde_json::{Value as Json, json};

use crate::model::age_rule::{AgeRule, COMPRESS, DROP};
use crate::model::plan::named::parts;
use crate::model::setup::name::Name;
use crate::model::setup::objects::{AgePolicy, Refresh, Setup};
use crate::model::span::Span;

/// Changes the server's facts to what they will be under the setup `now`, just before the action's step runs.
pub(super) fn patch(facts: &mut Json, present: &Setup, now: &Setup) {
    levels(facts, present, now);
    readers(facts, present, now);
    compression(facts, present, now);
    reorder(facts, now);
    job(facts, present, now);
}

/// Changes the facts of a job whose configuration an earlier step changes.
fn job(facts: &mut Json, present: &Setup, now: &Setup) {
    let (Some(id), true) = (facts["id"].as_i64(), facts["config"].is_object()) else {
        return;
    };
    if let Some(retain) = facts.get("source").and_then(name).and_then(|source| {
        let (was, is) = (
            present.storage(&source)?.retain,
            now.storage(&source)?.retain,
        );
        (was != is).then_some(is)
    }) {
        facts["source_drop_after"] = match retain.map(|retain| retain.age) {
            Some(AgeRule::After(after)) => after.typed().into(),
            _ => Json::Null,
        };
    }
    let config = &mut facts["config"];
    for of in now.relations() {
        let (Some(was), Some(is)) = (present.storage(of), now.storage(of)) else {
            continue;
        };
        for (was, is, keys) in [
            (was.retain, is.retain, &DROP),
            (was.compress, is.compress, &COMPRESS),
        ] {
            let Some(is) = is.filter(|is| is.job == Some(id) && was != Some(*is)) else {
                continue;
            };
            if let Some(config) = config.as_object_mut() {
                config.remove(keys.after);
                config.remove(keys.created);
            }
            config[is.age.key(keys)] = is.age.span().json();
        }
    }
    let windows = now.aggregates.values().flat_map(|view| &view.refresh);
    let was = present.aggregates.values().flat_map(|view| &view.refresh);
    let was = was.into_iter().find(|was| was.job == Some(id));
    for window in windows.filter(|window| window.job == Some(id) && was != Some(*window)) {
        config["start_offset"] = window.start.map_or(Json::Null, Span::json);
        config["end_offset"] = window.end.map_or(Json::Null, Span::json);
    }
}

fn name(of: &Json) -> Option<Name> {
    let (schema, name) = parts(of.as_str()?)?;
    Some(Name { schema, name })
}

/// Changes the facts of `plan_aggregate`: the retention of the sources and of the aggregates themselves.
fn levels(facts: &mut Json, present: &Setup, now: &Setup) {
    let Some(levels) = facts.get_mut("levels").and_then(Json::as_array_mut) else {
        return;
    };
    for level in levels {
        // Leaves out aggregates that an earlier step drops.
        if let Some(children) = level["children"].as_array_mut() {
            children.retain(|child| {
                name(child).is_none_or(|child| now.aggregates.contains_key(&child))
            });
        }
        for (of, policies) in [("source", "source_policies"), ("name", "own_policies")] {
            let Some(of) = name(&level[of]) else { continue };
            let (was, is) = (present.storage(&of), now.storage(&of));
            let (Some(was), Some(is)) = (was, is) else {
                continue;
            };
            for (key, was, is) in [
                ("policy_retention", was.retain, is.retain),
                ("policy_compression", was.compress, is.compress),
            ] {
                if was != is {
                    let old = level[policies][key].take();
                    level[policies][key] = is.map_or(Json::Null, |is| around(&is, &old));
                }
            }
        }
    }
}

/// A policy as in the facts of an aggregate. `old`: the policy's facts before the change, for the time zone.
fn around(policy: &AgePolicy, old: &Json) -> Json {
    let zone = old["clock_zone"].as_str().unwrap_or("UTC");
    json!({
        "id": policy.job.unwrap_or_default(), "scheduled": policy.scheduled, "clock_zone": zone,
        "after": policy.age.span().typed(), "by_creation": matches!(policy.age, AgeRule::CreatedBefore(_)),
    })
}

/// Changes the facts of `plan_retention`: the windows of the refresh policies that read the table.
fn readers(facts: &mut Json, present: &Setup, now: &Setup) {
    let Some(readers) = facts.get_mut("aggregates").and_then(Json::as_array_mut) else {
        return;
    };
    for reader in readers {
        let Some(of) = name(&reader["name"]) else {
            continue;
        };
        let (was, is) = (present.aggregates.get(&of), now.aggregates.get(&of));
        let (Some(was), Some(is)) = (was, is) else {
            continue;
        };
        if was.refresh == is.refresh {
            continue;
        }
        let zone = reader["refreshes"][0]["zone"].clone();
        let window = |refresh: &Refresh| {
            let side = |side: Option<Span>| side.map_or(Json::Null, Span::json);
            json!({"id": refresh.job.unwrap_or_default(), "scheduled": refresh.scheduled, "start_offset": side(refresh.start),
                   "end_offset": side(refresh.end), "zone": zone})
        };
        reader["refreshes"] = is.refresh.iter().map(window).collect();
    }
}

/// Changes the facts of `plan_compression`: whether compression is enabled, perhaps by an earlier step.
fn compression(facts: &mut Json, present: &Setup, now: &Setup) {
    let Some(of) = facts
        .get("relation")
        .and_then(name)
        .filter(|_| facts.get("enabled").is_some())
    else {
        return;
    };
    let (was, is) = (present.storage(&of), now.storage(&of));
    let (Some(was), Some(is)) = (was, is) else {
        return;
    };
    if was.compression == is.compression {
        return;
    }
    facts["enabled"] = is.compression.is_some().into();
    facts["settings"] = is.compression.as_ref().map_or(Json::Null, |to| {
        let orders = to.order_by.as_ref();
        let all = |of: fn(&crate::model::setup::order_by::OrderBy) -> Json| {
            orders.map(|orders| orders.iter().map(of).collect::<Vec<_>>())
        };
        json!({
            "segment_by": to.segment_by,
            "order_by": all(|one| one.column.clone().into()),
            "desc": all(|one| one.desc.into()),
            "nulls_first": all(|one| one.nulls_first.into()),
        })
    });
}

/// Changes the facts of `plan_hypertable`: whether there is a reorder policy, which an earlier step may have removed.
fn reorder(facts: &mut Json, now: &Setup) {
    let of = facts.get("relation").and_then(name);
    let storage = of.and_then(|of| now.storage(&of));
    let is_gone = storage.is_some_and(|storage| storage.reorder.is_none());
    if let Some(policies) = facts.get_mut("policies").and_then(Json::as_object_mut)
        && is_gone
    {
        policies.remove("policy_reorder");
    }
}
