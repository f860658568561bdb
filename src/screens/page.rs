//! The documentation page of a screen: what it shows, its columns, the rules that it applies, and its queries.

use crate::model::pages::{self, Catalogue, Handwritten, Page, Passage};
use crate::model::rules::{self, Rule};
use crate::model::screen_id::ScreenId;

/// The rules whose own documentation pages name this screen.
fn rules_of(id: ScreenId) -> impl Iterator<Item = &'static Rule> {
    let is_its = move |rule: &&Rule| {
        let page = Handwritten::of(Catalogue::Rules, rule.name);
        page.is_some_and(|page| page.names("screen").contains(&id.name()))
    };
    rules::ALL.iter().copied().filter(is_its)
}

/// The documentation page of a screen, without its actions.
pub(crate) fn page(id: ScreenId) -> Page {
    let about = id.about();
    let mut passages = Vec::new();
    if let Some(page) = Handwritten::of(Catalogue::Screens, id.name()) {
        passages.push(Passage::new(pages::SHOWS, page.section(pages::SHOWS)));
    }
    let columns = about.legend.iter();
    let columns = columns.map(|(title, words)| format!("{title}: {words}"));
    passages.push(Passage::new("Columns", pages::items(columns)));
    let rules: Vec<_> = rules_of(id)
        .map(|rule| format!("{}: {}", rule.name, rule.title))
        .collect();
    if !rules.is_empty() {
        passages.push(Passage::new("Rules", pages::items(rules)));
    }
    let mut queries: Vec<_> = about.queries().iter().map(|query| query.name).collect();
    queries.retain(|name| !name.is_empty());
    queries.sort_unstable();
    queries.dedup();
    let queries = queries.iter().map(|name| format!("hypertop sql {name}"));
    let shown = format!("hypertop show {} --format json", id.name());
    let shell = pages::commands([shown].into_iter().chain(queries));
    passages.push(Passage::new("From the shell", shell));
    Page {
        catalogue: Catalogue::Screens,
        name: id.name(),
        title: id.purpose().to_owned(),
        facts: "screen".to_owned(),
        passages,
    }
}
