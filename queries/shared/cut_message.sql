-- The message of x, cut where it is long, and how long it is: it may be megabytes
left(x.message, 8000) || case when octet_length(left(x.message, 8000)) < octet_length(x.message)
                              then ' (cut: ' || octet_length(x.message) || ' bytes in all)' else '' end
