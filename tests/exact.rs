//! An undo restores the old state to the last digit. A preview calls an undo exact only if that was proven.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::plan::{Plan, Undo};
use hypertop::model::version::Version;
use support::act::{Rig, script};
use support::own::{databases, on_own};
use support::works::JOBS;

/// A hypertable with a few chunks, an aggregate on it, and no job that runs by itself.
const METRICS: &str = "
set client_min_messages = error;
create table public.m (ts timestamptz not null, d int not null, e int, v float);
select public.create_hypertable('public.m', 'ts', chunk_time_interval => interval '1 day');
insert into public.m select now() - g * interval '2 hours', g % 3, g % 4, g from generate_series(1, 60) g;
create materialized view public.a with (timescaledb.continuous) as
  select public.time_bucket('1 hour', ts) b, sum(v) s from public.m group by 1 with no data;
create procedure public.work(job_id int, config jsonb) language sql as 'select 1';
create function public.checks(config jsonb) returns void language sql as 'select 1';";

#[allow(
    clippy::needless_pass_by_value,
    reason = "a closure, written where it is given"
)]
fn on_each(test: impl AsyncFn(&Rig, Version)) {
    on_own(&[], async |server| {
        for rig in databases(server).await {
            rig.sql(METRICS).await;
            let version = Version::parse(&rig.name).unwrap();
            test(&rig, version).await;
        }
    });
}

/// Adds a policy that does not run during the test.
async fn asleep(rig: &Rig, add: &str) -> String {
    rig.sql("begin").await;
    let job = rig.text(&format!("select public.{add}")).await;
    rig.text(&format!(
        "select public.alter_job({job}, next_start => '2040-01-01')"
    ))
    .await;
    rig.sql("commit").await;
    job
}

async fn planned(rig: &Rig, action: &str, target: &str, set: &[(&str, &str)]) -> Plan {
    let approved = rig.plan(action, target, set).await;
    approved
        .unwrap_or_else(|why| panic!("{}: {action} {target}: {why}", rig.name))
        .plan
}

/// Checks that the undo is partial, for this reason.
async fn partly(rig: &Rig, action: &str, target: &str, why: &str) {
    let undo = planned(rig, action, target, &[]).await.undo;
    assert!(
        matches!(&undo, Undo::Partly(text) if text.contains(why)),
        "{}: {action} {target}: {why:?} in {undo:?}",
        rig.name
    );
}

async fn exactly(rig: &Rig, action: &str, target: &str) {
    let undo = planned(rig, action, target, &[]).await.undo;
    assert!(
        matches!(undo, Undo::Exact(_)),
        "{}: {action} {target}: {undo:?}",
        rig.name
    );
}

/// Checks that all settings come back; the id and the counters of a job do not.
async fn all_settings(rig: &Rig, action: &str, target: &str) {
    let undo = planned(rig, action, target, &[]).await.undo;
    assert!(
        matches!(&undo, Undo::Partly(text) if said_to_keep_all(text)),
        "{}: {action} {target}: {undo:?}",
        rig.name
    );
}

fn said_to_keep_all(text: &str) -> bool {
    let rest = text.strip_prefix("the job is created again with all its settings");
    let rest = rest.or(text.strip_prefix("the policy is created again with all its settings"));
    rest.is_some_and(|rest| rest.contains("are lost") || rest.contains("is lost"))
}

const NUMBERS: &str =
    r#"{"n": 12345678901234567890.12300, "deep": [0.1000000000000000055511151231257827, 1.50]}"#;

