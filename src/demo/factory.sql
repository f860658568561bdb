-- The demo's factory: sensors, lines, meters and orders of a plant.
-- Statements end with a semicolon at the end of a line. `-- step:` names the step of the following statements.
-- All times are relative to now. Deliberate problems: compression backlog, a partially compressed and a frozen chunk,
-- overdue retention, failing, paused and slow jobs, late and never refreshed aggregates, a refresh that deletes rows,
-- an average of averages, unused, duplicate and missing indexes. Also integer time and unusual identifiers.
-- step: schema
SET client_min_messages = error;
SET timezone = 'UTC';
SET jit = off;

CREATE SCHEMA mes;
CREATE SCHEMA "Weird ""Name""";
CREATE TABLE mes.seed_info AS
  SELECT date_trunc('hour', now()) AS t0, extversion FROM pg_extension WHERE extname = 'timescaledb';

-- step: hypertables
CREATE TABLE mes.metric_hist (
  ts timestamptz NOT NULL, metric_def_id int NOT NULL, value double precision, quality smallint NOT NULL DEFAULT 192);
SELECT create_hypertable('mes.metric_hist', 'ts', chunk_time_interval => interval '1 hour', create_default_indexes => false);
CREATE INDEX metric_hist_def_ts_idx     ON mes.metric_hist (metric_def_id, ts DESC);
CREATE INDEX metric_hist_def_ts_dup_idx ON mes.metric_hist (metric_def_id, ts DESC);
CREATE INDEX metric_hist_def_idx        ON mes.metric_hist (metric_def_id);
CREATE INDEX metric_hist_ts_idx         ON mes.metric_hist (ts DESC);

CREATE TABLE mes.oee_calculations (
  ts timestamptz NOT NULL, line_id int NOT NULL, availability real, performance real, quality real, oee real,
  PRIMARY KEY (line_id, ts));
SELECT create_hypertable('mes.oee_calculations', 'ts', chunk_time_interval => interval '1 day');
CREATE INDEX oee_unused_idx ON mes.oee_calculations (quality, performance);

CREATE TABLE mes.energy_consumption (
  ts timestamptz NOT NULL, meter_id int NOT NULL, kwh double precision, kw_peak double precision, note text);
SELECT create_hypertable('mes.energy_consumption', 'ts', chunk_time_interval => interval '1 day');
CREATE INDEX energy_meter_ts_idx ON mes.energy_consumption (meter_id, ts DESC);

CREATE TABLE mes.production_kpis (
  ts timestamptz NOT NULL, line_id int NOT NULL, kpi text NOT NULL, val numeric);
SELECT create_hypertable('mes.production_kpis', 'ts', chunk_time_interval => interval '1 day');
CREATE INDEX production_kpis_line_idx ON mes.production_kpis (line_id, kpi, ts DESC);

CREATE TABLE mes.production_context_history (
  ts timestamptz NOT NULL, line_id int NOT NULL, order_no text NOT NULL, product text, shift text, payload jsonb);
SELECT create_hypertable('mes.production_context_history', 'ts', chunk_time_interval => interval '1 day');

-- integer time: one unit per machine cycle
CREATE TABLE mes.machine_cycles (cycle bigint NOT NULL, machine_id int NOT NULL, duration_ms int, ok boolean);
SELECT create_hypertable('mes.machine_cycles', 'cycle', chunk_time_interval => 10000);
CREATE FUNCTION mes.machine_cycle_now() RETURNS bigint LANGUAGE sql STABLE AS
  'SELECT coalesce(max(cycle), 0) FROM mes.machine_cycles';
SELECT set_integer_now_func('mes.machine_cycles', 'mes.machine_cycle_now');

-- unusual identifiers: quotes, dots, spaces, upper case, non-ASCII
CREATE TABLE "Weird ""Name""".x ("Time Stamp" timestamp NOT NULL, "Größe (mm)" real, "select" int);
SELECT create_hypertable('"Weird ""Name""".x', 'Time Stamp', chunk_time_interval => interval '1 day');
CREATE INDEX "Idx; drop table x --" ON "Weird ""Name""".x ("select");
CREATE TABLE "Weird ""Name"""."Ölçüm.Tablo 'A'" (day date NOT NULL, v int);
SELECT create_hypertable('"Weird ""Name"""."Ölçüm.Tablo ''A''"', 'day', chunk_time_interval => interval '7 days');

-- step: rows
-- 9 days, 12 metrics, one row per minute and metric: 217 chunks
INSERT INTO mes.metric_hist (ts, metric_def_id, value)
  SELECT t, m, 50 + 10 * sin(extract(epoch FROM t) / 3600 + m) + m
  FROM mes.seed_info, generate_series(t0 - interval '9 days', now(), interval '1 min') t, generate_series(1, 12) m;
