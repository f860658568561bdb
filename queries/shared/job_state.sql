-- What an undo brings back of job b: all but its number, which its name bears, too
(to_jsonb(b) - 'id') || jsonb_build_object('owner', b.owner::regrole::text,
  'application_name', regexp_replace(b.application_name::text, ' \[\d+\]$', ''))
