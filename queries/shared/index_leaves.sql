-- For each index on a partitioned table: its indexes on the partitions of all levels
leaf as materialized (
  select r.indexrelid as root, i.inhrelid as indexrelid from root r join pg_catalog.pg_inherits i on i.inhparent = r.indexrelid
    where r.partitioned
  union all
  select l.root, i.inhrelid from leaf l join pg_catalog.pg_inherits i on i.inhparent = l.indexrelid
),
