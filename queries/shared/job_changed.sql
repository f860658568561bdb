-- End of the last run of job j (st: the job's row in bgw_job_stat) if the job was altered after that run, else NULL. alter_job writes the
-- row of the job in bgw_job, alone or together with st; a run writes only st. So after alter_job the xmin of the row in bgw_job is not
-- older than the xmin of st
case when st.last_finish > '-infinity' and
          (select age(w.xmin) between 0 and age(st.xmin)
\if :since_2_25
             from _timescaledb_catalog.bgw_job w
\else
             from _timescaledb_config.bgw_job w
\endif
            where w.id = j.id) then st.last_finish end
