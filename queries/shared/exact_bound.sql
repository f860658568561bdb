-- For each row of the CTE policy: a run now would act on chunks that end by boundary, or on chunks created before made_before (NULL: the
-- policy does not select chunks in this way, or the value is unknown)
bound as materialized (
  select w.hypertable_id, d.id as dimension_id,
         case when d.column_type::text not in ('bigint', 'integer', 'smallint')
              then case when w.owner_zone is null or w.zone is not null then :time_before end
              when w.after_text ~ '^\d{1,18}$' and f.trusted then :now_value - w.after_text::int8 end as boundary,
         case when w.created_text ~ :is_interval then now() - w.created_text::interval end as made_before
    from policy w join :time_dimension d on d.hypertable_id = w.hypertable_id
    cross join lateral (select now() as at, w.zone, d.column_type = 'timestamptz'::regtype as zoned,
      case when w.after_text ~ :is_interval then w.after_text::interval end as length) p
    left join clock k on k.id = w.hypertable_id
    left join lateral :now_function f on true),
