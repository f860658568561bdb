-- The properties of index x (c: the index's pg_class row) that identical indexes share, except columns
concat_ws(' ', c.relam, x.indclass, x.indcollation, x.indoption, x.indisunique, x.indisexclusion, x.indexprs is null, x.indpred is null,
  indnullsnotdistinct) as shape
