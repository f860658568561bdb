-- owner_zone: TimeZone as set for the owner of job j, which overrides the TimeZone of the database. zone: owner_zone for use with AT TIME
-- ZONE, which reads CET, MET, EET and WET as abbreviations without daylight saving time; NULL if owner_zone is an offset instead of a name
(select o.zone as owner_zone,
        case when upper(o.zone) in ('CET', 'MET') then 'CET-1CEST,M3.5.0,M10.5.0/3'
             when upper(o.zone) = 'EET' then 'EET-2EEST,M3.5.0/3,M10.5.0/4'
             when upper(o.zone) = 'WET' then 'WET0WEST,M3.5.0/1,M10.5.0/2'
             when o.zone ~ '^[A-Za-z][A-Za-z0-9_/+-]*$' then o.zone end as zone
   from (select substr(e.entry, 10) as zone from pg_db_role_setting o, unnest(o.setconfig) e(entry)
          where o.setrole = j.owner::oid and o.setdatabase in (0, (select d.oid from pg_database d where d.datname = current_database()))
            and lower(e.entry) like 'timezone=%' order by o.setdatabase desc limit 1) o)
