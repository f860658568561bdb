-- What the index x (relation c) is on, but for its columns
concat_ws(' ', c.relam, x.indclass, x.indcollation, x.indoption, x.indisunique, x.indisexclusion, x.indexprs is null, x.indpred is null,
  indnullsnotdistinct) as shape
