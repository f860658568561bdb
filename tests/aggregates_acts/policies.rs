//! Refresh policies and real-time aggregation: changes, rollbacks, and the texts of the forms.

use super::{AXES, SCHEMA, TZ, named, notes, on_each, policies_of, since};

#[test]
fn policies_and_real_time_go_there_and_back_on_every_kind_of_time() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        let sql = policies_of(SCHEMA);
        let interval = [
            ("start_offset", "20d"),
            ("end_offset", "1 day"),
            ("schedule_interval", "1h30m"),
        ];
        let units = [
            ("start_offset", "20000"),
            ("end_offset", "1_000"),
            ("schedule_interval", "2h"),
        ];
        for (view, set, edited) in [
            (TZ.to_owned(), interval, "1 mon"),
            (named("naive_day"), interval, "25 days"),
            (named("day_week"), interval, "30 days"),
            (named("small_1000"), units, "30000"),
            (named("big_1000"), units, "30000"),
        ] {
            let mode = format!(
                "select bool_and(materialized_only)::text from _timescaledb_catalog.continuous_agg where format('%I.%I', user_view_schema, user_view_name) = $${view}$$"
            );
            rig.there_and_back("switch-real-time", &view, &[], &mode)
                .await;
            rig.there_and_back("add-refresh-policy", &view, &set, &sql)
                .await;
            // A careless re-creation would lose the fixed schedule and its time zone.
            let fixed = [
                set[0],
                set[1],
                set[2],
                ("initial_start", "2040-01-01 00:00"),
                ("timezone", "Asia/Kolkata"),
            ];
            rig.act("add-refresh-policy", &view, &fixed).await;
            rig.sql(&format!("select alter_job(b.id, max_retries => 7, max_runtime => interval '5 min', next_start => '2041-01-01 00:00+00') from _timescaledb_config.bgw_job b
                join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = b.hypertable_id where format('%I.%I', user_view_schema, user_view_name) = $${view}$$")).await;
            rig.there_and_back(
                "edit-refresh-policy",
                &view,
                &[("start_offset", edited)],
                &sql,
            )
            .await;
            rig.there_and_back(
                "edit-refresh-policy",
                &view,
                &[("schedule_interval", "1 day")],
                &sql,
            )
            .await;
            rig.there_and_back("edit-refresh-policy", &view, &[("end_offset", "")], &sql)
                .await;
            rig.there_and_back("remove-refresh-policy", &view, &[], &sql)
                .await;
        }
    });
}

#[test]
fn a_policy_form_says_at_once_what_is_wrong_and_what_it_would_mean() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        let refused = async |view: &str, set: &[(&str, &str)]| {
            rig.plan("add-refresh-policy", view, set).await.unwrap_err()
        };
        let told = refused(TZ, &[("start_offset", "soon")]).await;
        assert!(
            told.contains("start_offset") && told.contains("write 7 days"),
            "{told}"
        );
        // The window has one and a half buckets, but the server requires two.
        let told = refused(TZ, &[("start_offset", "36h"), ("end_offset", "0s")]).await;
        assert!(
            told.contains("two buckets") && told.contains("--set start_offset='2 days'"),
            "{told}"
        );
        let told = refused(&named("big_1000"), &[("start_offset", "7 days")]).await;
        assert!(told.contains("start_offset"), "{told}");
        let approved = rig
            .plan(
                "add-refresh-policy",
                TZ,
                &[
                    ("start_offset", "7d"),
                    ("end_offset", "1d"),
                    ("schedule_interval", "1h"),
                ],
            )
            .await
            .unwrap();
        let told = notes(&approved);
        assert!(told.contains("expected maximum lag: 2d 1h"), "{told}");
        assert!(
            told.contains("a run now would refresh") && told.contains("of 1d, over"),
            "{told}"
        );
        rig.act(
            "add-refresh-policy",
            TZ,
            &[
                ("start_offset", "7d"),
                ("end_offset", "1d"),
                ("schedule_interval", "1h"),
                ("initial_start", "2040-01-01"),
            ],
        )
        .await;
        let approved = rig
            .plan("edit-refresh-policy", TZ, &[("end_offset", "2d")])
            .await
            .unwrap();
        assert!(
            notes(&approved).contains("expected maximum lag: 3d 1h (it was 2d 1h)"),
            "{}",
            notes(&approved)
        );
        let told = rig
            .plan(
                "edit-refresh-policy",
                TZ,
                &[("start_offset", "168h"), ("end_offset", "24h")],
            )
            .await;
        // An equal length written in another way is another interval for PostgreSQL, so this change is allowed.
        assert!(told.is_ok(), "{told:?}");
        let told = rig.plan("edit-refresh-policy", TZ, &[]).await.unwrap_err();
        assert!(told.contains("change a field"), "{told}");
        let again = rig.plan("add-refresh-policy", TZ, &[]).await;
        if since(rig, 21) {
            assert!(again.unwrap_err().contains("overlaps"));
            let second = [
                ("start_offset", "30d"),
                ("end_offset", "7d"),
                ("schedule_interval", "1d"),
                ("initial_start", "2040-01-01"),
            ];
            let sql = policies_of(SCHEMA);
            rig.there_and_back("add-refresh-policy", TZ, &second, &sql)
                .await;
            rig.act("add-refresh-policy", TZ, &second).await;
            let ids = rig.text("select string_agg(id::text, ',' order by id) from _timescaledb_config.bgw_job where proc_name = 'policy_refresh_continuous_aggregate'
                and hypertable_id = (select max(mat_hypertable_id) from _timescaledb_catalog.continuous_agg where user_view_name = 'Agg of \"tz\".1')").await;
            let last = ids.rsplit(',').next().unwrap();
            rig.there_and_back(
                "edit-refresh-policy",
                TZ,
                &[("policy", last), ("start_offset", "40d")],
                &sql,
            )
            .await;
            rig.there_and_back("remove-refresh-policy", TZ, &[("policy", last)], &sql)
                .await;
            rig.there_and_back("remove-refresh-policy", TZ, &[("policy", "all")], &sql)
                .await;
        } else {
            assert!(
                again
                    .unwrap_err()
                    .contains("edit-refresh-policy changes it")
            );
        }
    });
}

#[test]
fn the_three_policies_of_an_aggregate_are_held_against_each_other() {
    on_each(async |rig| {
        rig.sql(AXES).await;
        let view = named("naive_day");
        let set = [
            ("start_offset", "20d"),
            ("end_offset", "1d"),
            ("schedule_interval", "1h"),
        ];
        rig.act("add-refresh-policy", &view, &set).await;
        rig.sql(&format!("alter materialized view {view} set (timescaledb.compress = true); select add_compression_policy($${view}$$, interval '30 days');
            select add_retention_policy($${view}$$, interval '28 days')")).await;
        let approved = rig
            .plan("edit-refresh-policy", &view, &[("start_offset", "35d")])
            .await
            .unwrap();
        let told = notes(&approved);
        for conflict in [
            "goes back 35 days, the compression policy",
            "in chunks that are compressed already",
            "refreshes may bring back dropped rows",
            "chunks are dropped before they are compressed",
        ] {
            assert!(told.contains(conflict), "{}: {told}", rig.name);
        }
        let approved = rig
            .plan("edit-refresh-policy", &view, &[("start_offset", "25d")])
            .await
            .unwrap();
        let told = notes(&approved);
        assert!(
            !told.contains("compressed already") && !told.contains("bring back dropped"),
            "{told}"
        );
    });
}
