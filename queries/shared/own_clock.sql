-- clock: the integer_now_func that each hypertable in $1 itself has
clock as materialized (
  -- A materialization hypertable has no such function. The compression policy of an aggregate does not use the source's function, and fails
  -- (2.11 to 2.28).
  select distinct on (w.id) w.id, w.id as root, d.integer_now_func_schema as schema, d.integer_now_func as function
    from unnest($1::int8[]) w(id) join _timescaledb_catalog.dimension d on d.hypertable_id = w.id and d.interval_length is not null
         and d.integer_now_func is not null order by w.id, d.id),
