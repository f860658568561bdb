//! Policies, integer time, and aggregates.

use hypertop::model::plan::Consent;
use hypertop::model::verdict::Level;
use hypertop::model::version::Version;

use super::{Place, everywhere, job, notes, version};

#[test]
fn decompressing_pauses_the_policy_first_and_both_come_back() {
    everywhere(&async |rig, _| {
        let place = Place::make(&rig, "decompress").await;
        place.compress(&rig, "7 days").await;
        rig.sql(&format!(
            "select alter_job(add_compression_policy('{}', interval '7 days'), next_start => '2040-01-01 00:00:00+00')",
            place.table
        ))
        .await;
        let refused = rig
            .plan("decompress-chunks", &place.table, &[])
            .await
            .unwrap_err();
        assert!(refused.contains("--set chunks='all'"), "{refused}");
        let set = [("chunks", "all")];
        let approved = rig
            .plan("decompress-chunks", &place.table, &set)
            .await
            .unwrap();
        assert!(
            approved.plan.steps[0].label.starts_with("pause job"),
            "{:?}",
            approved.plan.steps[0]
        );
        let both = format!("select ({}) || ({})::text", place.chunks(), place.job());
        rig.there_and_back("decompress-chunks", &place.table, &set, &both)
            .await;
        let unpaused = [("chunks", "all"), ("pause_policy", "no")];
        let approved = rig
            .plan("decompress-chunks", &place.table, &unpaused)
            .await
            .unwrap();
        assert!(
            notes(&approved.plan).contains("compresses these chunks again"),
            "{}",
            notes(&approved.plan)
        );
        assert!(
            approved
                .plan
                .notes
                .iter()
                .any(|note| note.level == Level::Warning)
        );
    });
}

#[test]
fn policies_are_added_changed_and_removed_and_come_back() {
    everywhere(&async |rig, _| {
        let place = Place::make(&rig, "policy").await;
        let add = [("compress_after", "3d"), ("first_run", "1 day")];
        let approved = rig
            .plan("add-compression-policy", &place.table, &add)
            .await
            .unwrap();
        let due = rig
            .text(&format!(
                "select count(*) from show_chunks('{}', older_than => interval '3 days')",
                place.table
            ))
            .await;
        assert!(
            notes(&approved.plan).contains(&format!("would compress {due} chunks (")),
            "{}",
            notes(&approved.plan)
        );
        assert_eq!(approved.plan.consent, Consent::Yes);
        rig.there_and_back("add-compression-policy", &place.table, &add, &place.job())
            .await;
        rig.act("add-compression-policy", &place.table, &add).await;
        let id = rig
            .text("select max(id) from _timescaledb_config.bgw_job")
            .await;
        rig.sql(&format!(
            "select alter_job({id}, max_retries => 3, max_runtime => '1 hour', next_start => '2040-01-01 00:00:00+00',
               config => config || '{{\"verbose_log\": true}}') from _timescaledb_config.bgw_job where id = {id};
             update _timescaledb_config.bgw_job set timezone = 'Asia/Kolkata' where id = {id}"
        ))
        .await;
        let edit = [
            ("compress_after", "1 mon"),
            ("schedule_interval", "1h30m"),
            ("maxchunks_to_compress", "5"),
        ];
        rig.there_and_back("edit-compression-policy", &place.table, &edit, &place.job())
            .await;
        rig.act("edit-compression-policy", &place.table, &edit)
            .await;
        let job = rig.text(&place.job()).await;
        for part in [
            r#""compress_after": "1 mon""#,
            r#""maxchunks_to_compress": 5"#,
            r#""verbose_log": true"#,
            "01:30:00",
            "Asia/Kolkata",
            "2040-01-01",
        ] {
            assert!(job.contains(part), "{}: {part} in {job}", rig.name);
        }
        let refused = rig
            .plan("edit-compression-policy", &place.table, &[])
            .await
            .unwrap_err();
        // The reason also has the effect of the present rule.
        assert!(
            refused.contains("already has these values; change a field\n")
                && refused.contains("with this setting it would"),
            "{refused}"
        );
        let refused = rig
            .plan("add-compression-policy", &place.table, &add)
            .await
            .unwrap_err();
        assert!(
            refused.contains("already has a compression policy"),
            "{refused}"
        );
        let approved = rig
            .plan("remove-compression-policy", &place.table, &[])
            .await
            .unwrap();
        assert!(
            notes(&approved.plan).contains("pause-job"),
            "{}",
            notes(&approved.plan)
        );
        rig.there_and_back("remove-compression-policy", &place.table, &[], &place.job())
            .await;
        rig.act("remove-compression-policy", &place.table, &[])
            .await;
        let refused = rig
            .plan("remove-compression-policy", &place.table, &[])
            .await
            .unwrap_err();
        assert!(
            refused.contains("add one with add-compression-policy"),
            "{refused}"
        );
        let refused = rig
            .plan(
                "add-compression-policy",
                &place.table,
                &[("compress_after", "-1d")],
            )
            .await
            .unwrap_err();
        assert!(refused.contains("must not be negative"), "{refused}");
    });
}

