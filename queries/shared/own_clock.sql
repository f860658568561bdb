-- The integer_now_func of the hypertables in $1
clock as materialized (
  -- that of the hypertable itself: a compression policy on an aggregate does not know its source's (2.11 to 2.28), and fails
  select distinct on (w.id) w.id, w.id as root, d.integer_now_func_schema as schema, d.integer_now_func as function
    from unnest($1::int8[]) w(id) join _timescaledb_catalog.dimension d on d.hypertable_id = w.id and d.interval_length is not null
         and d.integer_now_func is not null order by w.id, d.id),
