//! The guard against losing rows whose source was dropped.

use hypertop::journal::Outcome;
use hypertop::model::plan::{Consent, Undo};

use super::support::act::script;
use super::{AXES, SCHEMA, TZ, named, notes, on_each, policies_of};

#[test]
fn a_refresh_over_what_the_source_dropped_is_refused_clamped_or_agreed_to_by_name() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        for (view, source, older, from, unit) in [
            (
                TZ.to_owned(),
                "tz",
                "interval '30 days'",
                "50 days ago",
                "buckets of 1d",
            ),
            (
                named("big_1000"),
                "big",
                "bigint '30000'",
                "5000",
                "buckets of 1000",
            ),
        ] {
            rig.act("refresh-aggregate", &view, &[("from", ""), ("to", "")])
                .await;
            rig.sql(&format!(
                "select drop_chunks('{SCHEMA}.{source}', older_than => {older})"
            ))
            .await;
            let rows = format!("select count(*) from {view}");
            let before = rig.text(&rows).await;
            assert!(before == "60", "{} {before}", rig.name);
            let told = rig
                .plan("refresh-aggregate", &view, &[("from", from), ("to", "")])
                .await
                .unwrap_err();
            assert!(
                told.contains("no longer has a chunk before")
                    && told.contains("a refresh there would delete up to")
                    && told.contains(unit),
                "{}: {told}",
                rig.name
            );
            // A retention policy that was removed since may have dropped them as well.
            assert!(!told.contains("by hand"), "{told}");
            let unknown = "(it has no retention policy now; what dropped its chunks is not known)";
            assert!(told.contains(unknown), "{told}");
            // The window that the refusal offers is valid and loses nothing.
            let offered = told
                .split("--set from='")
                .nth(1)
                .unwrap()
                .split('\'')
                .next()
                .unwrap()
                .to_owned();
            let approved = rig
                .plan(
                    "refresh-aggregate",
                    &view,
                    &[("from", &offered), ("to", "")],
                )
                .await
                .unwrap();
            assert!(matches!(approved.plan.undo, Undo::Needless(_)));
            rig.perform(&approved).await.unwrap();
            assert_eq!(rig.text(&rows).await, before, "{}", rig.name);
            // refresh-behind leaves these buckets alone.
            if let Ok(approved) = rig.plan("refresh-behind", &view, &[]).await {
                rig.perform(&approved).await.unwrap();
                assert_eq!(
                    rig.text(&rows).await,
                    before,
                    "{}: {}",
                    rig.name,
                    script(&approved.plan)
                );
            }
            let over = [("from", from), ("to", ""), ("override_data_loss", "yes")];
            let approved = rig.plan("refresh-aggregate", &view, &over).await.unwrap();
            assert_eq!(approved.plan.consent, Consent::Name);
            assert!(
                matches!(approved.plan.undo, Undo::Never(_))
                    && notes(&approved).contains("DELETES DATA")
            );
            let report = rig.perform(&approved).await.unwrap();
            assert_eq!(report.outcome, Outcome::Done, "{:?}", report.problems);
            let after: i64 = rig.text(&rows).await.parse().unwrap();
            // The warning was right: the buckets in the preview are gone.
            assert!(
                (30..=45).contains(&after),
                "{}: {after} rows are left",
                rig.name
            );
            let told = rig.rollback_plan(&[report.id]).await.unwrap_err();
            assert!(told.contains("is irreversible"), "{told}");
        }
    });
}

#[test]
fn a_gap_in_the_middle_is_seen_and_gaps_without_rows_are_no_loss() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        // Before its first row the source never had rows, so nothing can be lost.
        rig.plan(
            "refresh-aggregate",
            TZ,
            &[("from", "2000-01-01"), ("to", "")],
        )
        .await
        .unwrap();
        rig.act("refresh-aggregate", TZ, &[("from", ""), ("to", "")])
            .await;
        rig.sql(&format!("select drop_chunks('{SCHEMA}.tz', older_than => interval '20 days', newer_than => interval '30 days')")).await;
        let told = rig
            .plan(
                "refresh-aggregate",
                TZ,
                &[("from", "40 days ago"), ("to", "")],
            )
            .await
            .unwrap_err();
        assert!(
            told.contains("has no chunk between"),
            "{}: {told}",
            rig.name
        );
        for (from, to) in [("19 days ago", ""), ("", "31 days ago")] {
            let fine = rig
                .plan("refresh-aggregate", TZ, &[("from", from), ("to", to)])
                .await;
            assert!(fine.is_ok(), "{}: {fine:?}", rig.name);
        }
        // A change before the gap is refreshed without the gap, or with it if the name is typed.
        rig.sql(&format!(
            "insert into {SCHEMA}.tz values (date_trunc('day', now()) - interval '40 days', 1)"
        ))
        .await;
        for name in ["refresh-behind", "refresh-hierarchy"] {
            let approved = rig.plan(name, TZ, &[("step_buckets", "0")]).await.unwrap();
            assert!(
                notes(&approved).contains("left out") && approved.plan.steps.len() == 2,
                "{}",
                notes(&approved)
            );
            let approved = rig
                .plan(name, TZ, &[("override_data_loss", "yes")])
                .await
                .unwrap();
            assert_eq!(approved.plan.consent, Consent::Name);
            assert!(
                matches!(approved.plan.undo, Undo::Never(_))
                    && notes(&approved).contains("DELETES DATA")
            );
        }
        rig.act("refresh-behind", TZ, &[]).await;
        assert_eq!(
            rig.text(&format!("select count(*) || ' ' || max(n) from {TZ}"))
                .await,
            "60 5",
            "{}",
            rig.name
        );
        // An aggregate that never had those rows loses none.
        rig.sql(&format!("create materialized view {SCHEMA}.younger with (timescaledb.continuous) as select time_bucket('1 day', ts) as b, count(*) from {SCHEMA}.tz group by 1 with no data")).await;
        let fine = rig
            .plan(
                "refresh-aggregate",
                &named("younger"),
                &[("from", ""), ("to", "")],
            )
            .await;
        assert!(fine.is_ok(), "{}: {fine:?}", rig.name);
    });
}