#[test]
fn a_policy_by_creation_is_added_and_changed_into_one_by_range() {
    everywhere(&async |rig, _| {
        let place = Place::make(&rig, "created").await;
        if version(&rig) < Version::new(2, 13) {
            let refused = rig
                .plan(
                    "add-compression-policy",
                    &place.table,
                    &[("compress_created_before", "1d")],
                )
                .await
                .unwrap_err();
            assert!(
                refused.contains("unknown setting compress_created_before"),
                "{refused}"
            );
            return;
        }
        let add = [
            ("compress_created_before", "3 days"),
            ("first_run", "1 day"),
        ];
        let approved = rig
            .plan("add-compression-policy", &place.table, &add)
            .await
            .unwrap();
        assert!(
            notes(&approved.plan).contains("would compress no chunk"),
            "{}",
            notes(&approved.plan)
        );
        rig.there_and_back("add-compression-policy", &place.table, &add, &place.job())
            .await;
        rig.act("add-compression-policy", &place.table, &add).await;
        let both = rig
            .plan(
                "edit-compression-policy",
                &place.table,
                &[("compress_after", "5d")],
            )
            .await
            .unwrap_err();
        assert!(both.contains("either compress_after or"), "{both}");
        let edit = [("compress_after", "5d"), ("compress_created_before", "")];
        rig.there_and_back("edit-compression-policy", &place.table, &edit, &place.job())
            .await;
        rig.act("edit-compression-policy", &place.table, &edit)
            .await;
        let job = rig.text(&place.job()).await;
        assert!(
            !job.contains("created_before") && job.contains("5 days"),
            "{job}"
        );
    });
}

#[test]
fn integer_time_takes_numbers_and_needs_to_know_what_now_is() {
    everywhere(&async |rig, _| {
        let schema = Place::named("integer").schema;
        let table = format!("{schema}.cycles");
        rig.sql(&format!(
            "set client_min_messages = error; drop schema if exists {schema} cascade; create schema {schema};
             create table {table} (cycle int not null, v int);
             select create_hypertable('{table}', 'cycle', chunk_time_interval => 100);
             insert into {table} select i, 1 from generate_series(0, 999) i;
             alter table {table} set (timescaledb.compress)"
        ))
        .await;
        let set = [("compress_after", "300"), ("first_run", "1d")];
        let refused = rig
            .plan("add-compression-policy", &table, &set)
            .await
            .unwrap_err();
        assert!(refused.contains("set_integer_now_func"), "{refused}");
        let approved = rig.plan("compress-chunks", &table, &[]).await.unwrap();
        assert_eq!(approved.plan.steps.len(), 9, "all but the newest");
        rig.sql(&format!(
            "create function {schema}.now() returns int language sql stable as 'select 950'; select set_integer_now_func('{table}', '{schema}.now')"
        ))
        .await;
        let approved = rig
            .plan("add-compression-policy", &table, &set)
            .await
            .unwrap();
        assert!(
            notes(&approved.plan).contains("would compress 6 chunks"),
            "{}",
            notes(&approved.plan)
        );
        rig.there_and_back("add-compression-policy", &table, &set, &job(&table))
            .await;
        rig.act("add-compression-policy", &table, &set).await;
        rig.there_and_back(
            "edit-compression-policy",
            &table,
            &[("compress_after", "500")],
            &job(&table),
        )
        .await;
        rig.there_and_back("remove-compression-policy", &table, &[], &job(&table))
            .await;
        let statuses = format!(
            "select string_agg(c.status::text, '' order by c.id) from _timescaledb_catalog.chunk c
             join _timescaledb_catalog.hypertable h on h.id = c.hypertable_id where format('%I.%I', h.schema_name, h.table_name) = '{table}'"
        );
        rig.there_and_back(
            "compress-chunks",
            &table,
            &[("older_than", ""), ("from", "150"), ("to", "350")],
            &statuses,
        )
        .await;
        rig.act("compress-chunks", &table, &[]).await;
        assert_eq!(rig.text(&statuses).await, "1111110000");
        let refused = rig
            .plan("compress-chunks", &table, &[("older_than", "7 days")])
            .await
            .unwrap_err();
        assert!(refused.contains("whole number"), "{refused}");
    });
}

