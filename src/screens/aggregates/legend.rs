//! Meanings of the columns of the Aggregates screen.

#[rustfmt::skip]
pub(super) const LEGEND: &[(&str, &str)] = &[
    ("AGGREGATE", "The continuous aggregate; below it, the aggregates built on it"),
    ("LAG", "From the end of its materialized rows to the end of the newest source row's bucket, or to now if now is earlier; in units for integer time"),
    ("EXPECTED", "Largest lag that its policy and those of its parents allow"),
    ("LAG/EXPECTED", "LAG compared with EXPECTED; │ is 100 %"),
    ("SOURCE", "The hypertable or aggregate that it is built on"),
    ("BUCKET", "Width of its buckets"),
    ("REAL-TIME", "yes: queries add the rows that are not materialized yet"),
    ("WATERMARK", "End of the rows that queries read from the materialization"),
    ("REFRESHED TO", "End of the refreshed range"),
    ("NEWEST SOURCE", "Newest row of the source"),
    ("FROM", "Start of the refresh window, as time before the run (start_offset)"),
    ("TO", "End of the refresh window, as time before the run (end_offset)"),
    ("EVERY", "Schedule interval of the policy"),
    ("JOB", "Id of the policy's job"),
    ("PENDING", "Changed ranges of the source that wait for a refresh"),
    ("NOW", "Whether a refresh is running"),
    ("ROW LOSS", "yes: a refresh would delete rows, because their source rows were dropped"),
    ("POLICY", "State of the policy: scheduled, running, late, paused, backing off after a failure ..."),
    ("WHY", "The most severe problem; Enter has the reason"),
];