-- 3 chunks older than the retention of 90 days
INSERT INTO mes.metric_hist (ts, metric_def_id, value)
  SELECT t0 - interval '95 days' + h * interval '1 hour' + s * interval '1 min', 1 + s % 12, h
  FROM mes.seed_info, generate_series(0, 2) h, generate_series(0, 59) s;
INSERT INTO mes.oee_calculations
  SELECT t, l, .9, .8 + .01 * l, .99, .9 * (.8 + .01 * l) * .99
  FROM mes.seed_info, generate_series(t0 - interval '30 days', t0, interval '15 min') t, generate_series(1, 5) l;
INSERT INTO mes.energy_consumption
  SELECT t, m, 12.5 + m, 20 + m, 'meter ' || m || ' reading'
  FROM mes.seed_info, generate_series(t0 - interval '40 days', t0, interval '10 min') t, generate_series(1, 8) m;
INSERT INTO mes.production_kpis
  SELECT t, l, k, round((100 * l + length(k) * extract(hour FROM t))::numeric, 3)
  FROM mes.seed_info, generate_series(t0 - interval '20 days', t0, interval '30 min') t, generate_series(1, 5) l,
       unnest(ARRAY['throughput', 'scrap', 'mtbf', 'mttr']) k;
INSERT INTO mes.production_context_history
  SELECT t, l, 'PO-' || to_char(t, 'YYMMDD') || l, 'SKU' || l, substr('ABC', 1 + extract(hour FROM t)::int / 8, 1),
         jsonb_build_object('operator', l * 7, 'tool', md5(t::text))
  FROM (SELECT t0 FROM mes.seed_info) i, generate_series(t0 - interval '60 days', t0, interval '2 hours') t, generate_series(1, 5) l;
INSERT INTO mes.production_context_history
  SELECT t0 - interval '740 days', 1, 'PO-OLD', 'SKU0', 'A', '{}' FROM mes.seed_info;
INSERT INTO mes.machine_cycles SELECT c, 1 + c % 4, 900 + (c % 100)::int, c % 50 <> 0 FROM generate_series(1, 100000) c;
INSERT INTO "Weird ""Name""".x
  SELECT t, random(), 1 FROM mes.seed_info, generate_series((t0 - interval '3 days')::timestamp, t0::timestamp, interval '5 min') t;
INSERT INTO "Weird ""Name"""."Ölçüm.Tablo 'A'"
  SELECT d::date, 1 FROM mes.seed_info, generate_series(t0 - interval '60 days', t0, interval '1 day') d;
-- bloat one index on the newest energy chunk
UPDATE mes.energy_consumption SET meter_id = meter_id + 100 FROM mes.seed_info WHERE ts > t0 - interval '1 day';
UPDATE mes.energy_consumption SET meter_id = meter_id - 100 FROM mes.seed_info WHERE ts > t0 - interval '1 day';
ANALYZE mes.metric_hist; ANALYZE mes.energy_consumption;

-- step: compression
ALTER TABLE mes.metric_hist SET (timescaledb.compress, timescaledb.compress_segmentby = 'metric_def_id', timescaledb.compress_orderby = 'ts DESC');
ALTER TABLE mes.oee_calculations SET (timescaledb.compress, timescaledb.compress_segmentby = 'line_id', timescaledb.compress_orderby = 'ts');
ALTER TABLE mes.energy_consumption SET (timescaledb.compress, timescaledb.compress_segmentby = 'meter_id', timescaledb.compress_orderby = 'ts DESC NULLS LAST');
ALTER TABLE mes.production_kpis SET (timescaledb.compress, timescaledb.compress_segmentby = 'line_id,kpi', timescaledb.compress_orderby = 'ts DESC');
ALTER TABLE mes.production_context_history SET (timescaledb.compress, timescaledb.compress_segmentby = 'line_id', timescaledb.compress_orderby = 'ts DESC, order_no ASC NULLS FIRST');
ALTER TABLE mes.machine_cycles SET (timescaledb.compress, timescaledb.compress_segmentby = 'machine_id', timescaledb.compress_orderby = 'cycle');
ALTER TABLE "Weird ""Name""".x SET (timescaledb.compress, timescaledb.compress_segmentby = '"select"', timescaledb.compress_orderby = '"Time Stamp" DESC');

