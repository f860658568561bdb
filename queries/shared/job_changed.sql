-- The end of the last run of job j (its row in bgw_job_stat: st), if the job was altered since that was recorded; else NULL. alter_job
-- writes the job's row, or both rows in one transaction; a run writes st alone
case when st.last_finish > '-infinity' and
          (select age(w.xmin) between 0 and age(st.xmin)
\if :since_2_25
             from _timescaledb_catalog.bgw_job w
\else
             from _timescaledb_config.bgw_job w
\endif
            where w.id = j.id) then st.last_finish end
