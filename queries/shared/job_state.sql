-- The parts of job b that an undo restores: all columns except the id, which is also removed from application_name
(to_jsonb(b) - 'id') || jsonb_build_object('owner', b.owner::regrole::text,
  'application_name', regexp_replace(b.application_name::text, ' \[\d+\]$', ''))
