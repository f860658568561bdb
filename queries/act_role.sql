-- Whether role $1 (quoted as in SQL) exists, and whether this session may SET ROLE to it
-- · columns: known (whether the role exists), becomes (whether SET ROLE is allowed; NULL: no such role), session_role (the role that logged
-- in, quoted; its memberships decide whether SET ROLE is allowed) · access: any role · cost: catalogue lookups by key
select r.oid is not null as known,
       -- Memberships have a SET option from PostgreSQL 16 on.
       pg_has_role(session_user, r.oid, case when current_setting('server_version_num')::int4 < 160000 then 'member'
            else 'set' end) as becomes,
       quote_ident(session_user) as session_role
from (select to_regrole($1::text)::oid as oid) r
