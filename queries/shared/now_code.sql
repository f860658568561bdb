-- If a read may not run the integer_now_func in k (f.trusted is not true): the function's name, the role that could replace its code, and
-- this role. Otherwise NULL
case when k.function is not null and f.trusted is not true then jsonb_build_object('function', format('%I.%I()', k.schema, k.function),
  'owner', f.owner, 'role', current_user::text) end
