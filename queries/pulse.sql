-- Whether anything changed · clock, counters (inserted + updated + deleted rows of each relation named in $1,
-- NULL for one that this version lacks) · public · constant, no lock on any user's relation
select clock_timestamp() as clock,
       array(select pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid)
               from unnest($1::text[]) with ordinality n(name, nth)
               left join lateral (select to_regclass(n.name)::oid as oid) c on true
              order by n.nth)::int8[] as counters
