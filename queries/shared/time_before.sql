-- p.at minus p.length in microseconds, as a policy computes it in time zone p.zone (NULL: the time zone of the session); p.zoned: whether
-- the type is timestamptz
(case when p.zoned
  then extract(epoch from coalesce((((p.at at time zone p.zone) - date_trunc('day', p.length)) at time zone p.zone)
                                   - (p.length - date_trunc('day', p.length)), p.at - p.length))
  -- For types without a time zone, the session's local time is used. The session has the time zone of the background workers.
  else extract(epoch from coalesce(p.at at time zone p.zone, p.at::timestamp) - p.length) end * 1000000)::int8