#[test]
fn numbers_in_a_jobs_configuration_survive_to_the_last_digit() {
    on_each(async |rig, version| {
        rig.sql("alter table public.m set (timescaledb.compress)")
            .await;
        let mut jobs = Vec::new();
        for (add, edit, target, set) in [
            (
                "add_retention_policy('m', interval '900 days')",
                "edit-retention-policy",
                "m",
                ("drop_after", "800 days"),
            ),
            (
                "add_compression_policy('m', interval '900 days')",
                "edit-compression-policy",
                "m",
                ("compress_after", "800 days"),
            ),
            (
                "add_continuous_aggregate_policy('a', interval '900 days', interval '1 day', interval '1 day')",
                "edit-refresh-policy",
                "a",
                ("start_offset", "800 days"),
            ),
        ] {
            let job = asleep(rig, add).await;
            rig.sql(&format!("select public.alter_job({job}, next_start => '2040-01-01', config => (select config || '{NUMBERS}' from _timescaledb_config.bgw_job where id = {job}))")).await;
            jobs.push((job, edit, target, vec![set, ("override_data_loss", "yes")]));
        }
        for (job, edit, target, set) in &jobs {
            let numbers = format!(
                "select concat_ws(' ', config -> 'n', config -> 'deep') from _timescaledb_config.bgw_job where id = {job}"
            );
            let before = rig.text(&numbers).await;
            assert_eq!(
                before,
                "12345678901234567890.12300 [0.1000000000000000055511151231257827, 1.50]"
            );
            let form = rig.form(edit, target).await.unwrap();
            let set: Vec<_> = set
                .iter()
                .filter(|(key, _)| form.fields.iter().any(|field| field.name == *key))
                .copied()
                .collect();
            let done = rig.act(edit, target, &set).await;
            assert_eq!(rig.text(&numbers).await, before, "{version}: {edit}");
            rig.rollback(&[done.id]).await;
            rig.there_and_back(edit, target, &set, JOBS).await;
            // The form of edit-job shows all digits, and returns unchanged fields as they were.
            let form = rig.form("edit-job", job).await.unwrap();
            let config = &form
                .fields
                .iter()
                .find(|field| field.name == "config")
                .unwrap()
                .value;
            assert!(
                config.contains("12345678901234567890.12300")
                    && config.contains("0.1000000000000000055511151231257827"),
                "{version}: {config}"
            );
            let other = config.replace("1.50", "1.51");
            let done = rig.act("edit-job", job, &[("config", &other)]).await;
            assert_eq!(
                rig.text(&numbers).await,
                before.replace("1.50", "1.51"),
                "{version}: {edit}"
            );
            rig.rollback(&[done.id]).await;
            assert_eq!(rig.text(&numbers).await, before, "{version}: {edit}");
            // A difference in the last digit is a change.
            let other = config.replace("257827", "257828");
            rig.there_and_back("edit-job", job, &[("config", &other)], JOBS)
                .await;
        }
    });
}

