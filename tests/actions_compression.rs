//! Actions on compression, on every real TimescaleDB: the effect is checked by SQL, and so is the rollback.

mod support;

#[path = "actions_compression/chunks.rs"]
mod chunks;
#[path = "actions_compression/policies.rs"]
mod policies;
#[path = "actions_compression/settings.rs"]
mod settings;

use hypertop::model::version::Version;
use support::act::Rig;
use support::{Target, block_on, with_targets};

/// A hypertable with unusual names: ten full days and today, in chunks of a day.
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

    /// Query of all chunks with their status, and a sum over the rows.
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
            "select coalesce((jsonb_agg(to_jsonb(s) order by attname) filter (where attname is not null))::text, 'none') || h.compression_state || coalesce((to_jsonb(h) ->> 'status')::int & 4, 0)
             from _timescaledb_catalog.hypertable h left join timescaledb_information.compression_settings s
               on s.hypertable_schema = h.schema_name and s.hypertable_name = h.table_name
             where format('%I.%I', h.schema_name, h.table_name) = '{}' group by h.id",
            self.table
        )
    }

    /// Query of the compression policy and its next start, without its id.
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

/// Query of the compression policy of a hypertable or aggregate, without its id.
fn job(relation: &str) -> String {
    format!(
        "select jsonb_agg((to_jsonb(b) - 'id') || jsonb_build_object('application_name',
           regexp_replace(b.application_name::text, ' \\[\\d+\\]$', ''), 'next_start', s.next_start))
         from _timescaledb_config.bgw_job b left join _timescaledb_internal.bgw_job_stat s on s.job_id = b.id
         join _timescaledb_catalog.hypertable h on h.id = b.hypertable_id
         left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = h.id
         where b.proc_name = 'policy_compression'
           and '{relation}' in (format('%I.%I', h.schema_name, h.table_name), format('%I.%I', coalesce(a.user_view_schema, ''), coalesce(a.user_view_name, '')))"
    )
}

fn version(rig: &Rig) -> Version {
    rig.session.server.sql_version()
}

fn everywhere(test: &impl AsyncFn(Rig, &Target)) {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            block_on(async { test(Rig::new(target).await, target).await });
        }
    });
}

/// The notes of a plan, one per line.
fn notes(plan: &hypertop::model::plan::Plan) -> String {
    let texts: Vec<_> = plan.notes.iter().map(|note| note.text.as_str()).collect();
    texts.join("\n")
}
