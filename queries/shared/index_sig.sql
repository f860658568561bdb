-- A hash of the index y: operator classes, collations, columns (keys), options, flags (index_flags.sql); of expressions and of a
-- predicate it has only whether there are any
hashoidvectorextended(y.indclass, hashoidvectorextended(y.indcollation, hash_array_extended(y.keys,
  hash_array_extended(y.indoption::int2[], y.flags)))) as sig
