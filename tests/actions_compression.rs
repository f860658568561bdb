//! Compression: each action is done, seen by SQL, taken back, and seen to be as before; on every TimescaleDB there is.

mod support;

use hypertop::journal::Outcome;
use hypertop::plan::{Consent, Undo};
use hypertop::sql::Version;
use hypertop::verdict::Level;
use support::act::{Rig, script};
use support::{Target, block_on, with_targets};

/// A hypertable with hostile names in a schema of its own: ten full days in chunks of a day, and today.
struct Place {
    schema: String,
    table: String,
}

impl Place {
    fn named(test: &str) -> Self {
        let schema = format!(r#"K {test}."x""#);
        let schema = format!("\"{}\"", schema.replace('"', "\"\""));
        let table = format!(r#"{schema}."Größe, ""q""; drop--""#);
        Self { schema, table }
    }

    async fn make(rig: &Rig, test: &str) -> Self {
        let place = Self::named(test);
        let (schema, table) = (&place.schema, &place.table);
        rig.sql(&format!(
            r#"set client_min_messages = error; set timezone = 'UTC'; drop schema if exists {schema} cascade; create schema {schema};
               create table {table} ("Zeit.Punkt" timestamptz not null, "a,b" int not null, "select" text, "Größe (mm)" float8);
               select create_hypertable('{table}', 'Zeit.Punkt', chunk_time_interval => interval '1 day');
               insert into {table} select date_trunc('day', now()) - interval '10 days' + i * interval '30 min', i % 3, 'x' || i % 2, i
                 from generate_series(0, 480) i;
               alter table {table} set (timescaledb.compress, timescaledb.compress_segmentby = '"a,b"',
                 timescaledb.compress_orderby = '"Zeit.Punkt" DESC')"#
        ))
        .await;
        place
    }

    /// All its chunks with their status, and a sum over its rows.
    fn chunks(&self) -> String {
        format!(
            r#"select string_agg(c.id || ':' || c.status, ' ' order by c.id) || (select ' ' || count(*) || ' ' || sum("Größe (mm)") from {table})
               from _timescaledb_catalog.chunk c join _timescaledb_catalog.hypertable h on h.id = c.hypertable_id
               where format('%I.%I', h.schema_name, h.table_name) = '{table}'"#,
            table = self.table
        )
    }

    fn statuses(&self) -> String {
        format!(
            "select string_agg(c.status::text, '' order by c.id) from _timescaledb_catalog.chunk c
             join _timescaledb_catalog.hypertable h on h.id = c.hypertable_id
             where format('%I.%I', h.schema_name, h.table_name) = '{}'",
            self.table
        )
    }

    fn settings(&self) -> String {
        format!(
            "select coalesce(jsonb_agg(to_jsonb(s) order by attname)::text, 'none') || h.compression_state
             from _timescaledb_catalog.hypertable h left join timescaledb_information.compression_settings s
               on s.hypertable_schema = h.schema_name and s.hypertable_name = h.table_name
             where format('%I.%I', h.schema_name, h.table_name) = '{}' group by h.id",
            self.table
        )
    }

    /// The compression policy in all its columns but the id, and its next start.
    fn job(&self) -> String {
        job(&self.table)
    }

    async fn compress(&self, rig: &Rig, older_than: &str) {
        rig.sql(&format!(
            "select compress_chunk(c) from show_chunks('{}', older_than => date_trunc('day', now()) - interval '{older_than}') c",
            self.table
        ))
        .await;
    }
}

/// The policy of a hypertable, or of an aggregate by its view.
fn job(relation: &str) -> String {
    format!(
        "select jsonb_agg((to_jsonb(b) - 'id') || jsonb_build_object('application_name',
           regexp_replace(b.application_name::text, ' \\[\\d+\\]$', ''), 'next_start', s.next_start))
         from _timescaledb_config.bgw_job b left join _timescaledb_internal.bgw_job_stat s on s.job_id = b.id
         join _timescaledb_catalog.hypertable h on h.id = b.hypertable_id
         left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = h.id
         where b.proc_name = 'policy_compression'
           and '{relation}' in (format('%I.%I', h.schema_name, h.table_name), format('%I.%I', a.user_view_schema, a.user_view_name))"
    )
}

fn version(rig: &Rig) -> Version {
    rig.session.server.sql_version()
}

/// Runs this on every real TimescaleDB.
fn everywhere(test: impl AsyncFn(Rig, &Target)) {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            block_on(async { test(Rig::new(target).await, target).await });
        }
    });
}

