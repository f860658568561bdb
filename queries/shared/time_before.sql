-- p.at minus p.length in microseconds, as a policy computes it in zone p.zone (NULL: the session's); p.zoned: the time is a timestamptz
(case when p.zoned
  then extract(epoch from coalesce((((p.at at time zone p.zone) - date_trunc('day', p.length)) at time zone p.zone)
                                   - (p.length - date_trunc('day', p.length)), p.at - p.length))
  -- types without a time zone: "now" is the local time of the session, which has the background workers' zone
  else extract(epoch from coalesce(p.at at time zone p.zone, p.at::timestamp) - p.length) end * 1000000)::int8
