-- Functions (not PostgreSQL's own) whose name occurs in the statements $1 (with their values) and whose owner, or whose schema's owner, is
-- not trusted
-- · columns: what, owner · access: any role · cost: one pass over pg_proc
with trusted as materialized (
  \ir shared/trusted.sql
)
select p.oid::regprocedure::text as what, (case when p.proowner = any (t.roles) then n.nspowner else p.proowner end)::regrole::text as owner
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace cross join trusted t
 where p.oid >= 16384 and (p.proowner <> all (t.roles) or n.nspowner <> all (t.roles))
   and exists (
     -- The name as a word, with or without quotes.
     select from unnest($1::text[]) s(text)
      where replace(replace(s.text, '""', '"'), '''''', '''')
            ~ ('(^|[^[:alnum:]_])' || regexp_replace(p.proname, '([^[:alnum:]_])', '\\\1', 'g') || '($|[^[:alnum:]_])'))
 order by 1
