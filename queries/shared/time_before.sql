-- p.at minus p.length, as a policy computes it in zone p.zone (NULL: the session's), in microseconds (p.zoned: timestamptz)
(case when p.zoned
  then extract(epoch from coalesce((((p.at at time zone p.zone) - date_trunc('day', p.length)) at time zone p.zone)
                                   - (p.length - date_trunc('day', p.length)), p.at - p.length))
  -- without a time zone "now" is the local time of the session, which is that of the background workers
  else extract(epoch from coalesce(p.at at time zone p.zone, p.at::timestamp) - p.length) end * 1000000)::int8
