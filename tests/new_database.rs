//! A new, healthy database raises no finding: whatever is found there would be a false one, with a fix that destroys.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::screens::overview::Row;
use hypertop::verdict::Level;
use support::triage;

/// What is found, but for the two settings that the private server has on purpose.
fn findings(rows: &[Row]) -> Vec<String> {
    let own = ["setting fsync", "setting full_page_writes"];
    let judged = rows
        .iter()
        .filter(|row| row.finding.level > Level::Ok && !own.contains(&row.of.as_str()));
    judged
        .map(|row| {
            let finding = &row.finding;
            let rule = finding.rule.name;
            format!(
                "{:?} {rule} {}: {}",
                finding.level, row.subject, finding.reason
            )
        })
        .collect()
}

#[test]
fn a_database_with_nothing_but_the_extension_has_no_finding() {
    triage::on_each("bare", "select", async |rig, _| {
        let all = findings(&triage::all(rig).await);
        assert_eq!(all, Vec::<String>::new(), "{}", rig.name);
    });
}
