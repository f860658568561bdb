-- End of the last run of job j (st: its row in bgw_job_stat) if the job was altered after that run, else NULL. alter_job writes the job's
-- row, alone or with st in one transaction; a run writes only st. So the job's row has an xmin that is not older than that of st
case when st.last_finish > '-infinity' and
          (select age(w.xmin) between 0 and age(st.xmin)
\if :since_2_25
             from _timescaledb_catalog.bgw_job w
\else
             from _timescaledb_config.bgw_job w
\endif
            where w.id = j.id) then st.last_finish end
