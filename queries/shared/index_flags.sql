-- The properties of index x as one number: unique, exclusion, has expressions, has a predicate, NULLS NOT DISTINCT
(x.indisunique::int + 2 * x.indisexclusion::int + 4 * (x.indexprs is not null)::int + 8 * (x.indpred is not null)::int
  + 16 * indnullsnotdistinct::int)::int8 as flags
