-- What the index y is on, as TimescaleDB compares: operator classes, collations, columns (keys), options, and flags (index_flags.sql)
hashoidvectorextended(y.indclass, hashoidvectorextended(y.indcollation, hash_array_extended(y.keys,
  hash_array_extended(y.indoption::int2[], y.flags)))) as sig
