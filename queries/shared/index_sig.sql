-- A hash of index y: operator classes, collations, columns (keys), options, flags (see index_flags.sql). The hash covers whether the index
-- has expressions and a predicate, but not their text
hashoidvectorextended(y.indclass, hashoidvectorextended(y.indcollation, hash_array_extended(y.keys,
  hash_array_extended(y.indoption::int2[], y.flags)))) as sig
