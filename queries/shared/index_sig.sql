-- A hash of the index y over all that TimescaleDB compares: operator classes, collations, columns (keys), options, flags (index_flags.sql)
hashoidvectorextended(y.indclass, hashoidvectorextended(y.indcollation, hash_array_extended(y.keys,
  hash_array_extended(y.indoption::int2[], y.flags)))) as sig
