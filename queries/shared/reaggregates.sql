-- Whether the view with the parse tree y.reader may aggregate a column of the view with the parse tree y.source that should not be
-- aggregated again. The parse trees are searched for the oids of functions (avg; standard deviations, variances, percentiles, mode; sum)
-- and of divisions
(y.reader ~ ':aggfnoid (?:210[0-6]|214[89]|215[0-9]|264[1-6]|271[2-9]|272[0-9]|397[2-8]|398[024]) '
   and (position(':aggdistinct (' in y.source) > 0
        or y.source ~ ':aggfnoid (?:210[0-6]|214[89]|215[0-9]|264[1-6]|271[2-9]|272[0-9]|397[2-8]|398[024]) '
        or y.source ~ ':opno (?:527|528|546|547|588|593|687|691|695|821|825|1118|1128|1585|1761) ')
 or y.reader ~ ':aggfnoid (?:210[789]|211[0-4]) '
   and (position(':aggdistinct (' in y.source) > 0
        or y.source ~ ':aggfnoid (?:214[89]|215[0-9]|264[1-6]|271[2-9]|272[0-9]|397[2-8]|398[024]) '))
