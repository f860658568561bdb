-- True sizes of relations, with indexes and TOAST · id, bytes (NULL: it is gone) · public · opens each relation: by slices.
-- $1: their oids (int8[])
select w.oid as id, pg_total_relation_size(w.oid::oid)::int8 as bytes
from unnest($1::int8[]) w(oid)
