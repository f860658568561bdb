-- The time dimension of each hypertable: the first dimension with an interval
(select x.* from _timescaledb_catalog.dimension x where x.interval_length is not null
    and not exists (select from _timescaledb_catalog.dimension e
      where e.hypertable_id = x.hypertable_id and e.interval_length is not null and e.id < x.id))
