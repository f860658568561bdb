//! The queries that an operator would take from the documentation for the same data as a screen.
//!
//! They return the same columns for the same number of rows: lists completely; sizes, bloat and newest rows, which are
//! expensive, only for the rows that a 200x50 terminal shows (`{visible}`, a text[] of qualified names).

use hypertop::connect;
use hypertop::connect::conninfo::Settings;
use hypertop::model::screen_id::ScreenId;
use tokio_postgres::Client;

const HYPERTABLES: &[&str] = &[
    "select * from timescaledb_information.hypertables",
    "select * from timescaledb_information.dimensions",
    "select hypertable_schema, hypertable_name, count(*), count(*) filter (where is_compressed) from timescaledb_information.chunks group by 1, 2",
    "select * from timescaledb_information.jobs j left join timescaledb_information.job_stats s using (job_id)",
    "select * from timescaledb_information.continuous_aggregates",
    // The sizes of the hypertables, and those of their newest chunks.
    "select v, d.* from unnest({visible}) v, lateral chunks_detailed_size(v::regclass) d",
];

const COMPRESSION: &[&str] = &[
    "select h.hypertable_name, s.* from timescaledb_information.hypertables h, lateral hypertable_compression_stats(format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass) s",
    "select * from timescaledb_information.compression_settings",
    "select * from timescaledb_information.jobs j left join timescaledb_information.job_stats s using (job_id) where j.proc_name = 'policy_compression'",
    "with e as materialized (select c.hypertable_schema, c.hypertable_name, c.chunk_schema, c.chunk_name from timescaledb_information.jobs j join timescaledb_information.chunks c on c.hypertable_schema = j.hypertable_schema and c.hypertable_name = j.hypertable_name where j.proc_name = 'policy_compression' and not c.is_compressed and c.range_end <= now() - case when c.primary_dimension_type <> 'bigint'::regtype then (j.config ->> 'compress_after')::interval end), s as materialized (select h.hypertable_name, d.* from (select distinct hypertable_schema, hypertable_name from e) h, lateral chunks_detailed_size(format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass) d where format('%I.%I', h.hypertable_schema, h.hypertable_name) = any ({visible})) select e.hypertable_name, count(*), sum(s.total_bytes) from e left join s on s.chunk_schema = e.chunk_schema and s.chunk_name = e.chunk_name group by 1",
];

const RETENTION: &[&str] = &[
    "select * from timescaledb_information.jobs j left join timescaledb_information.job_stats s using (job_id) where j.proc_name = 'policy_retention'",
    "select hypertable_schema, hypertable_name, count(*), min(range_start) from timescaledb_information.chunks group by 1, 2",
    "with e as materialized (select c.hypertable_schema, c.hypertable_name, c.chunk_schema, c.chunk_name from timescaledb_information.jobs j join timescaledb_information.chunks c on c.hypertable_schema = j.hypertable_schema and c.hypertable_name = j.hypertable_name where j.proc_name = 'policy_retention' and c.range_end <= now() - case when c.primary_dimension_type <> 'bigint'::regtype then (j.config ->> 'drop_after')::interval end), s as materialized (select h.hypertable_name, d.* from (select distinct hypertable_schema, hypertable_name from e) h, lateral chunks_detailed_size(format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass) d where format('%I.%I', h.hypertable_schema, h.hypertable_name) = any ({visible})) select e.hypertable_name, count(*), sum(s.total_bytes) from e left join s on s.chunk_schema = e.chunk_schema and s.chunk_name = e.chunk_name group by 1",
];

const INDEXES: &[&str] = &[
    "select schemaname, tablename, indexname, indexdef from pg_indexes where (schemaname, tablename) in (select hypertable_schema, hypertable_name from timescaledb_information.hypertables)",
    "select c.hypertable_name, s.indexrelname, s.idx_scan, pg_relation_size(s.indexrelid) from pg_stat_user_indexes s join timescaledb_information.chunks c on c.chunk_schema = s.schemaname and c.chunk_name = s.relname order by s.idx_scan",
    "select i, hypertable_index_size(i::regclass) from unnest({visible}) i",
    // Estimated size of the rows from their average width, by the statistics of each chunk's columns. Materialized,
    // because the planner's own choice runs for minutes.
    "with h as materialized (select distinct schemaname, tablename from pg_indexes where format('%I.%I', schemaname, indexname) = any ({visible})), c as materialized (select c.hypertable_name, c.chunk_schema, c.chunk_name from h join timescaledb_information.chunks c on c.hypertable_schema = h.schemaname and c.hypertable_name = h.tablename), k as materialized (select c.hypertable_name, c.chunk_schema, c.chunk_name, t.oid from c join pg_namespace n on n.nspname = c.chunk_schema join pg_class t on t.relnamespace = n.oid and t.relname = c.chunk_name), s as materialized (select s.schemaname, s.tablename, s.attname, s.avg_width from pg_stats s where (s.schemaname, s.tablename) in (select chunk_schema, chunk_name from k)) select k.hypertable_name, i.indexrelid, p.relpages - ceil(p.reltuples * (12 + 8 * ceil(sum(s.avg_width) / 8.0)) / (8152 * 0.9)) as spare from k join pg_index i on i.indrelid = k.oid join pg_class p on p.oid = i.indexrelid join pg_attribute a on a.attrelid = k.oid and a.attnum = any (i.indkey::int2[]) join s on s.schemaname = k.chunk_schema and s.tablename = k.chunk_name and s.attname = a.attname group by 1, 2, p.relpages, p.reltuples",
];

