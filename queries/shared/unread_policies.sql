-- The range of recreated chunks (g: see unread_remade.sql), and the refresh policies of aggregate x
'remade_from', g.remade_from, 'remade_to', g.remade_to,
'policies', coalesce((select jsonb_agg(jsonb_build_object('id', q.id, 'scheduled', q.scheduled, 'start',
     q.config ->> 'start_offset', 'end', q.config ->> 'end_offset', 'zone', o.owner_zone,
                        'fails', coalesce(not qs.last_run_success and (qs.last_finish > '-infinity' or qs.consecutive_failures > 0), false),
                        'next', case when isfinite(qs.next_start) then (extract(epoch from qs.next_start) * 1000000)::int8 end)
                             order by q.id)
                        from _timescaledb_config.bgw_job q left join _timescaledb_internal.bgw_job_stat qs on qs.job_id = q.id
                        cross join lateral (select q.owner) j left join lateral :owner_zone o on true
                       where q.hypertable_id = x.mat_hypertable_id and q.proc_name = 'policy_refresh_continuous_aggregate'),
                            '[]')) order by x.mat_hypertable_id)
