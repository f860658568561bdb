//! The pages of rules, actions, screens and thresholds: the hand-written text of each, with facts from the catalogues.

use crate::actions::action::Action;
use crate::actions::{catalogue, page as actions};
use crate::model::pages::{
    self, CHANGE, COST, Catalogue, FOUND, Handwritten, MATTERS, MEANING, Page, Passage, TO_DO, UNDO,
};
use crate::model::rules::{self, Rule};
use crate::model::screen_id::ScreenId;
use crate::model::thresholds::{self, Limits, Scope, Threshold, Unit};
use crate::screens::page as screens;

/// The names of all pages, with their catalogues, in the order of the catalogues.
pub fn names() -> Vec<(Catalogue, &'static str)> {
    let rules = rules::ALL.iter().map(|rule| (Catalogue::Rules, rule.name));
    let actions = catalogue::all().map(|action| (Catalogue::Actions, action.name));
    let screens = ScreenId::ALL
        .iter()
        .map(|id| (Catalogue::Screens, id.name()));
    let thresholds = thresholds::ALL
        .iter()
        .map(|of| (Catalogue::Thresholds, of.key));
    rules
        .chain(actions)
        .chain(screens)
        .chain(thresholds)
        .collect()
}

/// The page of this name in a catalogue; `limits`: the thresholds in force. `None`: no such page.
pub fn page(catalogue: Catalogue, name: &str, limits: &Limits) -> Option<Page> {
    Some(match catalogue {
        Catalogue::Rules => of_rule(rules::by_name(name)?, limits),
        Catalogue::Actions => actions::page(catalogue::by_name(name)?),
        Catalogue::Screens => of_screen(ScreenId::by_name(name)?),
        Catalogue::Thresholds => of_threshold(Threshold::named(name)?, limits),
    })
}

/// The page of a rule.
pub(super) fn of_rule(rule: &'static Rule, limits: &Limits) -> Page {
    let mut passages = Vec::new();
    let mut facts = vec!["rule".to_owned()];
    if let Some(page) = Handwritten::of(Catalogue::Rules, rule.name) {
        let text = |heading| Passage::new(heading, pages::filled(page.section(heading), limits));
        passages.extend([text(MEANING), text(MATTERS), text(TO_DO)]);
        passages.extend(fix(rule));
        let mut found = text(FOUND);
        let queries = page.names("queries").into_iter();
        let queries = queries.map(|name| format!("hypertop sql {name}"));
        found.text = format!("{}\n\n{}", found.text, pages::commands(queries));
        passages.push(found);
        passages.push(Passage::new("How to silence it", silence(rule, &page)));
        facts.push(pages::either(&page.names("levels")));
        facts.extend(page.names("screen").iter().map(|id| format!("screen {id}")));
    }
    let since = if rule.hurts_now {
        "affects work now"
    } else {
        "does not affect work now"
    };
    facts.push(since.to_owned());
    if rule.two_looks {
        facts.push("compares two readings".to_owned());
    }
    Page {
        catalogue: Catalogue::Rules,
        name: rule.name,
        title: rule.title.to_owned(),
        facts: facts.join(" · "),
        passages,
    }
}

/// Effect and cost of the fix, from the pages of the actions.
fn fix(rule: &'static Rule) -> Option<Passage> {
    let mut known = pages::fixes(rule)
        .into_iter()
        .filter_map(catalogue::by_name);
    let first = known.next()?;
    let page = Handwritten::of(Catalogue::Actions, first.name)?;
    let mut text = format!(
        "`{}`: {}. {} {}: {}\n\n{}",
        first.name,
        first.help,
        page.section(COST),
        UNDO,
        page.section(UNDO),
        pages::commands(actions::preview_command(first)),
    );
    let others: Vec<_> = known.map(|other| other.name).collect();
    if !others.is_empty() {
        text = format!("{text}\n\nFor other causes: {}.", pages::either(&others));
    }
    Some(Passage::new("The fix", text))
}

