-- Whether a role exists, and whether this session may SET ROLE to it · known, becomes (NULL: it does not exist), session_role
-- (the role that logged in, whose membership decides), as SQL writes it · public · catalogue lookups. $1: the role, as SQL writes it
select r.oid is not null as known,
       -- memberships have this option since PostgreSQL 16
       pg_has_role(session_user, r.oid, case when current_setting('server_version_num')::int4 < 160000 then 'member'
            else 'set' end) as becomes,
       quote_ident(session_user) as session_role
from (select to_regrole($1::text)::oid as oid) r