const JOBS: &[&str] = &[
    "select * from timescaledb_information.jobs",
    "select * from timescaledb_information.job_stats",
    "select distinct on (job_id) * from timescaledb_information.job_errors order by job_id, finish_time desc",
    "select application_name, pid from pg_stat_activity",
    // The last 20 runs, and since when a job fails.
    "select job_id, start_time, finish_time, succeeded from (select *, row_number() over (partition by job_id order by start_time desc) as n from timescaledb_information.job_history where job_id = any ({visible}::int[])) h where n <= 20",
    "select e.job_id, min(e.finish_time) from timescaledb_information.job_errors e join timescaledb_information.job_stats s using (job_id) where e.job_id = any ({visible}::int[]) and e.start_time > s.last_successful_finish group by 1",
];

const AGGREGATES: &[&str] = &[
    "select * from timescaledb_information.continuous_aggregates",
    "select v.view_name, _timescaledb_functions.cagg_watermark(h.id) from timescaledb_information.continuous_aggregates v join _timescaledb_catalog.hypertable h on h.schema_name = v.materialization_hypertable_schema and h.table_name = v.materialization_hypertable_name",
    "select * from timescaledb_information.jobs j left join timescaledb_information.job_stats s using (job_id) where j.proc_name = 'policy_refresh_continuous_aggregate'",
];

/// A dashboard of the documented views, as `watch psql -f` would show it every two seconds.
pub const WATCH: &[&str] = &[
    "select hypertable_name, num_chunks, compression_enabled from timescaledb_information.hypertables order by num_chunks desc limit 20",
    "select h.hypertable_name, s.total_chunks, s.number_compressed_chunks, pg_size_pretty(s.before_compression_total_bytes), pg_size_pretty(s.after_compression_total_bytes) from timescaledb_information.hypertables h, lateral hypertable_compression_stats(format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass) s order by s.before_compression_total_bytes desc nulls last limit 20",
    "select job_id, hypertable_name, last_run_status, job_status, last_run_duration, next_start, total_failures from timescaledb_information.job_stats order by total_failures desc nulls last limit 20",
    "select job_id, proc_name, finish_time, err_message from timescaledb_information.job_errors order by finish_time desc limit 10",
    "select j.hypertable_name, count(*) from timescaledb_information.jobs j join timescaledb_information.chunks c on c.hypertable_schema = j.hypertable_schema and c.hypertable_name = j.hypertable_name where j.proc_name = 'policy_retention' and c.range_end <= now() - case when c.primary_dimension_type <> 'bigint'::regtype then (j.config ->> 'drop_after')::interval end group by 1",
];

/// A session that finds the extension's functions by their bare names, as psql does.
pub async fn client(settings: &Settings) -> Client {
    let client = connect::again(settings, None).await.unwrap().client;
    let path = "select set_config('search_path', format('%I, pg_catalog', n.nspname), false) from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'timescaledb'";
    client.simple_query(path).await.unwrap();
    client
}

/// The names of the rows with these ids.
async fn names(client: &Client, screen: ScreenId, ids: &[i64]) -> Vec<String> {
    let statement = match screen {
        ScreenId::Indexes => {
            "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid::int8 = any ($1)"
        }
        ScreenId::Jobs => "select id::text from unnest($1::int8[]) id",
        ScreenId::Aggregates => {
            "select format('select max(%I) from %I.%I', d.column_name, d.hypertable_schema, d.hypertable_name) from _timescaledb_catalog.continuous_agg a join _timescaledb_catalog.hypertable h on h.id = a.raw_hypertable_id join timescaledb_information.dimensions d on d.hypertable_schema = h.schema_name and d.hypertable_name = h.table_name and d.dimension_number = 1 where a.mat_hypertable_id::int8 = any ($1)"
        }
        _ => {
            "select format('%I.%I', schema_name, table_name) from _timescaledb_catalog.hypertable where id::int8 = any ($1)"
        }
    };
    let rows = client.query(statement, &[&ids]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The documented queries for a screen. `ids`: rows whose expensive figures the screen reads.
pub async fn twin(client: &Client, screen: ScreenId, ids: &[i64]) -> Vec<String> {
    let names = names(client, screen, ids).await;
    let quoted: Vec<_> = names
        .iter()
        .map(|name| format!("'{}'", name.replace('\'', "''")))
        .collect();
    let visible = format!("array[{}]::text[]", quoted.join(", "));
    let statements = match screen {
        ScreenId::Hypertables => HYPERTABLES,
        ScreenId::Compression => COMPRESSION,
        ScreenId::Retention => RETENTION,
        ScreenId::Indexes => INDEXES,
        ScreenId::Jobs => JOBS,
        ScreenId::Aggregates => AGGREGATES,
        _ => &[],
    };
    let statements = statements
        .iter()
        .map(|text| text.replace("{visible}", &visible));
    // The newest row of a source takes one statement per source.
    let newest = names
        .iter()
        .filter(|_| screen == ScreenId::Aggregates)
        .cloned();
    statements.chain(newest).collect()
}
