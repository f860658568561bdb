-- The server's clock, to compare it with this machine's and to measure the round trip · columns: clock · access: any role
select clock_timestamp() as clock
