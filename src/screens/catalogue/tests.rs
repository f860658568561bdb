use super::*;
use crate::model::rules;

#[test]
fn every_rule_colours_a_cell_of_its_screen() {
    let mut named = Vec::new();
    for id in ScreenId::ALL {
        with_table!(Screens::default(), *id, |table| {
            for rules in colours(table) {
                named.extend(rules);
            }
        });
    }
    // Rules without a coloured cell: they are about the whole screen, not about one of its rows.
    let none = [
        &rules::AGGREGATE_HIDDEN,
        &rules::FIGURES_UNREAD,
        &rules::JOB_HIDDEN,
        &rules::QUERIES_HIDDEN,
        &rules::QUERIES_MISSING,
        &rules::SERVER_HIDDEN,
    ];
    let left: Vec<_> = rules::ALL
        .iter()
        .filter(|rule| !named.contains(*rule) && !none.contains(*rule))
        .map(|rule| rule.name)
        .collect();
    assert_eq!(left, Vec::<&str>::new());
}

/// The rules that colour each visible column.
fn colours<R: Record>(_: &Table<R>) -> Vec<&'static [&'static rules::Rule]> {
    let shown = crate::screens::table::shown::<R>();
    shown.map(|column| column.rules).collect()
}
