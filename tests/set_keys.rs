//! `hypertop run ACTION --help` lists the `--set` keys that the action's form has.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::collections::BTreeSet;
use std::process::Command;

use hypertop::actions::action::Does;
use hypertop::actions::catalogue;
use hypertop::actions::set_keys;
use hypertop::model::target::TargetKind;
use support::act::Rig;
use support::works::on_each;
use support::{block_on, with_targets};

fn help(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// All targets of this kind, as a user types them.
async fn names(rig: &Rig, kind: TargetKind) -> Vec<String> {
    let sql = match kind {
        TargetKind::Job => "select id::text from _timescaledb_config.bgw_job",
        TargetKind::Hypertable => {
            "select format('%I.%I', h.schema_name, h.table_name) from _timescaledb_catalog.hypertable h where h.table_name not like '%compressed%'"
        }
        TargetKind::Aggregate => {
            "select format('%I.%I', user_view_schema, user_view_name) from _timescaledb_catalog.continuous_agg"
        }
        TargetKind::Index => {
            "select format('%I.%I', i.schemaname, i.indexname) from pg_indexes i
               join _timescaledb_catalog.hypertable h on h.schema_name = i.schemaname and h.table_name = i.tablename"
        }
        TargetKind::Table => {
            "select format('%I.%I', t.schemaname, t.tablename) from pg_tables t where t.schemaname !~ '^(pg_|_timescaledb|timescaledb|information_schema)'
               and not exists (select from _timescaledb_catalog.hypertable h where h.schema_name = t.schemaname and h.table_name = t.tablename)"
        }
        TargetKind::Session => return Vec::new(),
    };
    rig.texts(sql).await
}

/// Compares the forms of all actions on all targets with the list; returns the keys that occurred, with their actions.
async fn compared(rig: &Rig) -> BTreeSet<(&'static str, &'static str)> {
    let mut seen = BTreeSet::new();
    for action in catalogue::all() {
        let Does::Plan(act) = &action.does else {
            continue;
        };
        for name in names(rig, act.on).await {
            let Ok(form) = rig.form(action.name, &name).await else {
                continue;
            };
            let keys = set_keys::of(action.name);
            for field in &form.fields {
                let about = format!("{}: {} {name}: {}", rig.name, action.name, field.name);
                let key = keys.iter().find(|key| key.name == field.name);
                let key = key.unwrap_or_else(|| panic!("{about} is not listed"));
                assert!(
                    key.values.fits(&field.accepts),
                    "{about}: {:?}",
                    field.accepts
                );
                seen.insert((action.name, key.name));
            }
        }
    }
    seen
}

#[test]
fn every_field_of_every_form_is_listed_with_its_kind_of_values() {
    let mut seen = BTreeSet::new();
    with_targets(|targets| {
        for target in &targets.all {
            block_on(async { seen.extend(compared(&Rig::new(target).await).await) });
        }
        let seen = std::cell::RefCell::new(&mut seen);
        on_each(targets, "set_keys", async |rig, _| {
            let more = compared(rig).await;
            seen.borrow_mut().extend(more);
        });
        if !targets.all.iter().any(|target| target.real) {
            return;
        }
        // Keys for problems that these databases do not have.
        let rare = [
            "created_before",
            "only_invalid",
            "end_stuck_session",
            "lift_max_retries",
            "refresh_missing",
            "delete_future_rows",
            "recompress",
            "policy",
            "remove_policy",
            "dimension",
            "pause_policy",
            "drop_created_before",
        ];
        let seen = seen.into_inner();
        for action in catalogue::all() {
            for key in set_keys::of(action.name) {
                let listed = (action.name, key.name);
                let paced =
                    ["drop-index", "rebuild-missing", "reindex-index"].contains(&action.name);
                assert!(
                    seen.contains(&listed) || paced || rare.contains(&key.name),
                    "{listed:?}"
                );
            }
        }
    });
}

#[test]
fn the_help_of_an_action_lists_its_keys_and_that_of_run_says_so() {
    let all = help(&["run", "--help"]);
    assert!(all.contains("run ACTION --help lists the keys"), "{all}");
    assert!(!all.contains("compress_after"), "{all}");
    let one = help(&["run", "edit-compression-policy", "--help"]);
    for words in [
        "--set keys of edit-compression-policy:",
        "compress_after",
        "interval (7 days, 7d, 1 mon); a number on integer time [default: present value]",
        "maxchunks_to_compress",
    ] {
        assert!(one.contains(words), "{words}: {one}");
    }
    assert!(one.lines().all(|line| line.chars().count() <= 140), "{one}");
    // The help also works with other options before `run`, and for an action without keys.
    let one = help(&["-d", "run", "run", "pause-job", "-?"]);
    assert!(one.contains("pause-job has no --set keys"), "{one}");
    let one = help(&["run", "add-retention-policy", "public.x", "--help"]);
    assert!(one.contains("[required]"), "{one}");
}
