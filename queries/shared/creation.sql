-- For the hypertable of job j: whether its time is an integer (integer), and whether it has an integer_now_func (has_now). If the dimension
-- has a partitioning function, the type of the time is the function's result type. An aggregate uses the integer_now_func of the hypertable
-- at the root of its hierarchy
(select jsonb_build_object(
          'integer', coalesce((select p.prorettype from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                                where n.nspname = d.partitioning_func_schema and p.proname = d.partitioning_func limit 1),
                              d.column_type::oid) in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype),
          'has_now', exists (
            with recursive up as (
              select j.hypertable_id as id
              union all select a.raw_hypertable_id from up u join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = u.id)
            select from up u join _timescaledb_catalog.dimension x on x.hypertable_id = u.id and x.integer_now_func is not null))
   from :time_dimension d where d.hypertable_id = j.hypertable_id)
