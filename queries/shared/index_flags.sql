-- Uniqueness, exclusion, expressions and condition of the index x, as a number
(x.indisunique::int + 2 * x.indisexclusion::int + 4 * (x.indexprs is not null)::int + 8 * (x.indpred is not null)::int
  + 16 * indnullsnotdistinct::int)::int8 as flags
