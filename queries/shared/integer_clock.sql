-- clock: the integer_now_func for each hypertable and aggregate in $1; root: the hypertable that has the function
source as (
  -- An aggregate uses the function of the hypertable at the root of its hierarchy.
  select w.id, w.id::int as of from unnest($1::int8[]) w(id)
  union all select s.id, a.raw_hypertable_id from source s join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = s.of),
clock as materialized (
  select distinct on (s.id) s.id, s.of as root, d.integer_now_func_schema as schema, d.integer_now_func as function
    from source s join _timescaledb_catalog.dimension d on d.hypertable_id = s.of and d.interval_length is not null
         and d.integer_now_func is not null order by s.id, d.id),