#[test]
fn a_policy_that_reaches_over_what_retention_drops_is_refused_and_offered_clamped() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        for (view, source, after, far, kept, near) in [
            (
                TZ.to_owned(),
                "tz",
                "interval '40 days'",
                "50d",
                "40 days",
                "30d",
            ),
            (
                named("small_1000"),
                "small",
                "40000",
                "50000",
                "40000",
                "30000",
            ),
        ] {
            let end = if source == "tz" { "1d" } else { "1000" };
            rig.sql(&format!(
                "select add_retention_policy('{SCHEMA}.{source}', {after})"
            ))
            .await;
            for start in [far, ""] {
                let set = [
                    ("start_offset", start),
                    ("end_offset", end),
                    ("schedule_interval", "1h"),
                    ("initial_start", "2040-01-01"),
                ];
                let told = rig
                    .plan("add-refresh-policy", &view, &set)
                    .await
                    .unwrap_err();
                assert!(
                    told.contains("retention, job")
                        && told.contains(&format!("--set start_offset='{kept}'")),
                    "{}: {told}",
                    rig.name
                );
            }
            let set = [
                ("start_offset", far),
                ("end_offset", end),
                ("schedule_interval", "1h"),
                ("initial_start", "2040-01-01"),
                ("override_data_loss", "yes"),
            ];
            let approved = rig.plan("add-refresh-policy", &view, &set).await.unwrap();
            assert_eq!(approved.plan.consent, Consent::Name);
            assert!(
                notes(&approved).contains("DELETES DATA"),
                "{}",
                notes(&approved)
            );
            let set = [("start_offset", near), set[1], set[2], set[3]];
            rig.act("add-refresh-policy", &view, &set).await;
            let told = rig
                .plan("edit-refresh-policy", &view, &[("start_offset", far)])
                .await
                .unwrap_err();
            assert!(
                told.contains(&format!("--set start_offset='{kept}'")),
                "{told}"
            );
            rig.plan("edit-refresh-policy", &view, &[("start_offset", kept)])
                .await
                .unwrap();
        }
    });
}

#[test]
fn a_policy_whose_first_run_would_wipe_what_was_dropped_by_hand_is_refused() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        rig.act(
            "refresh-aggregate",
            &named("naive_day"),
            &[("from", ""), ("to", "")],
        )
        .await;
        rig.sql(&format!(
            "select drop_chunks('{SCHEMA}.naive', older_than => interval '20 days')"
        ))
        .await;
        let set = [
            ("start_offset", "30d"),
            ("end_offset", "1d"),
            ("schedule_interval", "1h"),
            ("initial_start", "2040-01-01"),
        ];
        let told = rig
            .plan("add-refresh-policy", &named("naive_day"), &set)
            .await
            .unwrap_err();
        assert!(told.contains("next run would delete"), "{told}");
        let offered = told
            .split("--set start_offset='")
            .nth(1)
            .unwrap()
            .split('\'')
            .next()
            .unwrap()
            .to_owned();
        rig.act(
            "add-refresh-policy",
            &named("naive_day"),
            &[("start_offset", &offered), set[1], set[2], set[3]],
        )
        .await;
    });
}

#[test]
fn the_dangerous_policy_of_the_factory_is_refused_and_fixed() {
    on_each(async |rig| {
        let told = rig
            .plan(
                "edit-refresh-policy",
                "mes.metric_hist_1hour",
                &[("schedule_interval", "2h")],
            )
            .await
            .unwrap_err();
        assert!(
            told.contains("mes.metric_hist_1min keeps only 30d")
                && told.contains("--set start_offset='30 days'"),
            "{told}"
        );
        rig.there_and_back(
            "edit-refresh-policy",
            "mes.metric_hist_1hour",
            &[("start_offset", "30 days")],
            &policies_of("mes").replace(
                "where ",
                "where a.user_view_name = 'metric_hist_1hour' and ",
            ),
        )
        .await;
    });
}
