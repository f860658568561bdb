-- The database's estimated size: pages of the last VACUUM or ANALYZE of each relation, because counting the files would take
-- seconds · $1 int8[] (only its one id is used) · public · 70 ms at 500,000 relations, no lock on any of them
select 1::int8 as id, sum(c.relpages::int8)::int8 * current_setting('block_size')::int8 as bytes
from pg_class c where cardinality($1::int8[]) > 0
