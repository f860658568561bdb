-- The clock, and change counters of the relations $1 (text[] of schema.table)
-- · columns: clock, changes (rows ever inserted, updated and deleted, one int8 per name; NULL: no such relation), read_only (whether the
-- session is still read-only) · access: any role · cost: 0.2 ms, locks no relation
select clock_timestamp() as clock,
       current_setting('transaction_read_only') = 'on' and current_setting('default_transaction_read_only') = 'on' as read_only,
       array(select pg_stat_get_tuples_inserted(r.oid) + pg_stat_get_tuples_updated(r.oid) + pg_stat_get_tuples_deleted(r.oid)
             from unnest($1::text[]) with ordinality w(name, place), to_regclass(w.name) r(oid)
             order by w.place) as changes
