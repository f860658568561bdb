-- The parts of job b that an undo restores: all but its id, which is removed from application_name too
(to_jsonb(b) - 'id') || jsonb_build_object('owner', b.owner::regrole::text,
  'application_name', regexp_replace(b.application_name::text, ' \[\d+\]$', ''))
