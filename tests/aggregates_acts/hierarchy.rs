//! Aggregates on aggregates.

use hypertop::journal::Outcome;
use hypertop::model::plan::Undo;

use super::{AXES, SCHEMA, named, notes, on_each, policies_of, since, version};

/// Aggregates by 6 hours on the table, by day on the first, and by week on the second.
const LADDER: &str = r#"
    set search_path = "Agg ""s"".x", public;
    create materialized view hours with (timescaledb.continuous, timescaledb.materialized_only = true) as
      select time_bucket('6 hours', ts) as b, count(*) as n from tz group by 1 with no data;
    create materialized view "days ""on"" hours" with (timescaledb.continuous, timescaledb.materialized_only = true) as
      select time_bucket('1 day', b) as b, sum(n) as n from hours group by 1 with no data;
    create materialized view weeks with (timescaledb.continuous, timescaledb.materialized_only = true) as
      select time_bucket('7 days', b) as b, sum(n) as n from "days ""on"" hours" group by 1 with no data;
    reset search_path"#;

#[test]
fn a_hierarchy_is_refreshed_from_the_bottom_up() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        rig.sql(LADDER).await;
        let approved = rig
            .plan(
                "refresh-hierarchy",
                &named("weeks"),
                &[("step_buckets", "0")],
            )
            .await
            .unwrap();
        let order: Vec<_> = approved
            .plan
            .steps
            .iter()
            .map(|step| step.label.clone())
            .collect();
        assert!(
            order.len() == 3
                && order[0].contains(".hours,")
                && order[1].contains("days \"\"on")
                && order[2].contains(".weeks,"),
            "{order:?}"
        );
        let report = rig.perform(&approved).await.unwrap();
        assert_eq!(
            report.outcome,
            Outcome::Done,
            "{}: {:?}",
            rig.name,
            report.problems
        );
        let right = format!(
            "select (select sum(n) from {SCHEMA}.weeks) = (select count(*) from {SCHEMA}.tz where ts < (select max(b) + interval '7 days' from {SCHEMA}.weeks)) and count(*) >= 8 from {SCHEMA}.weeks"
        );
        assert_eq!(rig.text(&right).await, "t", "{}", rig.name);
        let told = rig
            .plan("refresh-hierarchy", &named("weeks"), &[])
            .await
            .unwrap_err();
        assert!(told.contains("are not late by a whole bucket"), "{told}");
        // A late row in the table reaches the highest aggregate.
        rig.sql(&format!(
            "insert into {SCHEMA}.tz values (date_trunc('day', now()) - interval '30 days', 1)"
        ))
        .await;
        rig.act("refresh-hierarchy", &named("weeks"), &[]).await;
        assert_eq!(rig.text(&right).await, "t", "{}", rig.name);
        // The guard protects every level: buckets whose source rows were dropped stay in all of them.
        rig.sql(&format!(
            "select drop_chunks('{SCHEMA}.tz', older_than => interval '30 days')"
        ))
        .await;
        let rows = format!(
            "select (select count(*) from {SCHEMA}.hours) || ' ' || (select count(*) from {SCHEMA}.\"days \"\"on\"\" hours\") || ' ' || (select count(*) from {SCHEMA}.weeks)"
        );
        let before = rig.text(&rows).await;
        rig.sql(&format!(
            "insert into {SCHEMA}.tz values (date_trunc('day', now()) - interval '10 days', 1)"
        ))
        .await;
        rig.act("refresh-hierarchy", &named("weeks"), &[]).await;
        assert_eq!(rig.text(&rows).await, before, "{}", rig.name);
    });
}

#[test]
fn policies_in_a_hierarchy_come_back_as_far_as_this_version_allows() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        rig.sql(LADDER).await;
        let view = named("weeks");
        let sql = policies_of(SCHEMA);
        let set = [
            ("start_offset", "50d"),
            ("end_offset", "7 days"),
            ("schedule_interval", "12h"),
            ("initial_start", "2040-01-01 00:00"),
        ];
        let approved = rig.plan("add-refresh-policy", &view, &set).await.unwrap();
        assert!(
            notes(&approved).contains("not included, for lack of a refresh policy: "),
            "{}",
            notes(&approved)
        );
        rig.act("add-refresh-policy", &view, &set).await;
        rig.there_and_back(
            "edit-refresh-policy",
            &view,
            &[("start_offset", "40d")],
            &sql,
        )
        .await;
        rig.there_and_back("remove-refresh-policy", &view, &[], &sql)
            .await;
        let approved = rig
            .plan("edit-refresh-policy", &view, &[("start_offset", "40d")])
            .await
            .unwrap();
        let broken = version(rig).minor == 22;
        assert_eq!(
            matches!(approved.plan.undo, Undo::Partly(_)),
            broken,
            "{}: {:?}",
            rig.name,
            approved.plan.undo
        );
        if !since(rig, 29) {
            let told = rig
                .plan("add-refresh-policy", &view, &[])
                .await
                .unwrap_err();
            assert!(told.contains("edit-refresh-policy changes it"), "{told}");
        }
    });
}
