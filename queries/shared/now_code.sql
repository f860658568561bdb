-- Name of k's integer_now_func if it is not run (see f)
case when k.function is not null and f.trusted is not true then jsonb_build_object('function', format('%I.%I()', k.schema, k.function),
  'owner', f.owner, 'role', current_user::text) end
