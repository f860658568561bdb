-- The integer_now_func that k names (schema, function): oid, trusted (whether a read may run the function), owner (a role that could
-- replace its code)
(select p.oid, p.proowner = any (t.roles) and n.nspowner = any (t.roles) as trusted,
        (case when p.proowner = any (t.roles) then n.nspowner else p.proowner end)::regrole::text as owner
   from trusted t join pg_namespace n on n.nspname = k.schema
   join pg_proc p on p.pronamespace = n.oid and p.proname = k.function and p.pronargs = 0 and p.prokind = 'f')
