-- The second part of r (its first part is in unread_changes.sql): only changes where the source has chunks count. g: range of the source's
-- chunks that were dropped and created again (see remade.sql)
     and exists (select from :used_slice s
                  where s.dimension_id = raw.dimension_id and s.range_end > w.low
                    and (s.range_start < w.high or s.range_start <= w.low))) r on true
cross join lateral (select case when r.cut_to is null then r.low else f.oldest end as since) v
left join lateral (
\ir shared/remade.sql
) g on r.low is not null or r.cut_to is not null
