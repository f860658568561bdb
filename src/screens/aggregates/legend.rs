//! Meanings of the columns.

#[rustfmt::skip]
pub(super) const LEGEND: &[(&str, &str)] = &[
    ("AGGREGATE", "The continuous aggregate; below it, the aggregates built on it"),
    ("LAG", "From the end of its materialized rows to the end of the newest source row's bucket, at most to now; in units if time is an integer"),
    ("EXPECTED", "Largest lag that its policy allows"),
    ("LAG/EXPECTED", "LAG against EXPECTED; │ is 100 %"),
    ("SOURCE", "The hypertable or aggregate that it is built on"),
    ("BUCKET", "Width of its buckets"),
    ("REAL-TIME", "yes: queries add the rows that are not materialized yet"),
    ("WATERMARK", "End of the rows that queries read from the materialization"),
    ("REFRESHED TO", "End of the refreshed range"),
    ("NEWEST SOURCE", "Newest row of the source"),
    ("FROM", "How long before the run the refresh window begins (start_offset)"),
    ("TO", "How long before the run the refresh window ends (end_offset)"),
    ("EVERY", "Schedule interval of the policy"),
    ("JOB", "Id of the policy's job"),
    ("PENDING", "Changed ranges of the source that wait for a refresh"),
    ("NOW", "Whether it is being refreshed"),
    ("ROW LOSS", "yes: a refresh would delete rows whose source was dropped"),
    ("POLICY", "State of its policy: scheduled, running, late, paused, backing off after a failure ..."),
    ("WHY", "The most severe problem; Enter has the reason"),
];
