-- The integer_now_func that k names, with its owner, if it is not run because its owner is not trusted (f.trusted)
case when k.function is not null and f.trusted is not true then jsonb_build_object('function', format('%I.%I()', k.schema, k.function),
  'owner', f.owner, 'role', current_user::text) end
