-- A hash of index y: operator classes, collations, columns (keys), options, flags (index_flags.sql). Expressions and predicates are not in
-- it, only whether the index has them
hashoidvectorextended(y.indclass, hashoidvectorextended(y.indcollation, hash_array_extended(y.keys,
  hash_array_extended(y.indoption::int2[], y.flags)))) as sig
