-- The text of t, cut where it is long, and how long it is
left(t.text, 100000) || case when octet_length(left(t.text, 100000)) < octet_length(t.text)
                             then ' (cut: ' || octet_length(t.text) || ' bytes in all)' else '' end