-- metric_hist: compressed if older than 8 days; the 24 chunks of the 8th day are the backlog
SELECT count(compress_chunk(c)) FROM mes.seed_info, show_chunks('mes.metric_hist', older_than => t0 - interval '8 days') c;
SELECT count(compress_chunk(c)) FROM mes.seed_info, show_chunks('mes.oee_calculations', older_than => t0 - interval '7 days') c;
-- energy: the chunks of 14 to 25 days of age stay uncompressed, as a backlog
SELECT count(compress_chunk(c)) FROM mes.seed_info, show_chunks('mes.energy_consumption', older_than => t0 - interval '25 days') c;
SELECT count(compress_chunk(c)) FROM mes.seed_info, show_chunks('mes.production_kpis', older_than => t0 - interval '7 days') c;
SELECT count(compress_chunk(c)) FROM mes.seed_info, show_chunks('mes.production_context_history', older_than => t0 - interval '30 days') c;
SELECT count(compress_chunk(c)) FROM show_chunks('mes.machine_cycles', older_than => 50000) c;
SELECT count(compress_chunk(c)) FROM mes.seed_info, show_chunks('"Weird ""Name""".x', older_than => (t0 - interval '2 days')::timestamp) c;
-- late rows in a compressed chunk: partially compressed (status bits 1 + 8)
INSERT INTO mes.production_kpis SELECT t0 - interval '12 days' + interval '17 min', 1, 'scrap', 42 FROM mes.seed_info;
-- a frozen chunk (status bit 4)
DO $$ DECLARE c regclass; fn text := 'freeze_chunk'; BEGIN
  SELECT x INTO c FROM show_chunks('mes.production_context_history') x ORDER BY 1 OFFSET 5 LIMIT 1;
  IF to_regprocedure('_timescaledb_functions.freeze_chunk(regclass)') IS NOT NULL
    THEN PERFORM _timescaledb_functions.freeze_chunk(c);
    ELSE EXECUTE format('SELECT _timescaledb_internal.freeze_chunk(%L)', c); END IF;
END $$;

-- step: aggregates
CREATE MATERIALIZED VIEW mes.metric_hist_1min WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
  SELECT time_bucket('1 minute', ts) AS bucket, metric_def_id, avg(value) AS avg_value, sum(value) AS sum_value,
         min(value) AS min_value, max(value) AS max_value, count(*) AS n FROM mes.metric_hist GROUP BY 1, 2 WITH NO DATA;
CREATE MATERIALIZED VIEW mes.metric_hist_1hour WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
  SELECT time_bucket('1 hour', bucket) AS bucket, metric_def_id, sum(sum_value) / sum(n) AS avg_value, sum(sum_value) AS sum_value,
         min(min_value) AS min_value, max(max_value) AS max_value, sum(n) AS n FROM mes.metric_hist_1min GROUP BY 1, 2 WITH NO DATA;
CREATE MATERIALIZED VIEW mes.metric_hist_1day WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
  SELECT time_bucket('1 day', bucket) AS bucket, metric_def_id, sum(sum_value) / sum(n) AS avg_value, sum(n) AS n
  FROM mes.metric_hist_1hour GROUP BY 1, 2 WITH NO DATA;
CREATE MATERIALIZED VIEW mes.oee_hourly WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
  SELECT time_bucket('1 hour', ts) AS bucket, line_id, avg(oee) AS oee, sum(oee) AS oee_sum, count(*) AS n FROM mes.oee_calculations GROUP BY 1, 2 WITH NO DATA;
CREATE MATERIALIZED VIEW mes.oee_daily WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
  SELECT time_bucket('1 day', bucket) AS bucket, line_id, sum(oee_sum) / sum(n) AS oee, sum(oee_sum) AS oee_sum, sum(n) AS n FROM mes.oee_hourly GROUP BY 1, 2 WITH NO DATA;
-- an average of averages: wrong if days have different numbers of rows
CREATE MATERIALIZED VIEW mes.oee_weekly WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
  SELECT time_bucket('7 days', bucket) AS bucket, line_id, avg(oee) AS oee, sum(n) AS n FROM mes.oee_daily GROUP BY 1, 2 WITH NO DATA;
CREATE MATERIALIZED VIEW mes.energy_hourly WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
  SELECT time_bucket('1 hour', ts) AS bucket, meter_id, sum(kwh) AS kwh, max(kw_peak) AS kw_peak FROM mes.energy_consumption GROUP BY 1, 2 WITH NO DATA;
CREATE MATERIALIZED VIEW mes.energy_daily WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
  SELECT time_bucket('1 day', bucket) AS bucket, meter_id, sum(kwh) AS kwh, max(kw_peak) AS kw_peak FROM mes.energy_hourly GROUP BY 1, 2 WITH NO DATA;
