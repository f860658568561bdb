-- Runs every second: inserts new rows into the factory.
INSERT INTO mes.metric_hist (ts, metric_def_id, value) SELECT clock_timestamp(), m, 50 + 10 * sin(extract(epoch FROM clock_timestamp()) / 60 + m) + m FROM generate_series(1, 12) m;
INSERT INTO mes.energy_consumption SELECT clock_timestamp(), m, 12.5 + m, 20 + m, 'meter ' || m FROM generate_series(1, 8) m WHERE extract(second FROM clock_timestamp())::int % 10 = 0;
INSERT INTO mes.machine_cycles SELECT mes.machine_cycle_now() + g, 1 + g % 4, 900 + g, true FROM generate_series(1, 3) g;
INSERT INTO mes.oee_calculations SELECT clock_timestamp() - interval '2 days', 1 + (random() * 4)::int, .9, .8, .99, .7 WHERE random() < .03 ON CONFLICT DO NOTHING;
