-- step: functions
-- The functions that the console's actions call, except compression, which a plain PostgreSQL cannot simulate.
CREATE FUNCTION _timescaledb_functions.stand_in_hypertable(relation regclass) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE h int;
BEGIN
  SELECT x.id INTO h FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL (
    SELECT id FROM _timescaledb_catalog.hypertable WHERE schema_name = n.nspname AND table_name = c.relname
    UNION ALL SELECT mat_hypertable_id FROM _timescaledb_catalog.continuous_agg WHERE user_view_schema = n.nspname AND user_view_name = c.relname) x WHERE c.oid = relation;
  IF h IS NULL THEN RAISE EXCEPTION '"%" is not a hypertable or a continuous aggregate', relation USING ERRCODE = 'TS001'; END IF;
  RETURN h;
END $$;
-- A position in the time dimension, or now minus an interval, in the catalogue's unit (microseconds, or units of integer time).
CREATE FUNCTION _timescaledb_functions.stand_in_place(place anyelement) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT CASE pg_typeof(place)::text
    WHEN 'interval' THEN _timescaledb_functions.to_unix_microseconds(now() - place::text::interval)
    WHEN 'timestamp with time zone' THEN _timescaledb_functions.to_unix_microseconds(place::text::timestamptz)
    WHEN 'timestamp without time zone' THEN _timescaledb_functions.to_unix_microseconds(place::text::timestamp AT TIME ZONE 'UTC')
    WHEN 'date' THEN _timescaledb_functions.to_unix_microseconds(place::text::timestamp AT TIME ZONE 'UTC')
    ELSE place::text::bigint END $$;
