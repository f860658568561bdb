-- NULL, unless there is an integer_now_func in k that a read may not run (f.trusted is not true): then the function's name, the role that
-- could replace its code, and this role
case when k.function is not null and f.trusted is not true then jsonb_build_object('function', format('%I.%I()', k.schema, k.function),
  'owner', f.owner, 'role', current_user::text) end
