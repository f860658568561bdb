-- What an undo restores of job b: all columns except the id. The id is also removed from application_name
(to_jsonb(b) - 'id') || jsonb_build_object('owner', b.owner::regrole::text,
  'application_name', regexp_replace(b.application_name::text, ' \[\d+\]$', ''))
