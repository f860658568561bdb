-- Present sizes of the relations $1 (int8[], oids), with indexes and TOAST
-- · columns: id, bytes (NULL: dropped) · access: any role · cost: opens each relation, so that a long list must be passed in parts
select w.oid as id, pg_total_relation_size(w.oid::oid)::int8 as bytes
from unnest($1::int8[]) w(oid)