fn silence(rule: &Rule, page: &Handwritten) -> String {
    let own = page.section("How to silence it");
    if !own.is_empty() {
        return own.to_owned();
    }
    let key = |name| catalogue::by_name(name).and_then(|action| action.keys.first());
    let key = |name| key(name).copied().unwrap_or(name);
    let mut text = format!(
        "On the Overview `{}` acknowledges a finding, and `{}` snoozes it. This check leaves the rule out:\n\n{}",
        key("acknowledge"),
        key("snooze"),
        pages::commands([format!("hypertop check --except {}", rule.name)])
    );
    let thresholds = page.thresholds();
    if !thresholds.is_empty() {
        let keys: Vec<_> = thresholds.iter().map(|of| of.key).collect();
        text = format!(
            "{text}\n\nOr change its thresholds, in config.toml or with `check --threshold`: {}.",
            keys.join(", ")
        );
    }
    text
}

fn of_screen(id: ScreenId) -> Page {
    let mut page = screens::page(id);
    let is_its = |action: &&'static Action| action.group.screen() == Some(id);
    let actions = catalogue::all().filter(is_its);
    let actions: Vec<_> = actions
        .map(|action| format!("{}: {}", action.name, action.help))
        .collect();
    if !actions.is_empty() {
        let actions = Passage::new("Actions", pages::items(actions));
        let last = page.passages.len().saturating_sub(1);
        page.passages.insert(last, actions);
    }
    page
}

/// The page of a threshold.
fn of_threshold(of: &'static Threshold, limits: &Limits) -> Page {
    let typed = |value| of.unit.typed(value);
    let mut facts = vec![
        "threshold".to_owned(),
        format!("default {}", typed(of.default)),
    ];
    let value = limits.get(of.key);
    if typed(value) != typed(of.default) {
        facts.push(format!("set here: {}", typed(value)));
    }
    facts.push(match of.scope {
        Scope::Server => "for the whole server".to_owned(),
        Scope::Each => "may be set per hypertable and aggregate".to_owned(),
    });
    let mut passages = Vec::new();
    if let Some(page) = Handwritten::of(Catalogue::Thresholds, of.key) {
        passages.push(Passage::new(CHANGE, page.section(CHANGE)));
    }
    passages.push(Passage::new("How to set it", setting(of)));
    let uses = |rule: &&&Rule| {
        let page = Handwritten::of(Catalogue::Rules, rule.name);
        let named = |page: Handwritten| page.thresholds().iter().any(|known| known.key == of.key);
        page.is_some_and(named)
    };
    let rules = rules::ALL.iter().filter(uses);
    let rules = rules.map(|rule| format!("{}: {}", rule.name, rule.title));
    passages.push(Passage::new(
        "Rules that use it",
        match pages::items(rules) {
            none if none.is_empty() => {
                "No rule: the threshold affects texts, not findings.".to_owned()
            }
            rules => rules,
        },
    ));
    Page {
        catalogue: Catalogue::Thresholds,
        name: of.key,
        title: of.meaning.to_owned(),
        facts: facts.join(" · "),
        passages,
    }
}

/// The lines for config.toml, and the option for a check, with the default value.
fn setting(of: &Threshold) -> String {
    let value = match of.unit {
        Unit::Time | Unit::Bytes => format!("\"{}\"", of.unit.typed(of.default)),
        Unit::Percent | Unit::Factor | Unit::Count => of.default.to_string(),
    };
    let mut lines = vec!["[thresholds]".to_owned(), format!("{} = {value}", of.key)];
    if of.scope == Scope::Each {
        lines.extend([
            "[[thresholds_for]]".to_owned(),
            "name = \"mes.*\"".to_owned(),
            format!("{} = {value}", of.key),
        ]);
    }
    let option = format!(
        "hypertop check --threshold '{}={}'",
        of.key,
        value.trim_matches('"')
    );
    format!(
        "Write it into config.toml. A `[[thresholds_for]]` block, if shown here, is for matching names only. Or give it to one check:\n\n{}\n\n{}",
        pages::commands(lines),
        pages::commands([option])
    )
}

/// The pages of the selected row's findings, worst first.
#[derive(Debug)]
pub struct Explained {
    pub(crate) rules: Vec<&'static Rule>,
    /// Index of the page shown.
    pub(crate) nth: usize,
    /// Index of the page's first line that is shown.
    pub(crate) top: usize,
}

impl Explained {
    /// Shows the page of another finding.
    pub(super) fn step(&mut self, pages: isize) {
        let last = self.rules.len().saturating_sub(1);
        self.nth = self.nth.saturating_add_signed(pages).min(last);
        self.top = 0;
    }
}
