-- The server's clock, to compare it with this machine's and to measure the round trip · clock · public
select clock_timestamp() as clock
