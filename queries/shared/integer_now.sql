-- told: for each row of clock the current time (at: the function's value if its owner is trusted, else the newest chunk's end) and the
-- seconds per unit (unit; NULL: unknown)
told as materialized (
  select t.id, t.at, t.trusted,
         -- A function that reads the clock but no table is assumed to count units since 1970. Its unit is the one with which its value is
         -- within two days of now.
         case when f.body ~* '\m(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday) '
                 '*\(|\m(current_timestamp|current_date|current_time|localtimestamp|localtime)\M' and f.body !~* '\m(max|order +by|limit)\M'
              then (select u.seconds from (values (86400), (3600), (60), (1), (1e-3), (1e-6), (1e-9)) u(seconds)
                     where abs(t.at * u.seconds - extract(epoch from now())::numeric) < 2 * 86400) end as unit
    from (select k.id, f.oid, coalesce(f.trusted, false) as trusted,
                 case when f.trusted then :now_value
                      else (select z.range_end from _timescaledb_catalog.dimension x join :slice z on z.dimension_id = x.id
                             where x.hypertable_id = k.root and x.interval_length is not null order by x.id, z.range_start desc
                                  limit 1) end as at
            from clock k
            left join lateral :now_function f on true) t
    left join lateral (select pg_get_functiondef(t.oid) as body where t.trusted) f on true),
bound as materialized (
  select t.id, d.id as dimension_id, t.at, t.trusted, t.unit, j.after, t.at - j.after as boundary
    from told t join :time_dimension d on d.hypertable_id = t.id