#[test]
fn the_options_of_a_refresh_policy_survive_edit_and_undo() {
    on_each(async |rig, version| {
        let mut options = String::new();
        for (option, since) in [
            ("include_tiered_data => true", Version::new(2, 18)),
            (
                "buckets_per_batch => 3, max_batches_per_execution => 7",
                Version::new(2, 19),
            ),
            ("refresh_newest_first => false", Version::new(2, 20)),
        ] {
            if version >= since {
                options = format!("{options}, {option}");
            }
        }
        rig.sql("create materialized view public.top with (timescaledb.continuous) as
                   select public.time_bucket('1 day', b) bb, sum(s) s from public.a group by 1 with no data").await;
        for aggregate in ["a", "top"] {
            let job = rig.text(&format!("select public.add_continuous_aggregate_policy('{aggregate}', interval '90 days', interval '1 day', interval '1 day', initial_start => '2040-01-01'{options})")).await;
            let config = format!(
                "select config::text from _timescaledb_config.bgw_job where hypertable_id = (select mat_hypertable_id from _timescaledb_catalog.continuous_agg where user_view_name = '{aggregate}')"
            );
            let keys = format!(
                "select (config - 'start_offset')::text from ({config}) x (t), lateral (select t::jsonb) y (config)"
            );
            let before = rig.text(&keys).await;
            assert_eq!(
                before.contains("buckets_per_batch"),
                version >= Version::new(2, 19),
                "{before}"
            );
            let done = rig
                .act(
                    "edit-refresh-policy",
                    aggregate,
                    &[("start_offset", "80 days")],
                )
                .await;
            assert_eq!(rig.text(&keys).await, before, "{version}: {aggregate}");
            rig.rollback(&[done.id]).await;
            assert_eq!(rig.text(&keys).await, before, "{version}: {aggregate}");
            rig.there_and_back("remove-refresh-policy", aggregate, &[], &config)
                .await;
            assert_eq!(rig.text(&keys).await, before, "{version}: {aggregate}");
            assert!(!job.is_empty());
        }
    });
}

#[test]
fn a_job_that_is_not_fixed_keeps_the_start_of_its_slots() {
    on_each(async |rig, version| {
        let mut jobs = vec![
            rig.text("select public.add_job('public.work', '1 day', scheduled => false, fixed_schedule => false, initial_start => '2040-01-01', timezone => 'Europe/Vienna')").await,
        ];
        if version >= Version::new(2, 12) {
            let job = rig.text("select public.add_retention_policy('m', interval '900 days', initial_start => '2040-01-01', timezone => 'Asia/Kolkata')").await;
            rig.sql(&format!("select public.alter_job({job}, fixed_schedule => false, timezone => 'Asia/Kolkata', next_start => '2041-01-01')")).await;
            jobs.push(job);
        }
        for job in jobs {
            let start = rig.text(&format!("select fixed_schedule::text || initial_start from _timescaledb_config.bgw_job where id = {job}")).await;
            assert!(start.starts_with("false2040-01-01"), "{version}: {start}");
            rig.there_and_back("delete-job", &job, &[], JOBS).await;
        }
    });
}

#[test]
fn a_policy_that_would_come_back_as_another_owners_says_so_before() {
    on_each(async |rig, version| {
        rig.sql("do $$ begin create role keeper login; exception when duplicate_object then null; end $$")
            .await;
        let job = asleep(rig, "add_retention_policy('m', interval '900 days')").await;
        all_settings(rig, "remove-retention-policy", "m").await;
        rig.sql("alter table public.m owner to keeper").await;
        let owner = rig
            .text(&format!(
                "select owner::regrole from _timescaledb_config.bgw_job where id = {job}"
            ))
            .await;
        if owner == "keeper" {
            assert!(version >= Version::new(2, 23), "{version}");
            all_settings(rig, "remove-retention-policy", "m").await;
        } else {
            partly(
                rig,
                "remove-retention-policy",
                "m",
                "it would belong to keeper",
            )
            .await;
            partly(rig, "delete-job", &job, "it would belong to keeper").await;
        }
        rig.sql("alter table public.m owner to postgres").await;
    });
}

const WORKER: &str =
    "do $$ begin create role worker login; exception when duplicate_object then null; end $$;
  grant all on schema public to worker";

/// Adds a job that belongs to the role `worker`.
async fn add(rig: &Rig, more: &str) -> String {
    rig.sql("begin; set local role worker").await;
    let job = rig.text(&format!("select public.add_job('public.work', '1 day', initial_start => '2040-01-01', config => '{{}}'{more})")).await;
    rig.sql("commit").await;
    job
}

#[test]
fn what_a_job_needs_to_be_made_again_is_looked_at_before() {
    on_each(async |rig, version| {
        rig.sql(WORKER).await;
        let plain = add(rig, "").await;
        all_settings(rig, "delete-job", &plain).await;
        rig.there_and_back("delete-job", &plain, &[], JOBS).await;
        let plain = rig
            .text("select max(id) from _timescaledb_config.bgw_job")
            .await;
        let checked = add(rig, ", check_config => 'public.checks'").await;
        partly(
            rig,
            "delete-job",
            &checked,
            "its check function public.checks may refuse",
        )
        .await;
        exactly(rig, "pause-job", &checked).await;
        let other = planned(rig, "edit-job", &checked, &[("config", "{\"a\": 1}")]).await;
        assert!(
            matches!(&other.undo, Undo::Partly(why) if why.contains("public.checks")),
            "{version}: {:?}",
            other.undo
        );
        // Each missing right of the owner, with the GRANT that would help.
        for (take, give, why) in [
            (
                "revoke execute on procedure public.work from public",
                "grant execute on procedure public.work to public",
                "GRANT EXECUTE ON PROCEDURE public.work TO worker",
            ),
            (
                "revoke all on schema public from public, worker",
                "grant all on schema public to public, worker",
                "GRANT USAGE ON SCHEMA public TO worker",
            ),
            (
                "alter role worker nologin",
                "alter role worker login",
                "ALTER ROLE worker LOGIN",
            ),
        ] {
            rig.sql(take).await;
            partly(rig, "delete-job", &plain, why).await;
            rig.sql(give).await;
            all_settings(rig, "delete-job", &plain).await;
        }
    });
}

#[test]
fn a_job_whose_check_function_refuses_or_is_gone_can_still_be_deleted() {
    on_each(async |rig, version| {
        rig.sql(WORKER).await;
        let checked = add(rig, ", check_config => 'public.checks'").await;
        // The check function refuses. The job is deleted anyway, with a warning about the crash on 2.26 and later.
        rig.sql("create or replace function public.checks(config jsonb) returns void language plpgsql as $$ begin raise exception 'no'; end $$").await;
        let risky = version >= Version::new(2, 26);
        let set: &[(&str, &str)] = if risky {
            &[("lift_max_retries", "no")]
        } else {
            &[]
        };
        rig.sql(&format!(
            "update {} set max_retries = 3 where id = {checked}",
            job_table(rig).await
        ))
        .await;
        if risky {
            assert!(
                rig.form("delete-job", &checked)
                    .await
                    .unwrap()
                    .fields
                    .iter()
                    .any(|field| field.name == "lift_max_retries")
            );
        }
        let risk = planned(rig, "delete-job", &checked, set).await;
        assert_eq!(
            risk.notes
                .iter()
                .any(|note| note.text.contains("the server can crash")),
            risky,
            "{version}: {:?}",
            risk.notes
        );
        rig.act("delete-job", &checked, set).await;
        assert_eq!(
            rig.text(&format!(
                "select count(*) from _timescaledb_config.bgw_job where id = {checked}"
            ))
            .await,
            "0"
        );
        // The check function is gone. The job is restored without it, as the preview says.
        rig.sql("create or replace function public.checks(config jsonb) returns void language sql as 'select 1'").await;
        let checked = add(rig, ", check_config => 'public.checks'").await;
        rig.sql("drop function public.checks").await;
        partly(
            rig,
            "delete-job",
            &checked,
            "creates the job without a check function",
        )
        .await;
        let done = rig.act("delete-job", &checked, &[]).await;
        let back = rig.rollback_plan(&[done.id]).await.unwrap();
        assert_eq!(rig.perform(&back).await.unwrap().problems, [], "{version}");
        assert_eq!(
            rig.text("select count(*) from _timescaledb_config.bgw_job where proc_name = 'work'")
                .await,
            "1"
        );
    });
}

async fn job_table(rig: &Rig) -> String {
    rig.text("select coalesce(to_regclass('_timescaledb_catalog.bgw_job'), to_regclass('_timescaledb_config.bgw_job'))").await
}

#[test]
fn a_policy_that_could_not_be_added_today_is_not_promised_back() {
    on_each(async |rig, version| {
        // Compression was disabled after the policy was added.
        rig.sql("alter table public.m set (timescaledb.compress)")
            .await;
        let job = asleep(rig, "add_compression_policy('m', interval '900 days')").await;
        all_settings(rig, "remove-compression-policy", "m").await;
        rig.sql("alter table public.m set (timescaledb.compress = false)")
            .await;
        partly(
            rig,
            "remove-compression-policy",
            "m",
            "compression is disabled",
        )
        .await;
        partly(rig, "delete-job", &job, "compression is disabled").await;
        // The reorder policy's index is gone: nobody can alter the policy, but it can be deleted.
        rig.sql("create index by_d on public.m (d, ts)").await;
        let job = asleep(rig, "add_reorder_policy('m', 'by_d')").await;
        rig.sql(&format!("select public.alter_job({job}, max_retries => 3, next_start => '2040-01-01'); drop index public.by_d")).await;
        let pause = planned(rig, "pause-job", &job, &[]).await;
        assert!(
            pause
                .notes
                .iter()
                .any(|note| note.text.contains("the server will refuse to alter")),
            "{version}: {:?}",
            pause.notes
        );
        partly(rig, "delete-job", &job, "its index by_d is gone").await;
        let plan = planned(rig, "remove-reorder-policy", "m", &[]).await;
        let risky = version >= Version::new(2, 26);
        assert_eq!(
            plan.notes
                .iter()
                .any(|note| note.text.contains("the server can crash")),
            risky,
            "{version}: {:?}",
            plan.notes
        );
        rig.act("delete-job", &job, &[]).await;
        // alter_job accepts a window shorter than two buckets; adding the policy again would not.
        let job = asleep(rig, "add_continuous_aggregate_policy('a', interval '9 hours', interval '1 hour', interval '1 day')").await;
        all_settings(rig, "remove-refresh-policy", "a").await;
        rig.sql(&format!("select public.alter_job({job}, next_start => '2040-01-01', config => (select jsonb_set(config, '{{start_offset}}', '\"2 hours\"') from _timescaledb_config.bgw_job where id = {job}))")).await;
        partly(
            rig,
            "remove-refresh-policy",
            "a",
            "shorter than two buckets",
        )
        .await;
        partly(rig, "delete-job", &job, "shorter than two buckets").await;
        rig.sql(&format!("select public.alter_job({job}, next_start => '2040-01-01', config => (select jsonb_set(config, '{{start_offset}}', '\"9 hours\"') from _timescaledb_config.bgw_job where id = {job}))")).await;
        // The aggregate's refresh policy is gone.
        rig.sql("alter materialized view public.a set (timescaledb.compress)")
            .await;
        asleep(rig, "add_compression_policy('a', interval '900 days')").await;
        all_settings(rig, "remove-compression-policy", "a").await;
        rig.sql(&format!("select public.delete_job({job})")).await;
        if version < Version::new(2, 27) {
            partly(rig, "remove-compression-policy", "a", "no refresh policy").await;
        } else {
            rig.there_and_back("remove-compression-policy", "a", &[], JOBS)
                .await;
        }
    });
}

/// The table's present settings.
const TABLES: &str = "select to_jsonb(s)::text from _timescaledb_catalog.compression_settings s where s.relid = 'public.m'::regclass";

#[test]
fn chunks_come_back_under_their_settings_and_the_tables_present_ones_stay() {
    on_each(async |rig, version| {
        if version < Version::new(2, 14) {
            return;
        }
        let set = |segment: &str, order: &str| {
            format!(
                "alter table public.m set (timescaledb.compress, timescaledb.compress_segmentby = '{segment}', timescaledb.compress_orderby = '{order}')"
            )
        };
        for action in ["decompress-chunks", "rewrite-chunks"] {
            rig.sql(&set("d", "ts desc")).await;
            rig.sql("select public.compress_chunk(c) from public.show_chunks('m', older_than => interval '1 day') c").await;
            let all = [("chunks", "all")];
            let chunks = "select string_agg(format('%s %s %s %s', segmentby, orderby, orderby_desc, orderby_nullsfirst), ' ' order by 1) from _timescaledb_catalog.compression_settings where relid <> 'public.m'::regclass";
            let before = rig.text(chunks).await;
            // The table's settings differ from the chunks' before the action, and change again before the rollback.
            rig.sql(&set("e", "v desc nulls last, ts")).await;
            let done = rig.act(action, "m", &all).await;
            rig.sql(&set("", "v, ts desc")).await;
            let table = rig.text(TABLES).await;
            rig.rollback(&[done.id]).await;
            assert_eq!(rig.text(TABLES).await, table, "{version}: {action}");
            assert_eq!(rig.text(chunks).await, before, "{version}: {action}");
            rig.sql("select public.decompress_chunk(c, true) from public.show_chunks('m') c")
                .await;
        }
        // If the table leaves segmentby to TimescaleDB, the preview says that it may differ, and the table's settings
        // stay unset.
        if version < Version::new(2, 22) {
            return;
        }
        rig.sql("alter table public.m set (timescaledb.compress = false); alter table public.m set (timescaledb.compress)").await;
        rig.sql("select public.compress_chunk(c) from public.show_chunks('m', older_than => interval '1 day') c").await;
        let table = rig.text(TABLES).await;
        for action in ["decompress-chunks", "rewrite-chunks"] {
            let plan = planned(rig, action, "m", &[("chunks", "all")]).await;
            assert!(
                matches!(&plan.undo, Undo::Partly(why) if why.contains("may get other settings")),
                "{version}: {:?}",
                plan.undo
            );
            let done = rig.act(action, "m", &[("chunks", "all")]).await;
            rig.rollback(&[done.id]).await;
            assert_eq!(rig.text(TABLES).await, table, "{version}: {action}");
        }
    });
}

#[test]
fn chunks_with_sparse_indexes_of_their_own_are_not_promised_back_with_them() {
    on_each(async |rig, version| {
        if version < Version::new(2, 22) {
            return;
        }
        rig.sql("alter table public.m set (timescaledb.compress, timescaledb.compress_segmentby = 'd', timescaledb.compress_orderby = 'ts', timescaledb.compress_sparse_index = 'minmax(v)')").await;
        rig.sql("select public.compress_chunk(c) from public.show_chunks('m', older_than => interval '1 day') c").await;
        rig.sql("alter table public.m set (timescaledb.compress = true, timescaledb.compress_orderby = 'ts, v', timescaledb.compress_sparse_index = '')").await;
        let plan = planned(rig, "decompress-chunks", "m", &[("chunks", "all")]).await;
        assert!(
            matches!(&plan.undo, Undo::Partly(why) if why.contains("sparse indexes")),
            "{version}: {:?}",
            plan.undo
        );
    });
}

#[test]
fn an_index_comes_back_in_its_tablespace_and_with_the_extension_it_depends_on() {
    on_each(async |rig, _| {
        rig.sql("set allow_in_place_tablespaces = on").await;
        rig.sql("drop tablespace if exists elsewhere").await;
        rig.sql("create tablespace elsewhere location ''").await;
        rig.sql("create extension if not exists plpgsql; create index by_d on public.m (d); create index by_e on public.m (e)").await;
        rig.sql("alter index public.by_d depends on extension timescaledb; comment on index public.by_d is 'mine'").await;
        rig.sql("do $$ begin execute format('alter role postgres in database %I set default_tablespace = elsewhere', current_database()); end $$").await;
        let state = "select string_agg(concat_ws(' ', c.relname, c.reltablespace, c.reloptions, obj_description(c.oid, 'pg_class'),
            (select string_agg(d.refobjid::text, ' ') from pg_depend d where d.objid = c.oid and d.deptype = 'x')), E'\\n' order by c.relname)
          from pg_class c where c.relname like '%by_d'";
        let again = Rig::on(&rig.name, &rig.conninfo).await;
        again
            .there_and_back("drop-index", "public.by_d", &[], state)
            .await;
        // Attributes of a single chunk's index are not restored, and the preview says so.
        for adorn in [
            "comment on index %s is 'mine'",
            "alter index %s set (fillfactor = 71)",
        ] {
            exactly(&again, "drop-index", "public.by_e").await;
            let copy = rig.text("select min(format('%I.%I', n.nspname, c.relname)) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relname like '\\_hyper%by_e'").await;
            rig.sql(&adorn.replace("%s", &copy)).await;
            partly(
                &again,
                "drop-index",
                "public.by_e",
                "on chunks or partitions are lost",
            )
            .await;
            rig.sql(&format!(
                "comment on index {copy} is null; alter index {copy} reset (fillfactor)"
            ))
            .await;
        }
        drop(again);
        rig.sql("do $$ begin execute format('alter role postgres in database %I reset default_tablespace', current_database()); end $$").await;
        rig.sql("drop tablespace elsewhere").await;
    });
}