#[test]
fn an_aggregate_is_compressed_like_a_hypertable() {
    everywhere(&async |rig, _| {
        let place = Place::make(&rig, "aggregate").await;
        let view = format!(r#"{}."Mittel ""je"" Tag""#, place.schema);
        rig.sql(&format!(
            r#"create materialized view {view} with (timescaledb.continuous) as
                 select time_bucket('1 hour', "Zeit.Punkt") as "Der Tag", "a,b", avg("Größe (mm)") as a from {} group by 1, 2 with no data"#,
            place.table
        ))
        .await;
        rig.sql(&format!(
            "call refresh_continuous_aggregate('{view}', null, null)"
        ))
        .await;
        let state = format!(
            "select coalesce(jsonb_agg(to_jsonb(s) order by s.attname)::text, '') || h.compression_state || coalesce((to_jsonb(h) ->> 'status')::int & 4, 0) || (select string_agg(c.status::text, '' order by c.id)
               from _timescaledb_catalog.chunk c where c.hypertable_id = h.id)
             from _timescaledb_catalog.continuous_agg a join _timescaledb_catalog.hypertable h on h.id = a.mat_hypertable_id
             left join timescaledb_information.compression_settings s on s.hypertable_name in (h.table_name, a.user_view_name)
             where format('%I.%I', a.user_view_schema, a.user_view_name) = '{view}' group by h.id"
        );
        rig.there_and_back("enable-compression", &view, &[], &state)
            .await;
        rig.act("enable-compression", &view, &[]).await;
        let set = [
            ("segment_by", r#""a,b""#),
            ("order_by", r#""Der Tag" DESC"#),
        ];
        rig.there_and_back("edit-compression-settings", &view, &set, &state)
            .await;
        rig.act("edit-compression-settings", &view, &set).await;
        let everything = [("older_than", "0s")];
        let waits = rig.plan("compress-chunks", &view, &everything).await;
        let picked = waits.is_err();
        let set: &[(&str, &str)] = if picked {
            &[("chunks", "all")]
        } else {
            &everything
        };
        rig.there_and_back("compress-chunks", &view, set, &state)
            .await;
        rig.act("compress-chunks", &view, set).await;
        rig.there_and_back("decompress-chunks", &view, &[("chunks", "all")], &state)
            .await;
        rig.act("decompress-chunks", &view, &[("chunks", "all")])
            .await;
        rig.there_and_back("disable-compression", &view, &[], &state)
            .await;
        let add = [("compress_after", "30d"), ("first_run", "1d")];
        if version(&rig) < Version::new(2, 27) {
            let refused = rig
                .plan("add-compression-policy", &view, &add)
                .await
                .unwrap_err();
            assert!(refused.contains("refresh policy"), "{refused}");
        }
        rig.sql(&format!(
            "select alter_job(add_continuous_aggregate_policy('{view}', interval '20 days', interval '1 hour', interval '1 hour'), scheduled => false)"
        ))
        .await;
        rig.there_and_back("add-compression-policy", &view, &add, &job(&view))
            .await;
        rig.act("add-compression-policy", &view, &add).await;
        let approved = rig
            .plan(
                "edit-compression-policy",
                &view,
                &[("compress_after", "10d")],
            )
            .await
            .unwrap();
        assert!(
            notes(&approved.plan).contains("goes back 20 days"),
            "{}",
            notes(&approved.plan)
        );
        rig.there_and_back(
            "edit-compression-policy",
            &view,
            &[("compress_after", "60d")],
            &job(&view),
        )
        .await;
        rig.there_and_back("remove-compression-policy", &view, &[], &job(&view))
            .await;
    });
}

#[test]
fn the_form_of_a_policy_names_the_policies_it_would_meet() {
    everywhere(&async |rig, _| {
        let place = Place::make(&rig, "conflicts").await;
        let view = format!("{}.daily", place.schema);
        rig.sql(&format!(
            r#"create materialized view {view} with (timescaledb.continuous) as
                 select time_bucket('1 day', "Zeit.Punkt") as d, count(*) as n from {table} group by 1 with no data;
               select alter_job(add_continuous_aggregate_policy('{view}', interval '8 days', interval '1 hour', interval '1 hour'), scheduled => false);
               select alter_job(add_retention_policy('{table}', interval '20 days'), scheduled => false)"#,
            table = place.table
        ))
        .await;
        let told = async |after: &str| {
            let approved = rig
                .plan(
                    "add-compression-policy",
                    &place.table,
                    &[("compress_after", after)],
                )
                .await
                .unwrap();
            notes(&approved.plan)
        };
        let early = told("2d").await;
        assert!(
            early.contains("conflict: the refresh policy of") && early.contains("goes back 8 days"),
            "{early}"
        );
        let between = told("10d").await;
        assert!(!between.contains("conflict"), "{between}");
        let late = told("30d").await;
        assert!(
            late.contains("conflict: the retention policy")
                && late.contains("before they are compressed"),
            "{late}"
        );
        let approved = rig
            .plan("compress-chunks", &place.table, &[("older_than", "2d")])
            .await
            .unwrap();
        assert!(
            notes(&approved.plan).contains("reaches into"),
            "{}",
            notes(&approved.plan)
        );
    });
}
