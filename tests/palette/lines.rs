//! One line for each action: its screen, target and inputs, and how its effect is checked.

/// Whether a rollback restores the state.
pub enum Back {
    Yes,
    /// From this minor version of TimescaleDB 2 on.
    Since(u32),
    /// The action runs, but cannot be rolled back.
    No,
    /// Before this minor version of TimescaleDB 2 the action is refused with these words; from it on it can be rolled
    /// back.
    From(u32, &'static str),
    /// The action is refused with these words.
    Refused(&'static str),
}

/// How to test the action on one kind of server.
pub struct On {
    /// SQL that runs before each round.
    pub first: &'static str,
    /// Filter that shows the row. If it starts with `select`, the query returns the filter.
    pub filter: &'static str,
    /// Target for the shell. If it starts with `select`, the query returns the target.
    pub target: &'static str,
    pub set: &'static [(&'static str, &'static str)],
    pub back: Back,
    /// SQL whose result changes with the action. Empty: the whole state that rollbacks must restore.
    pub proof: &'static str,
}

pub struct Line {
    pub action: &'static str,
    pub screen: &'static str,
    pub real: On,
    pub stand_in: On,
}

/// Actions without a line, each with the reason.
pub const UNTRIED: &[(&str, &str)] = &[];

type Set = &'static [(&'static str, &'static str)];

const fn on(filter: &'static str, target: &'static str, set: Set) -> On {
    On {
        first: "",
        filter,
        target,
        set,
        back: Back::Yes,
        proof: "",
    }
}

impl On {
    const fn after(mut self, first: &'static str) -> Self {
        self.first = first;
        self
    }

    const fn back(mut self, back: Back) -> Self {
        self.back = back;
        self
    }

    /// Declares that the action changes the result of `proof` and cannot be rolled back.
    const fn once(mut self, proof: &'static str) -> Self {
        self.back = Back::No;
        self.proof = proof;
        self
    }

    /// Sets the SQL that shows the action's effect and its rollback.
    const fn by(mut self, proof: &'static str) -> Self {
        self.proof = proof;
        self
    }

    const fn refused(mut self, words: &'static str) -> Self {
        self.back = Back::Refused(words);
        self
    }
}

const fn line(action: &'static str, screen: &'static str, real: On, stand_in: On) -> Line {
    Line {
        action,
        screen,
        real,
        stand_in,
    }
}

const fn full(set: Set) -> On {
    on("Full 1", r#"w."Full 1""#, set)
}
const fn bare(set: Set) -> On {
    on("Bare 2", r#"w."Bare 2""#, set)
}
const fn ready(set: Set) -> On {
    on("Ready 3", r#"w."Ready 3""#, set)
}
const fn packed(set: Set) -> On {
    on("Packed 4", r#"w."Packed 4""#, set)
}
const fn empty(set: Set) -> On {
    on("Empty 5", r#"w."Empty 5""#, set)
}
const fn hour(set: Set) -> On {
    on("Hour 1", r#"w."Hour 1""#, set)
}
const fn day(set: Set) -> On {
    on("Day 2", r#"w."Day 2""#, set)
}
const fn job(name: &'static str, id: &'static str, set: Set) -> On {
    on(name, id, set)
}
/// The stand-in cannot compress.
const fn cannot() -> On {
    on("energy_consumption", "mes.energy_consumption", &[]).refused("cannot compress")
}
const fn energy(set: Set) -> On {
    on("energy_consumption", "mes.energy_consumption", set)
}
const fn oee(set: Set) -> On {
    on("oee_daily", "mes.oee_daily", set)
}
const ALPHA: &str = "select id::text from _timescaledb_config.bgw_job where proc_name = 'alpha'";
const BETA: &str = "select id::text from _timescaledb_config.bgw_job where proc_name = 'beta'";
const NOOP: &str = "select id::text from _timescaledb_config.bgw_job where proc_name = 'job_noop'";
const ERP: &str =
    "select id::text from _timescaledb_config.bgw_job where proc_name = 'job_export_erp'";
const SOON: Set = &[("first_run", "300d")];

const WATERMARK: &str = "select string_agg(w::text, ',' order by mat_hypertable_id) from _timescaledb_catalog.continuous_aggs_watermark w";
const BEHIND: &str = "update _timescaledb_catalog.continuous_aggs_watermark w set watermark = watermark - 432000000000
    from _timescaledb_catalog.continuous_agg a where a.mat_hypertable_id = w.mat_hypertable_id and a.user_view_name = 'oee_daily';
  insert into _timescaledb_catalog.continuous_aggs_materialization_invalidation_log
    select w.mat_hypertable_id, w.watermark, 9223372036854775807 from _timescaledb_catalog.continuous_aggs_watermark w
      join _timescaledb_catalog.continuous_agg a using (mat_hypertable_id) where a.user_view_name = 'oee_daily'";
const HOUR_ROWS: &str = r#"select format('%s %s', count(*), sum(s)) from w."Hour 1""#;
const DAY_ROWS: &str = r#"select format('%s %s', count(*), sum(s)) from w."Day 2""#;
/// A row in the future has moved the watermark there.
const AHEAD: &str = r#"do $$ begin insert into w."Bare 2" select now() + interval '20 days', 1, 1;
  update _timescaledb_catalog.continuous_aggs_watermark w set watermark = (extract(epoch from date_trunc('hour', now()) + interval '21 days') * 1000000)::int8
    from _timescaledb_catalog.continuous_agg a where a.mat_hypertable_id = w.mat_hypertable_id and a.user_view_name = 'Hour 1'; end $$"#;
const FUTURE: &str = r#"select count(*) from w."Bare 2" where ts > now() + interval '10 days'"#;
const LATE: &str = r#"insert into w."Bare 2" select now() - interval '30 hours', 1, 1000"#;
const OTHER_ORDER: &str = r#"do $$ begin alter table w."Packed 4" set (timescaledb.compress, timescaledb.compress_segmentby = 'd', timescaledb.compress_orderby = 'v desc, ts');
  exception when feature_not_supported then null; end $$"#;
/// Orderings of compressed chunks. Versions store them with the chunk or with the relation of its compressed rows.
const ORDERS: &str = "select string_agg(x, ', ' order by x) from (select format('%s %s %s', s.segmentby, s.orderby, s.orderby_desc) x
  from _timescaledb_catalog.compression_settings s where s.relid::text like '%chunk') all_of_them";
const COPIES: &str = r#"select count(*) from pg_inherits h join pg_index y on y.indrelid = h.inhrelid where h.inhparent = 'w."Full 1"'::regclass and pg_get_indexdef(y.indexrelid) like '%(v)%'"#;
const FILES: &str = "select string_agg(relfilenode::text, ',' order by oid) from pg_class where relkind = 'i' and relnamespace::regnamespace::text !~ '^pg_'";
const ANALYZED: &str =
    "select sum(analyze_count)::text || pg_sleep(0.3)::text from pg_stat_user_tables";
const CHUNKS: &str = "select count(*) from _timescaledb_catalog.chunk c where to_jsonb(c) ->> 'dropped' is distinct from 'true'";
const AGED: &str = "update _timescaledb_catalog.dimension_slice set range_start = range_start - 86400000000 * 100, range_end = range_end - 86400000000 * 100
  where chunk_id = (select min(c.id) from _timescaledb_catalog.chunk c join _timescaledb_catalog.hypertable h on h.id = c.hypertable_id where h.table_name = 'energy_consumption' and c.status & 4 = 0)";
/// A table that the statistics call large.
const PLAIN: &str =
    "drop table if exists w.plain_one; create table w.plain_one (ts timestamptz not null, d int);
  update pg_class set reltuples = 20000000 where oid = 'w.plain_one'::regclass";
const PLAIN_OF_STAND_IN: &str = "drop table if exists mes.plain_one; create table mes.plain_one (ts timestamptz not null, d int);
  update pg_class set reltuples = 20000000 where oid = 'mes.plain_one'::regclass";
const MADE: &str =
    "select count(*) from _timescaledb_catalog.hypertable where table_name = 'plain_one'";
const REORDERED: &str = "do $$ begin perform add_reorder_policy('mes.energy_consumption', 'energy_meter_ts_idx', initial_start => '2040-01-01 00:00+00'); exception when duplicate_object then null; end $$";
const COUNTING: &str = "create or replace procedure mes.job_noop(job_id int, config jsonb) language sql as 'insert into mes.line select max(id) + 1, ''ran'' from mes.line'";
const LEFTOVER: &str = "do $$ begin create index line_name_ccnew on w.line (name); update pg_index set indisvalid = false where indexrelid = 'w.line_name_ccnew'::regclass; end $$";
const LEFTOVER_OF_STAND_IN: &str = "do $$ begin create index if not exists line_name_idx_ccnew on mes.line (name); update pg_index set indisvalid = false where indexrelid = 'mes.line_name_idx_ccnew'::regclass; end $$";
const LEFTOVERS: &str = "select count(*) from pg_class where relname like '%\\_ccnew'";
const SLEEPS: &str = "select count(*) from pg_stat_activity where application_name like 'victim%' and state = 'active'";
const VICTIM: &str = "select pid::text from pg_stat_activity where application_name like 'victim%' and state = 'active'";

pub const LINES: &[Line] = &[
    line("refresh-aggregate", "aggregates", hour(&[]).after(LATE).once(HOUR_ROWS), oee(&[]).after(BEHIND).once(WATERMARK)),
    line("refresh-behind", "aggregates", hour(&[]).after(LATE).once(HOUR_ROWS), oee(&[]).after(BEHIND).once(WATERMARK)),
    line("refresh-hierarchy", "aggregates", day(&[]).after(LATE).once(DAY_ROWS), oee(&[]).after(BEHIND).once(WATERMARK)),
    line(
        "add-refresh-policy",
        "aggregates",
        day(&[("start_offset", "90 days"), ("end_offset", "1 day"), ("initial_start", "2040-01-01 00:00")]),
        on("energy_never", "mes.energy_never", &[("start_offset", "90 days"), ("end_offset", "1 day"), ("initial_start", "2040-01-01 00:00")]),
    ),
    line("edit-refresh-policy", "aggregates", hour(&[("schedule_interval", "7 hours")]), on("energy_hourly", "mes.energy_hourly", &[("schedule_interval", "7 hours")])),
    line("remove-refresh-policy", "aggregates", hour(&[]), on("energy_hourly", "mes.energy_hourly", &[])),
    line(
        "move-watermark-back",
        "aggregates",
        hour(&[("delete_future_rows", "yes")]).after(AHEAD).once(FUTURE),
        oee(&[]).refused("cannot be moved back"),
    ),
    line("switch-real-time", "aggregates", hour(&[]), oee(&[]).refused("plain PostgreSQL has no ALTER MATERIALIZED VIEW")),
    line(
        "create-aggregate",
        "hypertables",
        ready(&[("name", "w.made_view"), ("query", "select time_bucket('1 day', ts) as b, count(*) as n from w.\"Ready 3\" group by 1")]),
        energy(&[("name", "mes.made_view"), ("query", "select 1")]).refused("only simulated"),
    ),
    line(
        "drop-aggregate",
        "aggregates",
        on("going", "w.going", &[])
            .after("create materialized view w.going with (timescaledb.continuous) as select time_bucket('1 day', ts) as b, count(*) as n from w.\"Ready 3\" group by 1 with no data")
            .once("select count(*) from _timescaledb_catalog.continuous_agg where user_view_name = 'going'"),
        oee(&[]).refused("only simulated"),
    ),
    line(
        "create-hypertable",
        "hypertables",
        on("plain_one", "w.plain_one", &[("chunk_interval", "1 day")]).after(PLAIN).once(MADE),
        on("plain_one", "mes.plain_one", &[]).after(PLAIN_OF_STAND_IN).refused("only simulated"),
    ),
    line("compress-chunks", "compression", ready(&[("older_than", "7 days")]), cannot()),
    line("decompress-chunks", "compression", full(&[("older_than", "8 days")]), cannot()),
    line(
        "recompress-chunks",
        "compression",
        packed(&[]).after(r#"insert into w."Packed 4" select min(ts) + interval '7 min', 1, 1 from w."Packed 4""#)
            .once("select string_agg(status::text, ',' order by id) from _timescaledb_catalog.chunk"),
        cannot(),
    ),
    line(
        "rewrite-chunks",
        "compression",
        packed(&[]).after(OTHER_ORDER).back(Back::From(14, "nothing to rewrite")).by(ORDERS),
        cannot(),
    ),
    line("enable-compression", "compression", bare(&[("segment_by", "d")]), cannot()),
    line("edit-compression-settings", "compression", empty(&[("segment_by", "v")]), cannot()),
    line("disable-compression", "compression", empty(&[]), cannot()),
    line("add-compression-policy", "compression", ready(&[("compress_after", "90 days"), ("first_run", "300d")]), cannot()),
    line("edit-compression-policy", "compression", full(&[("compress_after", "120 days")]), cannot()),
    line("remove-compression-policy", "compression", full(&[]), cannot()),
    line("add-retention-policy", "retention", ready(&[("drop_after", "9 years"), ("first_run", "300d")]), energy(&[("drop_after", "9 years"), ("first_run", "300d")])),
    line("edit-retention-policy", "retention", full(&[("drop_after", "300 days")]), on("oee_calculations", "mes.oee_calculations", &[("drop_after", "400 days")])),
    line("remove-retention-policy", "retention", full(&[]), on("oee_calculations", "mes.oee_calculations", &[])),
    line(
        "drop-chunks",
        "retention",
        ready(&[("drop_after", "30 days")]).after(r#"insert into w."Ready 3" select now() - interval '40 days', 1, 1"#).once(CHUNKS),
        energy(&[("drop_after", "60 days")]).after(AGED).once(CHUNKS),
    ),
    line("reindex-index", "indexes", on("~\\tfull_v\\b", "w.full_v", &[("at_least_kb", "0")]).once(FILES), on("energy_meter_ts_idx", "mes.energy_meter_ts_idx", &[("at_least_kb", "0")]).once(FILES)),
    line("drop-leftovers", "indexes", on("~\\tline_name\\b", "w.line_name", &[]).after(LEFTOVER).once(LEFTOVERS), on("~\\tline_name_idx\\b", "mes.line_name_idx", &[]).after(LEFTOVER_OF_STAND_IN).once(LEFTOVERS)),
    line("drop-index", "indexes", on("~\\tfull_again\\b", "w.full_again", &[]), on("~\\tline_name_again_idx\\b", "mes.line_name_again_idx", &[])),
    line(
        "rebuild-missing",
        "indexes",
        on("~\\tfull_v\\b", "w.full_v", &[]).after("do $$ declare i regclass; begin select y.indexrelid into i from pg_inherits h join pg_index y on y.indrelid = h.inhrelid
            where h.inhparent = 'w.\"Full 1\"'::regclass and pg_get_indexdef(y.indexrelid) like '%(v)%' order by 1 desc limit 1; execute 'drop index ' || i; end $$").back(Back::Since(22)).by(COPIES),
        on("~\\toee_unused_idx\\b", "mes.oee_unused_idx", &[]).refused("simulated"),
    ),
    line("create-index", "hypertables", ready(&[("columns", "v, ts DESC"), ("name", "made_here")]), energy(&[("columns", "kwh")]).refused("simulated")),
    line("reindex-table", "hypertables", full(&[("at_least_kb", "0")]).once(FILES), energy(&[("at_least_kb", "0")]).once(FILES)),
    line("set-chunk-interval", "hypertables", ready(&[("interval", "3 days")]), energy(&[("interval", "3 days")])),
    line("analyze-table", "hypertables", ready(&[]).once(ANALYZED), energy(&[]).once(ANALYZED)),
    line("add-reorder-policy", "hypertables", ready(SOON), energy(SOON)),
    line("remove-reorder-policy", "hypertables", full(&[]), energy(&[]).after(REORDERED)),
    line("run-job-now", "jobs", job("alpha", ALPHA, &[]).once("select count(*) from w.ran"), job("noop", NOOP, &[]).after(COUNTING).once("select count(*) from mes.line")),
    line("pause-job", "jobs", job("alpha", ALPHA, &[]), job("export_erp", ERP, &[])),
    line("resume-job", "jobs", job("beta", BETA, &[]), job("noop", NOOP, &[])),
    line("edit-job", "jobs", job("alpha", ALPHA, &[("schedule_interval", "5h"), ("max_retries", "4")]), job("noop", NOOP, &[("schedule_interval", "5h"), ("max_retries", "4")])),
    line("delete-job", "jobs", job("alpha", ALPHA, &[]), job("noop", NOOP, &[])),
    line("cancel-query", "activity", on("victim", VICTIM, &[]).once(SLEEPS), on("victim", VICTIM, &[]).once(SLEEPS)),
    line("terminate-session", "activity", on("victim", VICTIM, &[]).once(SLEEPS), on("victim", VICTIM, &[]).once(SLEEPS)),
];