#[test]
fn without_create_on_the_materializations_schema_an_index_is_not_promised_back() {
    on_each(async |rig, _| {
        rig.sql("do $$ begin create role keeper login; exception when duplicate_object then null; end $$; grant all on schema public to keeper").await;
        rig.sql("alter table public.m owner to keeper; alter materialized view public.a owner to keeper; create index by_s on public.a (s)").await;
        let keeper = Rig::on(
            &rig.name,
            &rig.conninfo.replace("user=postgres", "user=keeper"),
        )
        .await;
        let index = "_timescaledb_internal.by_s";
        partly(
            &keeper,
            "drop-index",
            index,
            "GRANT CREATE ON SCHEMA _timescaledb_internal TO keeper",
        )
        .await;
        rig.sql("grant create on schema _timescaledb_internal to keeper")
            .await;
        exactly(&keeper, "drop-index", index).await;
        keeper
            .there_and_back(
                "drop-index",
                index,
                &[],
                "select count(*) from pg_class where relname = 'by_s'",
            )
            .await;
        drop(keeper);
        rig.sql("revoke create on schema _timescaledb_internal from keeper; alter table public.m owner to postgres; alter materialized view public.a owner to postgres").await;
    });
}

#[test]
fn names_that_another_relation_has_are_found_before_an_index_is_made() {
    on_each(async |rig, version| {
        rig.sql("create table public.other (a int); create index taken on public.other (a); create view public.m_v_idx as select 1").await;
        for name in ["taken", "other", "m_v_idx"] {
            let refused = rig
                .plan("create-index", "m", &[("columns", "v"), ("name", name)])
                .await;
            let why = refused.map(|approved| script(&approved.plan)).unwrap_err();
            assert!(
                why.contains(name) && why.contains("choose another name"),
                "{version}: {why}"
            );
        }
        // The name that hypertop chooses is free.
        rig.there_and_back(
            "create-index",
            "m",
            &[("columns", "v")],
            "select count(*) from pg_class where relname like 'm_v_idx%'",
        )
        .await;
    });
}
