-- The value of the integer_now_func that k names (schema, function)
(xpath('/row/n/text()', query_to_xml(format('select %I.%I() as n', k.schema, k.function), false, true, '')))[1]::text::int8
