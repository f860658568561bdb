-- The slices that have chunks: to 2.25 those of chunks that were dropped under an aggregate (to 2.14) may be there
\if :since_2_26
 :slice
\else
(select s.* from :slice s where exists (select from :slice_chunk c))
\endif
