-- A pattern for intervals as PostgreSQL writes them in every IntervalStyle: a text that matches can be cast to interval without an error
'^(?=.*\d)(@ )?(-?\d+(\.\d+)? ?(years?|mons?|months?|weeks?|days?|hours?|hrs?|mins?|minutes?|secs?|seconds?|[ymwdhs]) ?)*'
  '(-?\d+:[0-5]\d(:[0-5]\d(\.\d+)?)?)?$'
  '|^(P(?=[-\dT])(-?\d{1,7}Y)?(-?\d{1,9}M)?(-?\d{1,7}W)?(-?\d{1,9}D)?(T(?=[-\d])(-?\d{1,9}H)?(-?\d{1,9}M)?(-?\d{1,9}(\.\d{1,6})?S)?)?'
  '|-?\d{1,7}-(\d|1[01])|\d{1,9} \d{1,9}:[0-5]\d(:[0-5]\d(\.\d{1,6})?)?|-\d{1,9} 0:00:00'
  '|[-+]\d{1,7}-(\d|1[01]) [-+]\d{1,9} [-+]\d{1,9}:[0-5]\d(:[0-5]\d(\.\d{1,6})?)?)$'