-- variable-width buckets in local time
CREATE MATERIALIZED VIEW mes.energy_monthly WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
  SELECT time_bucket('1 month', ts, 'Europe/Berlin') AS bucket, sum(kwh) AS kwh FROM mes.energy_consumption GROUP BY 1 WITH NO DATA;
-- never refreshed, no policy
CREATE MATERIALIZED VIEW mes.production_kpis_daily WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
  SELECT time_bucket('1 day', ts) AS bucket, line_id, kpi, avg(val) AS val FROM mes.production_kpis GROUP BY 1, 2, 3 WITH NO DATA;
CREATE MATERIALIZED VIEW mes.cycles_per_1000 WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
  SELECT time_bucket(1000::bigint, cycle) AS bucket, machine_id, avg(duration_ms) AS ms, count(*) AS n FROM mes.machine_cycles GROUP BY 1, 2 WITH NO DATA;
CREATE MATERIALIZED VIEW "Weird ""Name"""."Agg of ""x""" WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
  SELECT time_bucket('1 hour', "Time Stamp") AS "Bucket No.1", avg("Größe (mm)") AS a FROM "Weird ""Name""".x GROUP BY 1 WITH NO DATA;

-- step: first refreshes
CALL refresh_continuous_aggregate('mes.metric_hist_1min', NULL, date_trunc('hour', now()));
CALL refresh_continuous_aggregate('mes.metric_hist_1hour', NULL, date_trunc('hour', now()));
CALL refresh_continuous_aggregate('mes.metric_hist_1day', NULL, date_trunc('day', now()));
CALL refresh_continuous_aggregate('mes.oee_hourly', NULL, date_trunc('hour', now()));
CALL refresh_continuous_aggregate('mes.oee_daily', NULL, date_trunc('day', now()) - interval '5 days');
CALL refresh_continuous_aggregate('mes.oee_weekly', NULL, date_trunc('day', now()) - interval '5 days');
CALL refresh_continuous_aggregate('mes.energy_hourly', NULL, date_trunc('hour', now()) - interval '2 hours');
CALL refresh_continuous_aggregate('mes.energy_daily', NULL, date_trunc('day', now()));
CALL refresh_continuous_aggregate('mes.energy_monthly', NULL, NULL);
CALL refresh_continuous_aggregate('mes.cycles_per_1000', NULL, 90000);
CALL refresh_continuous_aggregate('"Weird ""Name"""."Agg of ""x"""', NULL, (date_trunc('day', now()) - interval '1 day')::timestamp);
-- late row: pending invalidations for energy_hourly and energy_monthly
INSERT INTO mes.energy_consumption SELECT t0 - interval '3 days' + interval '7 min', 3, 99, 99, 'late' FROM mes.seed_info;
-- constants, because a join would also decompress the compressed chunks
DO $$ BEGIN
  EXECUTE (SELECT format('UPDATE mes.energy_consumption SET kwh = kwh + 1 WHERE ts >= %L AND ts < %L', t0 - interval '2 days', t0 - interval '47 hours') FROM mes.seed_info);
END $$;

-- step: policies (most of them first run in 12 hours, so that the backlog stays)
SELECT j.job_id FROM (VALUES ('mes.metric_hist'::regclass, interval '7 days'), ('mes.oee_calculations', '7 days'), ('mes.energy_consumption', '14 days'),
             ('mes.production_kpis', '7 days'), ('mes.production_context_history', '30 days')) v(h, a),
  LATERAL alter_job(add_compression_policy(h, a), next_start => now() + interval '12 hours') j;
SELECT j.job_id FROM (VALUES ('mes.metric_hist'::regclass, interval '90 days'), ('mes.oee_calculations', '365 days'), ('mes.energy_consumption', '365 days'),
             ('mes.production_kpis', '365 days'), ('mes.production_context_history', '730 days'), ('mes.metric_hist_1min', '30 days')) v(h, a),
  LATERAL alter_job(add_retention_policy(h, a), next_start => now() + interval '12 hours') j;
SELECT alter_job(add_compression_policy('mes.machine_cycles', bigint '40000'), next_start => now() + interval '12 hours') IS NOT NULL;
SELECT alter_job(add_retention_policy('mes.machine_cycles', bigint '500000'), next_start => now() + interval '12 hours') IS NOT NULL;
SELECT alter_job(add_reorder_policy('mes.production_kpis', 'production_kpis_line_idx'), next_start => now() + interval '12 hours') IS NOT NULL;

