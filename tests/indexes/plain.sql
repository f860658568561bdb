-- Tables without TimescaleDB: constraints, duplicate indexes, a redundant prefix, a partitioned table, unusual names.
create schema "a.b ""c""";
create table "a.b ""c""".plain (id int primary key, v text, w int, x int, constraint plain_v unique (v));
create index plain_w on "a.b ""c""".plain (w);
create index plain_w_x on "a.b ""c""".plain (w, x);
create index plain_v_again on "a.b ""c""".plain (v);
create unique index plain_x on "a.b ""c""".plain (x);
create table referring (x int references "a.b ""c""".plain (x));
insert into "a.b ""c""".plain select i, i::text, i, i from generate_series(1, 20000) i;
analyze "a.b ""c""".plain;
create table parted (id int not null, k int) partition by range (id);
create table parted_1 partition of parted for values from (0) to (10);
create table parted_2 partition of parted for values from (10) to (20);
create index parted_k on parted (k);
create temporary table hidden (i int constraint hidden_pkey primary key);
