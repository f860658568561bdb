-- Whether a role is there, and whether this session may SET ROLE to it · known, becomes (NULL: it is not there), session_role
-- (who logged in, and so is asked), as SQL writes it · public · catalogue lookups. $1: the role, as SQL writes it
select r.oid is not null as known,
       -- the option of a membership is there from PostgreSQL 16 on
       pg_has_role(session_user, r.oid, case when current_setting('server_version_num')::int4 < 160000 then 'member'
            else 'set' end) as becomes,
       quote_ident(session_user) as session_role
from (select to_regrole($1::text)::oid as oid) r
