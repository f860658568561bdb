-- x.message; if it is long (it may have megabytes), its first 8000 characters and its length
left(x.message, 8000) || case when octet_length(left(x.message, 8000)) < octet_length(x.message)
                              then ' (cut: ' || octet_length(x.message) || ' bytes in all)' else '' end