/// The texts of a plan's notes, one a line.
fn notes(plan: &hypertop::plan::Plan) -> String {
    let texts: Vec<_> = plan.notes.iter().map(|note| note.text.as_str()).collect();
    texts.join("\n")
}

#[test]
fn old_chunks_are_compressed_oldest_first_and_decompressed_again() {
    everywhere(async |rig, _| {
        let place = Place::make(&rig, "compress").await;
        place.compress(&rig, "9 days").await;
        let set = [("older_than", "7d")];
        let deed = rig
            .plan("compress-chunks", &place.table, &set)
            .await
            .unwrap();
        assert_eq!(deed.plan.steps.len(), 2, "{}", script(&deed.plan));
        assert!(matches!(deed.plan.undo, Undo::Partly(_)));
        assert!(
            notes(&deed.plan).contains("leaves about"),
            "{}",
            notes(&deed.plan)
        );
        assert!(deed.plan.steps.iter().all(|step| step.weight > 0));
        rig.there_and_back("compress-chunks", &place.table, &set, &place.chunks())
            .await;
        let report = rig
            .act(
                "compress-chunks",
                &place.table,
                &[("older_than", "7d"), ("at_most", "1")],
            )
            .await;
        assert_eq!(report.steps, 1);
        assert_eq!(
            rig.text(&place.statuses()).await,
            "11000000000",
            "{}",
            rig.name
        );
    });
}

#[test]
fn without_a_policy_every_chunk_that_has_ended_waits_and_with_one_its_backlog() {
    everywhere(async |rig, _| {
        let place = Place::make(&rig, "backlog").await;
        let deed = rig
            .plan("compress-chunks", &place.table, &[])
            .await
            .unwrap();
        assert_eq!(deed.plan.steps.len(), 10, "{}", script(&deed.plan));
        rig.sql(&format!(
            "select alter_job(add_compression_policy('{}', interval '4 days'), next_start => now() + interval '1 day')",
            place.table
        ))
        .await;
        let deed = rig
            .plan("compress-chunks", &place.table, &[])
            .await
            .unwrap();
        let due = rig
            .text(&format!(
                "select count(*) from show_chunks('{}', older_than => interval '4 days')",
                place.table
            ))
            .await;
        assert_eq!(deed.plan.steps.len().to_string(), due);
        // The window is in UTC, and a chunk counts that has rows in it.
        let day = |ago: i32| {
            rig.text(Box::leak(
                format!("select (now() - interval '{ago} days')::date").into_boxed_str(),
            ))
        };
        let (from, to) = (day(6).await, day(4).await);
        let deed = rig
            .plan(
                "compress-chunks",
                &place.table,
                &[("older_than", ""), ("from", &from), ("to", &to)],
            )
            .await
            .unwrap();
        assert_eq!(deed.plan.steps.len(), 2, "{}", script(&deed.plan));
    });
}

#[test]
fn where_nothing_waits_it_says_so_and_offers_what_would() {
    everywhere(async |rig, _| {
        let place = Place::make(&rig, "nothing").await;
        let refused = rig
            .plan("compress-chunks", &place.table, &[("older_than", "1y")])
            .await
            .unwrap_err();
        assert!(
            refused.contains("10 chunks would") && refused.contains("--set older_than='0s'"),
            "{refused}"
        );
        place.compress(&rig, "0 days").await;
        let refused = rig
            .plan("compress-chunks", &place.table, &[])
            .await
            .unwrap_err();
        assert!(refused.contains("still written to"), "{refused}");
    });
}

#[test]
fn decompressing_pauses_the_policy_first_and_both_come_back() {
    everywhere(async |rig, _| {
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
        let deed = rig
            .plan("decompress-chunks", &place.table, &set)
            .await
            .unwrap();
        assert!(
            deed.plan.steps[0].label.starts_with("pause job"),
            "{:?}",
            deed.plan.steps[0]
        );
        let both = format!("select ({}) || ({})::text", place.chunks(), place.job());
        rig.there_and_back("decompress-chunks", &place.table, &set, &both)
            .await;
        let unpaused = [("chunks", "all"), ("pause_policy", "no")];
        let deed = rig
            .plan("decompress-chunks", &place.table, &unpaused)
            .await
            .unwrap();
        assert!(
            notes(&deed.plan).contains("compresses these chunks again"),
            "{}",
            notes(&deed.plan)
        );
        assert!(
            deed.plan
                .notes
                .iter()
                .any(|note| note.level == Level::Warning)
        );
    });
}

