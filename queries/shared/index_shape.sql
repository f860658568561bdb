-- The properties of the index x (relation c) that two equal indexes share, except columns
concat_ws(' ', c.relam, x.indclass, x.indcollation, x.indoption, x.indisunique, x.indisexclusion, x.indexprs is null, x.indpred is null,
  indnullsnotdistinct) as shape