SELECT add_continuous_aggregate_policy('mes.metric_hist_1min', start_offset => interval '3 hours', end_offset => interval '1 minute', schedule_interval => interval '20 seconds');
-- deliberate data loss: start_offset of 60 days, but the source keeps only 30 days
SELECT add_continuous_aggregate_policy('mes.metric_hist_1hour', start_offset => interval '60 days', end_offset => interval '1 hour', schedule_interval => interval '30 minutes', initial_start => now() + interval '12 hours');
SELECT add_continuous_aggregate_policy('mes.metric_hist_1day', start_offset => interval '7 days', end_offset => interval '1 day', schedule_interval => interval '1 hour');
SELECT add_continuous_aggregate_policy('mes.oee_hourly', start_offset => interval '1 day', end_offset => interval '1 hour', schedule_interval => interval '1 hour');
-- a paused policy; TimescaleDB 2.22.1 and 2.23.0 refuse every alter_job() on the refresh policy of a hierarchical aggregate (0A000)
DO $$ DECLARE j int; BEGIN
  j := add_continuous_aggregate_policy('mes.oee_daily', start_offset => interval '14 days', end_offset => interval '1 day',
         schedule_interval => interval '1 day', initial_start => now() + interval '12 hours');
  BEGIN PERFORM alter_job(j, scheduled => false);
  EXCEPTION WHEN feature_not_supported THEN UPDATE _timescaledb_config.bgw_job SET scheduled = false WHERE id = j; END;
END $$;
SELECT alter_job(add_continuous_aggregate_policy('mes.energy_hourly', start_offset => interval '2 days', end_offset => interval '1 hour', schedule_interval => interval '1 hour', initial_start => date_trunc('hour', now()) + interval '12 hours', timezone => 'Europe/Berlin'), max_retries => 5) IS NOT NULL;
SELECT alter_job(add_continuous_aggregate_policy('mes.cycles_per_1000', start_offset => bigint '50000', end_offset => bigint '1000', schedule_interval => interval '1 hour'), next_start => now() + interval '12 hours') IS NOT NULL;

-- step: jobs
CREATE PROCEDURE mes.job_export_erp(job_id int, config jsonb) LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ERP endpoint % not reachable', config->>'endpoint' USING ERRCODE = '08001', DETAIL = 'connect timed out', HINT = 'check the firewall';
END $$;
CREATE PROCEDURE mes.job_noop(job_id int, config jsonb) LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; END $$;
CREATE PROCEDURE mes.job_slow(job_id int, config jsonb) LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep((config->>'seconds')::float); END $$;
SELECT add_job('mes.job_export_erp', interval '30 seconds', config => '{"endpoint": "erp.example:443"}');
-- a paused job
SELECT alter_job(add_job('mes.job_noop', interval '1 day', config => '{"why": "disabled on purpose"}'), scheduled => false) IS NOT NULL;
SELECT alter_job(add_job('mes.job_slow', interval '1 minute', config => '{"seconds": 20}', fixed_schedule => false), max_runtime => interval '5 seconds', max_retries => 2) IS NOT NULL;
-- runs for 12 seconds and pauses for 30, so that the Jobs screen often shows a running job
SELECT add_job('mes.job_slow', interval '30 seconds', config => '{"seconds": 12}', fixed_schedule => false);
-- step: problems to find
-- a chunk without one of its hypertable's indexes
DO $$ DECLARE i regclass; BEGIN
  SELECT x.indexrelid INTO i FROM show_chunks('mes.oee_calculations', newer_than => interval '2 days') c JOIN pg_index x ON x.indrelid = c
   WHERE NOT x.indisunique AND pg_get_indexdef(x.indexrelid) LIKE '%quality%' ORDER BY 1 LIMIT 1;
  IF i IS NOT NULL THEN EXECUTE format('DROP INDEX %s', i); END IF;
END $$;
-- a plain table with two identical indexes
CREATE TABLE mes.line (id int PRIMARY KEY, name text NOT NULL, plant text);
INSERT INTO mes.line SELECT g, 'line ' || g, 'plant ' || g % 3 FROM generate_series(1, 200) g;
CREATE INDEX line_name_idx ON mes.line (name);
CREATE INDEX line_name_again_idx ON mes.line (name);
-- remains of a failed CREATE INDEX CONCURRENTLY and of a cancelled REINDEX CONCURRENTLY; only a superuser can simulate
-- them
DO $$ BEGIN
  CREATE UNIQUE INDEX line_plant_key ON mes.line (plant, id);
  CREATE INDEX line_name_idx_ccnew ON mes.line (name);
  UPDATE pg_index SET indisvalid = false WHERE indexrelid IN ('mes.line_plant_key'::regclass, 'mes.line_name_idx_ccnew'::regclass);
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;
ANALYZE;
