-- t.text; if it is long, its first 100000 characters and its length
left(t.text, 100000) || case when octet_length(left(t.text, 100000)) < octet_length(t.text)
                             then ' (cut: ' || octet_length(t.text) || ' bytes in all)' else '' end
