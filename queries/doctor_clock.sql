-- The server's clock, for its difference to this machine's and for the round trip · clock · public
select clock_timestamp() as clock
