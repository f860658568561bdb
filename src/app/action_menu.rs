//! The menu of actions on the selected row: first the actions that apply, then the others, each with the reason why it does not apply.

use std::collections::HashMap;

use super::App;
use crate::actions::act::Act;
use crate::actions::action::Does;
use crate::actions::catalogue;
use crate::app::overlay::Overlay;
use crate::model::screen_id::ScreenId;
use crate::model::target::{Target, TargetKind};
use crate::screens::record::Record;
use crate::screens::with_table;
use crate::server::known::Edition;

/// Screen and key of a row.
type Chosen = (ScreenId, String);

impl App {
    pub(super) fn action_menu(&self) -> Overlay {
        let (kinds, chosen) = (self.kinds(), self.chosen_rows());
        let mut unfit = HashMap::new();
        for action in catalogue::all() {
            if let Does::Plan(act) = &action.does
                && let Some(why) = self.unfit(action.name, act, &kinds, &chosen)
            {
                unfit.insert(action.name, why);
            }
        }
        self.unfit_elsewhere(&mut unfit);
        Overlay::menu(kinds, self.screen, self.menu_title(), unfit)
    }

    /// The selected or marked rows. On the Overview these are the rows that the findings are about.
    fn chosen_rows(&self) -> Vec<Chosen> {
        if self.screen == ScreenId::Overview {
            let rows = self.screens.overview.chosen().into_iter();
            return rows.map(|row| (row.screen, row.of.clone())).collect();
        }
        let keys = with_table!(self.screens, self.screen, |table| table.chosen_keys());
        keys.into_iter().map(|key| (self.screen, key)).collect()
    }

    fn menu_title(&self) -> String {
        let titles: Vec<String> = with_table!(self.screens, self.screen, |table| table
            .chosen()
            .into_iter()
            .map(Record::title)
            .collect());
        match titles.as_slice() {
            [] => "Actions: no row is selected".to_owned(),
            [one] => format!("Actions on {one}"),
            many => format!("Actions on {} rows", many.len()),
        }
    }

    /// Adds the reasons that other loaded screens give. Example: the menu on Hypertables shows why Compression refuses an action for this
    /// table.
    fn unfit_elsewhere(&self, unfit: &mut HashMap<&'static str, String>) {
        let chosen = self.targets();
        for screen in ScreenId::ALL {
            let acts = catalogue::all().filter_map(|action| match &action.does {
                Does::Plan(act) if action.group.screen() == Some(*screen) => {
                    Some((action.name, act.on))
                }
                _ => None,
            });
            with_table!(self.screens, *screen, |table| {
                let same = |target: &Target| {
                    let is_it = |of: &Target| (of.kind, of.id) == (target.kind, target.id);
                    let mut rows = table.rows().iter();
                    rows.find(|row| row.targets().iter().any(is_it))
                        .map(|row| (target.kind, row))
                };
                let known: Vec<Vec<_>> = chosen
                    .iter()
                    .map(|targets| targets.iter().filter_map(same).collect())
                    .collect();
                for (name, on) in acts {
                    let mut reasons = known.iter().map(|rows| {
                        let of = rows.iter().find(|(kind, _)| *kind == on);
                        of.and_then(|(_, row)| row.unfit(name))
                    });
                    if let Some(first) = reasons.next().flatten()
                        && reasons.all(|reason| reason.is_some())
                    {
                        unfit.entry(name).or_insert_with(|| first.to_owned());
                    }
                }
            });
        }
    }

    /// The reason why an action cannot run on any of the chosen rows, as far as the loaded rows show. `None`: it may run on at least one
    /// row.
    fn unfit(
        &self,
        name: &str,
        act: &Act,
        kinds: &[TargetKind],
        chosen: &[Chosen],
    ) -> Option<String> {
        if !kinds.contains(&act.on) {
            return Some(format!(
                "acts on {}, which this row does not have",
                act.on.one()
            ));
        }
        let server = self.server.as_ref()?;
        if act.needs == Edition::Community && server.edition == Edition::Apache {
            return Some("needs the Community edition of TimescaleDB".to_owned());
        }
        let mut reasons = chosen.iter().map(|(screen, key)| {
            with_table!(self.screens, *screen, |table| table
                .find(key)
                .and_then(|row| row.unfit(name)))
        });
        let first = reasons.next().flatten()?;
        reasons
            .all(|reason| reason.is_some())
            .then(|| first.to_owned())
    }
}
