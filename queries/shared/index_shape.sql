-- The properties of the index x (c: its pg_class) that are equal in equal indexes, except columns
concat_ws(' ', c.relam, x.indclass, x.indcollation, x.indoption, x.indisunique, x.indisexclusion, x.indexprs is null, x.indpred is null,
  indnullsnotdistinct) as shape