#[test]
fn late_rows_are_recompressed() {
    everywhere(async |rig, _| {
        let place = Place::make(&rig, "late").await;
        place.compress(&rig, "8 days").await;
        let refused = rig
            .plan("recompress-chunks", &place.table, &[])
            .await
            .unwrap_err();
        assert!(
            refused.contains("partial or unordered (0 chunks"),
            "{refused}"
        );
        rig.sql(&format!(
            "insert into {} select date_trunc('day', now()) - interval '10 days' + interval '7 min', 1, 'late', 0",
            place.table
        ))
        .await;
        assert!(
            rig.text(&place.statuses()).await.starts_with("91"),
            "{}",
            rig.name
        );
        let rows = rig
            .text(&format!("select count(*) from {}", place.table))
            .await;
        let report = rig.act("recompress-chunks", &place.table, &[]).await;
        assert_eq!(report.steps_done, 1);
        assert!(
            rig.text(&place.statuses()).await.starts_with("110"),
            "{}",
            rig.name
        );
        assert_eq!(
            rig.text(&format!("select count(*) from {}", place.table))
                .await,
            rows
        );
        let refused = rig.rollback_plan(&[report.id.unwrap()]).await.unwrap_err();
        assert!(refused.contains("better packed"), "{refused}");
    });
}