CREATE FUNCTION public.delete_job(job_id int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM _timescaledb_catalog.bgw_job j WHERE j.id = delete_job.job_id;
  IF NOT FOUND THEN RAISE EXCEPTION 'job % not found', delete_job.job_id USING ERRCODE = '42704'; END IF;
  DELETE FROM _timescaledb_internal.bgw_job_stat s WHERE s.job_id = delete_job.job_id;
END $$;
-- As TimescaleDB's `alter_job` does, resets the time zone if none is given.
CREATE FUNCTION public.alter_job(job int, schedule_interval interval DEFAULT NULL, max_runtime interval DEFAULT NULL, max_retries int DEFAULT NULL, retry_period interval DEFAULT NULL, scheduled bool DEFAULT NULL, config jsonb DEFAULT NULL, next_start timestamptz DEFAULT NULL, if_exists bool DEFAULT false, check_config regproc DEFAULT NULL, fixed_schedule bool DEFAULT NULL, initial_start timestamptz DEFAULT NULL, timezone text DEFAULT NULL, job_name text DEFAULT NULL)
RETURNS TABLE (job_id int) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  UPDATE _timescaledb_catalog.bgw_job j SET
    schedule_interval = coalesce(alter_job.schedule_interval, j.schedule_interval), max_runtime = coalesce(alter_job.max_runtime, j.max_runtime),
    max_retries = coalesce(alter_job.max_retries, j.max_retries), retry_period = coalesce(alter_job.retry_period, j.retry_period),
    scheduled = coalesce(alter_job.scheduled, j.scheduled), config = coalesce(alter_job.config, j.config),
    fixed_schedule = coalesce(alter_job.fixed_schedule, j.fixed_schedule), timezone = alter_job.timezone,
    initial_start = coalesce(alter_job.initial_start, CASE WHEN alter_job.fixed_schedule THEN now() END, j.initial_start),
    application_name = coalesce(alter_job.job_name || format(' [%s]', j.id), j.application_name)
  WHERE j.id = alter_job.job;
  IF NOT FOUND THEN
    IF alter_job.if_exists THEN RETURN; END IF;
    RAISE EXCEPTION 'job % not found', alter_job.job USING ERRCODE = '42704';
  END IF;
  UPDATE _timescaledb_internal.bgw_job_stat s SET next_start = coalesce(alter_job.next_start,
    CASE WHEN coalesce(alter_job.timezone, alter_job.initial_start::text) IS NOT NULL THEN greatest(alter_job.initial_start, now()) WHEN alter_job.schedule_interval IS NOT NULL THEN s.last_finish + alter_job.schedule_interval END, s.next_start) WHERE s.job_id = alter_job.job;
  RETURN QUERY SELECT alter_job.job;
END $$;
CREATE FUNCTION _timescaledb_functions.stand_in_add(job_name text, schema_name name, proc name, h int, every interval, retry interval, conf jsonb, fixed bool, start timestamptz, zone text, going bool DEFAULT true, check_with regproc DEFAULT NULL) RETURNS int LANGUAGE plpgsql AS $$
DECLARE j int;
BEGIN
  -- an aggregate may have several refresh policies
  IF h IS NOT NULL AND proc NOT LIKE '%refresh%' AND EXISTS (SELECT FROM _timescaledb_catalog.bgw_job b WHERE b.hypertable_id = h AND b.proc_name = proc) THEN
    RAISE EXCEPTION '% already exists for hypertable or continuous aggregate', lower(job_name) USING ERRCODE = '42710';
  END IF;
  INSERT INTO _timescaledb_catalog.bgw_job (schedule_interval, retry_period, proc_schema, proc_name, owner, hypertable_id, config, scheduled, fixed_schedule, initial_start, timezone, check_schema, check_name)
    SELECT every, retry, schema_name, proc, coalesce((SELECT c.relowner FROM _timescaledb_catalog.hypertable t JOIN pg_namespace n ON n.nspname = t.schema_name JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.table_name WHERE t.id = h)::regrole, current_user::regrole),
      h, conf, going, fixed, CASE WHEN fixed THEN coalesce(start, now()) END, zone, n.nspname, p.proname
    FROM (SELECT) one LEFT JOIN pg_proc p ON p.oid = check_with LEFT JOIN pg_namespace n ON n.oid = p.pronamespace RETURNING id INTO j;
  UPDATE _timescaledb_catalog.bgw_job SET application_name = format('%s [%s]', job_name, j) WHERE id = j;
  INSERT INTO _timescaledb_internal.bgw_job_stat (job_id, last_start, last_finish, next_start, last_successful_finish, last_run_success, total_runs, total_duration, total_duration_failures, total_successes, total_failures, consecutive_failures)
    VALUES (j, '-infinity', '-infinity', coalesce(start, now()), '-infinity', true, 0, '0', '0', 0, 0, 0);
  RETURN j;
END $$;
CREATE FUNCTION public.add_job(proc regproc, schedule_interval interval, config jsonb DEFAULT NULL, initial_start timestamptz DEFAULT NULL, scheduled bool DEFAULT true, check_config regproc DEFAULT NULL, fixed_schedule bool DEFAULT true, timezone text DEFAULT NULL, job_name text DEFAULT NULL) RETURNS int LANGUAGE sql AS $$
  SELECT _timescaledb_functions.stand_in_add(coalesce(job_name, 'User-Defined Action'), n.nspname, p.proname, NULL, schedule_interval, '5 min', config, fixed_schedule, initial_start, timezone, scheduled, check_config) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = proc $$;
CREATE FUNCTION _timescaledb_functions.stand_in_policy(job_name text, proc name, relation regclass, every interval, retry interval, conf jsonb, start timestamptz, zone text) RETURNS int LANGUAGE sql AS $$
  SELECT _timescaledb_functions.stand_in_add(job_name, '_timescaledb_functions', proc, h, every, retry, jsonb_strip_nulls(conf) || jsonb_build_object(CASE WHEN proc LIKE '%refresh%' THEN 'mat_hypertable_id' ELSE 'hypertable_id' END, h), start IS NOT NULL, start, zone)
  FROM _timescaledb_functions.stand_in_hypertable(relation) h $$;
CREATE FUNCTION public.add_retention_policy(relation regclass, drop_after interval DEFAULT NULL, if_not_exists bool DEFAULT false, schedule_interval interval DEFAULT '1 day', initial_start timestamptz DEFAULT NULL, timezone text DEFAULT NULL, drop_created_before interval DEFAULT NULL) RETURNS int LANGUAGE sql AS $$
  SELECT _timescaledb_functions.stand_in_policy('Retention Policy', 'policy_retention', relation, schedule_interval, '5 min', jsonb_build_object('drop_after', drop_after, 'drop_created_before', drop_created_before), initial_start, timezone) $$;
CREATE FUNCTION public.add_retention_policy(relation regclass, drop_after bigint, if_not_exists bool DEFAULT false, schedule_interval interval DEFAULT '1 day', initial_start timestamptz DEFAULT NULL, timezone text DEFAULT NULL) RETURNS int LANGUAGE sql AS $$
  SELECT _timescaledb_functions.stand_in_policy('Retention Policy', 'policy_retention', relation, schedule_interval, '5 min', jsonb_build_object('drop_after', drop_after), initial_start, timezone) $$;
CREATE FUNCTION public.add_compression_policy(hypertable regclass, compress_after interval DEFAULT NULL, if_not_exists bool DEFAULT false, schedule_interval interval DEFAULT '12 hours', initial_start timestamptz DEFAULT NULL, timezone text DEFAULT NULL, compress_created_before interval DEFAULT NULL) RETURNS int LANGUAGE sql AS $$
  SELECT _timescaledb_functions.stand_in_policy('Compression Policy', 'policy_compression', hypertable, schedule_interval, '1 hour', jsonb_build_object('compress_after', compress_after, 'compress_created_before', compress_created_before), initial_start, timezone) $$;
CREATE FUNCTION public.add_compression_policy(hypertable regclass, compress_after bigint, if_not_exists bool DEFAULT false, schedule_interval interval DEFAULT '1 day', initial_start timestamptz DEFAULT NULL, timezone text DEFAULT NULL) RETURNS int LANGUAGE sql AS $$
  SELECT _timescaledb_functions.stand_in_policy('Compression Policy', 'policy_compression', hypertable, schedule_interval, '1 hour', jsonb_build_object('compress_after', compress_after), initial_start, timezone) $$;
CREATE FUNCTION public.add_continuous_aggregate_policy(continuous_aggregate regclass, start_offset interval, end_offset interval, schedule_interval interval, if_not_exists bool DEFAULT false, initial_start timestamptz DEFAULT NULL, timezone text DEFAULT NULL) RETURNS int LANGUAGE sql AS $$
  SELECT _timescaledb_functions.stand_in_policy('Refresh Continuous Aggregate Policy', 'policy_refresh_continuous_aggregate', continuous_aggregate, schedule_interval, schedule_interval, jsonb_build_object('start_offset', start_offset, 'end_offset', end_offset), initial_start, timezone) $$;
CREATE FUNCTION public.add_reorder_policy(hypertable regclass, index_name name, if_not_exists bool DEFAULT false, initial_start timestamptz DEFAULT NULL, timezone text DEFAULT NULL) RETURNS int LANGUAGE sql AS $$
  SELECT _timescaledb_functions.stand_in_policy('Reorder Policy', 'policy_reorder', hypertable, '4 days', '5 min', jsonb_build_object('index_name', index_name), initial_start, timezone) $$;
CREATE FUNCTION public.set_chunk_time_interval(hypertable regclass, chunk_time_interval bigint, dimension_name name DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
  UPDATE _timescaledb_catalog.dimension SET interval_length = chunk_time_interval WHERE hypertable_id = _timescaledb_functions.stand_in_hypertable(hypertable) AND interval_length IS NOT NULL $$;
CREATE FUNCTION public.set_chunk_time_interval(hypertable regclass, chunk_time_interval interval, dimension_name name DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
  SELECT public.set_chunk_time_interval(hypertable, (extract(epoch FROM chunk_time_interval) * 1000000)::bigint) $$;
CREATE FUNCTION _timescaledb_functions.stand_in_drop(h int, older bigint, newer bigint DEFAULT NULL) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE x record; companion text;
BEGIN
  FOR x IN SELECT c.*, s.range_start, s.range_end FROM _timescaledb_catalog.chunk c JOIN _timescaledb_catalog.dimension_slice s ON s.chunk_id = c.id
            WHERE c.hypertable_id = h AND s.range_end <= older AND (newer IS NULL OR s.range_start >= newer) ORDER BY s.range_start LOOP
    SELECT format('%I.%I', c.schema_name, c.table_name) INTO companion FROM _timescaledb_catalog.chunk c WHERE c.id = x.compressed_chunk_id;
    DELETE FROM _timescaledb_catalog.compression_settings WHERE relid = format('%I.%I', x.schema_name, x.table_name)::regclass;
    EXECUTE format('DROP TABLE %I.%I', x.schema_name, x.table_name);
    IF companion IS NOT NULL THEN EXECUTE 'DROP TABLE ' || companion; END IF;
    DELETE FROM _timescaledb_catalog.compression_chunk_size WHERE chunk_id = x.id;
    DELETE FROM _timescaledb_catalog.dimension_slice WHERE chunk_id = x.id;
    DELETE FROM _timescaledb_catalog.chunk WHERE id IN (x.id, x.compressed_chunk_id);
    IF EXISTS (SELECT FROM _timescaledb_catalog.continuous_agg WHERE raw_hypertable_id = h) THEN
      INSERT INTO _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log VALUES (h, x.range_start, x.range_end - 1);
    END IF;
    RETURN NEXT format('%I.%I', x.schema_name, x.table_name);
  END LOOP;
END $$;
CREATE FUNCTION public.drop_chunks(relation regclass, older_than anyelement, newer_than anyelement DEFAULT NULL) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT _timescaledb_functions.stand_in_drop(_timescaledb_functions.stand_in_hypertable(relation), _timescaledb_functions.stand_in_place(older_than), CASE WHEN newer_than IS NOT NULL THEN _timescaledb_functions.stand_in_place(newer_than) END) $$;
-- A refresh marks its window as up to date, but does not change the materialized rows.
CREATE PROCEDURE _timescaledb_functions.stand_in_refresh(m int, from_place bigint, to_place bigint) LANGUAGE plpgsql AS $$
DECLARE width bigint; lo bigint; hi bigint; x record;
BEGIN
  SELECT (extract(epoch FROM bucket_width::interval) * 1000000)::bigint INTO width FROM _timescaledb_catalog.continuous_aggs_bucket_function WHERE mat_hypertable_id = m;
  lo := coalesce(ceil(from_place::numeric / width) * width, -9223372036854775808);
  hi := floor(coalesce(to_place, _timescaledb_functions.to_unix_microseconds(now()))::numeric / width) * width;
  IF lo >= hi THEN RAISE EXCEPTION 'refresh window too small' USING ERRCODE = '22023', HINT = 'The refresh window must cover at least one bucket.'; END IF;
  -- the invalidations of the source move to the log of each aggregate that reads the source
  WITH gone AS (DELETE FROM _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l USING _timescaledb_catalog.continuous_agg a WHERE a.mat_hypertable_id = m AND l.hypertable_id = a.raw_hypertable_id RETURNING l.*)
  INSERT INTO _timescaledb_catalog.continuous_aggs_materialization_invalidation_log SELECT a.mat_hypertable_id, g.lowest_modified_value, g.greatest_modified_value FROM gone g JOIN _timescaledb_catalog.continuous_agg a ON a.raw_hypertable_id = g.hypertable_id;
  FOR x IN DELETE FROM _timescaledb_catalog.continuous_aggs_materialization_invalidation_log WHERE materialization_id = m AND lowest_modified_value < hi AND greatest_modified_value >= lo RETURNING * LOOP
    IF x.lowest_modified_value < lo THEN INSERT INTO _timescaledb_catalog.continuous_aggs_materialization_invalidation_log VALUES (m, x.lowest_modified_value, lo - 1); END IF;
    IF x.greatest_modified_value >= hi THEN INSERT INTO _timescaledb_catalog.continuous_aggs_materialization_invalidation_log VALUES (m, hi, x.greatest_modified_value); END IF;
  END LOOP;
  UPDATE _timescaledb_catalog.continuous_aggs_watermark SET watermark = greatest(watermark, least(hi, _timescaledb_functions.to_unix_microseconds(now()))) WHERE mat_hypertable_id = m;
END $$;
CREATE PROCEDURE public.refresh_continuous_aggregate(continuous_aggregate regclass, window_start timestamptz, window_end timestamptz, force bool DEFAULT false) LANGUAGE plpgsql AS $$
BEGIN
  CALL _timescaledb_functions.stand_in_refresh(_timescaledb_functions.stand_in_hypertable(continuous_aggregate), _timescaledb_functions.to_unix_microseconds(window_start), _timescaledb_functions.to_unix_microseconds(window_end));
END $$;
CREATE OR REPLACE PROCEDURE _timescaledb_functions.policy_refresh_continuous_aggregate(job_id int, config jsonb) LANGUAGE plpgsql AS $$
DECLARE m int;
BEGIN
  SELECT hypertable_id INTO m FROM _timescaledb_catalog.bgw_job j WHERE j.id = $1;
  CALL _timescaledb_functions.stand_in_refresh(m, _timescaledb_functions.to_unix_microseconds(now() - (config ->> 'start_offset')::interval), _timescaledb_functions.to_unix_microseconds(now() - coalesce(config ->> 'end_offset', '0')::interval));
END $$;
CREATE OR REPLACE PROCEDURE _timescaledb_functions.policy_retention(job_id int, config jsonb) LANGUAGE plpgsql AS $$
DECLARE h int; today bigint; f regprocedure; edge bigint;
BEGIN
  SELECT hypertable_id INTO h FROM _timescaledb_catalog.bgw_job j WHERE j.id = $1;
  SELECT format('%I.%I()', integer_now_func_schema, integer_now_func) INTO f FROM _timescaledb_catalog.dimension WHERE hypertable_id = h AND integer_now_func IS NOT NULL;
  IF f IS NOT NULL THEN
    EXECUTE format('SELECT %s', f::text) INTO today;
    edge := today - (config ->> 'drop_after')::bigint;
  ELSE
    edge := _timescaledb_functions.to_unix_microseconds(now() - (config ->> 'drop_after')::interval);
  END IF;
  PERFORM _timescaledb_functions.stand_in_drop(h, edge);
END $$;
CREATE OR REPLACE PROCEDURE _timescaledb_functions.policy_compression(job_id int, config jsonb) LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the stand-in cannot compress' USING ERRCODE = '0A000', HINT = 'Try it on a real TimescaleDB.';
END $$;
CREATE OR REPLACE PROCEDURE mes.job_export_erp(job_id int, config jsonb) LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ERP endpoint % not reachable', config ->> 'endpoint' USING ERRCODE = '08001', DETAIL = 'connect timed out', HINT = 'check the firewall';
END $$;
CREATE PROCEDURE public.run_job(job_id int) LANGUAGE plpgsql AS $$
DECLARE x record;
BEGIN
  SELECT * INTO x FROM _timescaledb_catalog.bgw_job j WHERE j.id = $1;
  IF NOT FOUND THEN RAISE EXCEPTION 'job % not found', $1 USING ERRCODE = '42704'; END IF;
  EXECUTE format('CALL %I.%I($1, $2)', x.proc_schema, x.proc_name) USING $1, x.config;
END $$;
