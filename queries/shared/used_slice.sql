-- The slices that have chunks. Up to 2.25 there may be slices without chunks: the slices of chunks that 2.14 or older dropped under an
-- aggregate
\if :since_2_26
 :slice
\else
(select s.* from :slice s where exists (select from :slice_chunk c))
\endif