#[test]
fn settings_are_changed_and_come_back_and_old_chunks_are_rewritten_and_come_back_too() {
    everywhere(async |rig, _| {
        let place = Place::make(&rig, "settings").await;
        let set = [
            ("segment_by", r#""select", "a,b""#),
            ("order_by", r#""Größe (mm)" desc nulls last, "Zeit.Punkt""#),
        ];
        rig.there_and_back(
            "edit-compression-settings",
            &place.table,
            &set,
            &place.settings(),
        )
        .await;
        rig.there_and_back(
            "edit-compression-settings",
            &place.table,
            &[("segment_by", "none"), ("order_by", "")],
            &place.settings(),
        )
        .await;
        place.compress(&rig, "8 days").await;
        if version(&rig) < Version::new(2, 14) {
            let refused = rig
                .plan("edit-compression-settings", &place.table, &set)
                .await
                .unwrap_err();
            assert!(refused.contains("decompress-chunks first"), "{refused}");
            let refused = rig
                .plan("rewrite-chunks", &place.table, &[])
                .await
                .unwrap_err();
            assert!(refused.contains("nothing to rewrite"), "{refused}");
            return;
        }
        let refused = rig
            .plan("rewrite-chunks", &place.table, &[])
            .await
            .unwrap_err();
        assert!(
            refused.contains("present settings") && refused.contains("chunks='all'"),
            "{refused}"
        );
        let deed = rig
            .plan("edit-compression-settings", &place.table, &set)
            .await
            .unwrap();
        assert!(
            notes(&deed.plan).contains("2 chunks keep the settings"),
            "{}",
            notes(&deed.plan)
        );
        rig.there_and_back(
            "edit-compression-settings",
            &place.table,
            &set,
            &place.settings(),
        )
        .await;
        rig.act("edit-compression-settings", &place.table, &set)
            .await;
        let of_chunks = format!(
            "select string_agg(coalesce(segmentby, '') || '/' || coalesce(orderby, ''), ' ' order by chunk::text)
             from timescaledb_information.chunk_compression_settings where hypertable = '{}'::regclass",
            place.table
        );
        let whole = format!(
            "select ({}) || ({of_chunks}) || ({})",
            place.chunks(),
            place.settings()
        );
        rig.there_and_back("rewrite-chunks", &place.table, &[], &whole)
            .await;
        let report = rig.act("rewrite-chunks", &place.table, &[]).await;
        assert_eq!(report.steps, 2);
        assert!(
            !rig.text(&of_chunks).await.contains("DESC/"),
            "{}",
            rig.text(&of_chunks).await
        );
        assert!(
            rig.text(&of_chunks).await.contains("Größe (mm)"),
            "{}",
            rig.text(&of_chunks).await
        );
        let refused = rig
            .plan("rewrite-chunks", &place.table, &[])
            .await
            .unwrap_err();
        assert!(refused.contains("present settings"), "{refused}");
        rig.act(
            "rewrite-chunks",
            &place.table,
            &[("chunks", "all"), ("at_most", "1")],
        )
        .await;
    });
}

#[test]
fn chunks_under_older_settings_are_decompressed_and_come_back_under_them() {
    everywhere(async |rig, _| {
        if version(&rig) < Version::new(2, 14) {
            return;
        }
        let place = Place::make(&rig, "older").await;
        place.compress(&rig, "8 days").await;
        rig.act(
            "edit-compression-settings",
            &place.table,
            &[("segment_by", r#""select""#)],
        )
        .await;
        let of_chunks = format!(
            "select ({}) || ({}) || string_agg(coalesce(segmentby, '') || '/' || coalesce(orderby, ''), ' ' order by chunk::text)
             from timescaledb_information.chunk_compression_settings where hypertable = '{}'::regclass",
            place.chunks(),
            place.settings(),
            place.table
        );
        rig.there_and_back(
            "decompress-chunks",
            &place.table,
            &[("older_than", "9 days")],
            &of_chunks,
        )
        .await;
    });
}

#[test]
fn what_is_typed_as_columns_is_checked_by_name() {
    everywhere(async |rig, _| {
        let place = Place::make(&rig, "columns").await;
        for (key, typed, said) in [
            (
                "segment_by",
                "nosuch",
                r#"there are: "Zeit.Punkt", "a,b", "select", "Größe (mm)""#,
            ),
            ("segment_by", r#""a,b"#, "not closed"),
            ("segment_by", r#""Zeit.Punkt""#, "time column"),
            ("segment_by", r#""a,b","a,b""#, "twice"),
            ("order_by", r#""Zeit.Punkt" sideways"#, "ASC or DESC"),
            ("order_by", r#""a,b", "Zeit.Punkt""#, "cannot both"),
            ("order_by", r#""Zeit.Punkt","#, "beside a comma"),
            ("order_by", r#""Zeit.Punkt" DESC"#, "nothing would change"),
        ] {
            let refused = rig
                .plan("edit-compression-settings", &place.table, &[(key, typed)])
                .await
                .unwrap_err();
            assert!(refused.contains(said), "{typed}: {refused}");
        }
        rig.sql(&format!(
            r#"create unique index on {} ("Zeit.Punkt", "select")"#,
            place.table
        ))
        .await;
        let deed = rig
            .plan(
                "edit-compression-settings",
                &place.table,
                &[("segment_by", "none")],
            )
            .await
            .unwrap();
        assert!(
            notes(&deed.plan).contains("unique index"),
            "{}",
            notes(&deed.plan)
        );
    });
}

#[test]
fn compression_is_enabled_and_disabled_with_its_policy_and_comes_back() {
    everywhere(async |rig, _| {
        let place = Place::make(&rig, "enable").await;
        let whole = format!(
            "select ({}) || coalesce(({})::text, '')",
            place.settings(),
            place.job()
        );
        rig.there_and_back("disable-compression", &place.table, &[], &whole)
            .await;
        rig.sql(&format!(
            "select alter_job(add_compression_policy('{}', interval '7 days'), next_start => '2040-01-01 00:00:00+00')",
            place.table
        ))
        .await;
        rig.there_and_back("disable-compression", &place.table, &[], &whole)
            .await;
        rig.act("disable-compression", &place.table, &[]).await;
        assert!(
            rig.text(&place.settings()).await.starts_with("none0"),
            "{}",
            rig.name
        );
        assert_eq!(rig.text(&place.job()).await, "");
        for action in [
            "compress-chunks",
            "edit-compression-settings",
            "add-compression-policy",
        ] {
            let refused = rig.plan(action, &place.table, &[]).await.unwrap_err();
            assert!(refused.contains("enable-compression"), "{refused}");
        }
        rig.there_and_back(
            "enable-compression",
            &place.table,
            &[],
            &format!(
                "select ({}) || coalesce(({})::text, '')",
                enabled(&place),
                place.settings()
            ),
        )
        .await;
        let set = [
            ("segment_by", r#""select""#),
            ("order_by", r#""Zeit.Punkt" DESC NULLS LAST"#),
        ];
        rig.there_and_back("enable-compression", &place.table, &set, &place.settings())
            .await;
        rig.act("enable-compression", &place.table, &set).await;
        let settings = rig.text(&place.settings()).await;
        assert!(
            settings.contains(r#""attname": "select""#)
                && settings.contains(r#""orderby_nullsfirst": false"#),
            "{settings}"
        );
        place.compress(&rig, "8 days").await;
        let refused = rig
            .plan("disable-compression", &place.table, &[])
            .await
            .unwrap_err();
        assert!(
            refused.contains("2 chunks of") && refused.contains("decompress-chunks first"),
            "{refused}"
        );
        let refused = rig
            .plan("enable-compression", &place.table, &[])
            .await
            .unwrap_err();
        assert!(refused.contains("enabled on"), "{refused}");
    });
}

fn enabled(place: &Place) -> String {
    format!(
        "select compression_state::text from _timescaledb_catalog.hypertable where format('%I.%I', schema_name, table_name) = '{}'",
        place.table
    )
}

#[test]
fn policies_are_added_changed_and_removed_and_come_back() {
    everywhere(async |rig, _| {
        let place = Place::make(&rig, "policy").await;
        let add = [("compress_after", "3d"), ("first_run", "1 day")];
        let deed = rig
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
            notes(&deed.plan).contains(&format!("would compress {due} chunks (")),
            "{}",
            notes(&deed.plan)
        );
        assert_eq!(deed.plan.consent, Consent::Yes);
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
        assert!(refused.contains("nothing would change"), "{refused}");
        let refused = rig
            .plan("add-compression-policy", &place.table, &add)
            .await
            .unwrap_err();
        assert!(
            refused.contains("has a compression policy already"),
            "{refused}"
        );
        let deed = rig
            .plan("remove-compression-policy", &place.table, &[])
            .await
            .unwrap();
        assert!(
            notes(&deed.plan).contains("pause-job"),
            "{}",
            notes(&deed.plan)
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
            refused.contains("add-compression-policy makes one"),
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
    everywhere(async |rig, _| {
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
                refused.contains("there is no compress_created_before"),
                "{refused}"
            );
            return;
        }
        let add = [
            ("compress_created_before", "3 days"),
            ("first_run", "1 day"),
        ];
        let deed = rig
            .plan("add-compression-policy", &place.table, &add)
            .await
            .unwrap();
        assert!(
            notes(&deed.plan).contains("would compress no chunk"),
            "{}",
            notes(&deed.plan)
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
    everywhere(async |rig, _| {
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
        let deed = rig.plan("compress-chunks", &table, &[]).await.unwrap();
        assert_eq!(deed.plan.steps.len(), 9, "all but the newest");
        rig.sql(&format!(
            "create function {schema}.now() returns int language sql stable as 'select 950'; select set_integer_now_func('{table}', '{schema}.now')"
        ))
        .await;
        let deed = rig
            .plan("add-compression-policy", &table, &set)
            .await
            .unwrap();
        assert!(
            notes(&deed.plan).contains("would compress 6 chunks"),
            "{}",
            notes(&deed.plan)
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
    everywhere(async |rig, _| {
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
            "select coalesce(jsonb_agg(to_jsonb(s) order by s.attname)::text, '') || h.compression_state || (select string_agg(c.status::text, '' order by c.id)
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
        let deed = rig
            .plan(
                "edit-compression-policy",
                &view,
                &[("compress_after", "10d")],
            )
            .await
            .unwrap();
        assert!(
            notes(&deed.plan).contains("goes back 20 days"),
            "{}",
            notes(&deed.plan)
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
    everywhere(async |rig, _| {
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
            let deed = rig
                .plan(
                    "add-compression-policy",
                    &place.table,
                    &[("compress_after", after)],
                )
                .await
                .unwrap();
            notes(&deed.plan)
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
                && late.contains("before they would be compressed"),
            "{late}"
        );
        let deed = rig
            .plan("compress-chunks", &place.table, &[("older_than", "2d")])
            .await
            .unwrap();
        assert!(
            notes(&deed.plan).contains("reaches into"),
            "{}",
            notes(&deed.plan)
        );
    });
}

#[test]
fn a_chunk_that_fails_in_the_middle_is_noted_and_the_rest_goes_on_or_stops_as_chosen() {
    everywhere(async |rig, target| {
        let place = Place::make(&rig, "middle").await;
        let chunk = rig
            .text(&format!(
                "select c from show_chunks('{}') c order by c::oid offset 1 limit 1",
                place.table
            ))
            .await;
        let holder = support::client(&target.conninfo).await;
        holder
            .batch_execute(&format!("begin; lock table {chunk} in row exclusive mode"))
            .await
            .unwrap();
        for (on_error, done, left) in [("stop", 1, "10000000000"), ("continue", 2, "10100000000")] {
            let set = [("older_than", "7d"), ("on_error", on_error)];
            let mut deed = rig
                .plan("compress-chunks", &place.table, &set)
                .await
                .unwrap();
            assert_eq!(deed.plan.steps.len(), 3);
            deed.plan.lock_timeout_seconds = 1;
            let report = rig.perform(&deed).await.unwrap();
            assert_eq!(
                (report.outcome, report.steps_done, report.problems.len()),
                (Outcome::Failed, done, 1),
                "{report:?}"
            );
            assert!(
                report.problems[0].1.to_string().contains("lock timeout"),
                "{:?}",
                report.problems
            );
            assert_eq!(
                rig.text(&place.statuses()).await,
                left,
                "{} {on_error}",
                rig.name
            );
            // What was done is on record, and just that is taken back.
            rig.rollback(&[report.id.unwrap()]).await;
            assert_eq!(
                rig.text(&place.statuses()).await,
                "00000000000",
                "{}",
                rig.name
            );
        }
        holder.batch_execute("rollback").await.unwrap();
    });
}

#[test]
fn a_frozen_chunk_is_left_alone() {
    everywhere(async |rig, _| {
        let place = Place::make(&rig, "frozen").await;
        let schema = if version(&rig) < Version::new(2, 12) {
            "_timescaledb_internal"
        } else {
            "_timescaledb_functions"
        };
        rig.sql(&format!(
            "select {schema}.freeze_chunk(c) from (select c from show_chunks('{}') c order by c::oid limit 1) x",
            place.table
        ))
        .await;
        let deed = rig
            .plan("compress-chunks", &place.table, &[("older_than", "7d")])
            .await
            .unwrap();
        assert_eq!(deed.plan.steps.len(), 2);
        assert!(
            notes(&deed.plan).contains("1 chunk frozen"),
            "{}",
            notes(&deed.plan)
        );
        rig.act("compress-chunks", &place.table, &[("older_than", "7d")])
            .await;
        assert!(
            rig.text(&place.statuses()).await.starts_with("4110"),
            "{}",
            rig.name
        );
    });
}

#[test]
fn a_role_without_rights_gets_the_servers_words() {
    everywhere(async |rig, target| {
        let place = Place::make(&rig, "guest").await;
        rig.sql(&format!(
            "do $$ begin create role hypertop_comp_guest login; exception when duplicate_object then null; end $$;
             grant usage on schema {} to hypertop_comp_guest",
            place.schema
        ))
        .await;
        let conninfo = target
            .conninfo
            .replace("user=postgres", "user=hypertop_comp_guest");
        assert_ne!(conninfo, target.conninfo, "a conninfo with its user");
        let guest = Rig::on(&target.name, &conninfo).await;
        for (action, set) in [
            ("compress-chunks", &[("older_than", "9d")][..]),
            ("edit-compression-settings", &[("segment_by", "none")]),
            ("add-compression-policy", &[("compress_after", "7d")]),
        ] {
            let deed = guest
                .plan(action, &place.table, set)
                .await
                .unwrap_or_else(|why| panic!("{}: {action}: {why}", guest.name));
            let report = guest.perform(&deed).await.unwrap();
            assert_eq!(report.outcome, Outcome::Failed, "{action}");
            let words = report.problems[0].1.to_string();
            assert!(
                words.contains("must be owner of") || words.contains("permission denied"),
                "{action}: {words}"
            );
        }
        assert_eq!(rig.text(&place.statuses()).await, "00000000000");
        rig.sql("drop owned by hypertop_comp_guest").await;
    });
}

#[test]
fn where_decompressing_would_crash_the_server_it_is_refused_and_compressing_has_no_way_back() {
    everywhere(async |rig, _| {
        if version(&rig) >= Version::new(2, 14) {
            return;
        }
        let place = Place::make(&rig, "crash").await;
        rig.sql(&format!(
            r#"create index on {} (lower("select"))"#,
            place.table
        ))
        .await;
        place.compress(&rig, "9 days").await;
        let refused = rig
            .plan("decompress-chunks", &place.table, &[("chunks", "all")])
            .await
            .unwrap_err();
        assert!(refused.contains("crashes the whole server"), "{refused}");
        let deed = rig
            .plan("compress-chunks", &place.table, &[("older_than", "7d")])
            .await
            .unwrap();
        assert!(matches!(deed.plan.undo, Undo::Never(_)));
        assert!(deed.plan.steps.iter().all(|step| step.undo.is_empty()));
    });
}
