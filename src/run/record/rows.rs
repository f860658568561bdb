//! Reads the recorded data about single rows: details, facts for previews of actions, and figures that only the row's own screen reads.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::mpsc::UnboundedSender;

use crate::actions::action::Does;
use crate::actions::{catalogue, preview};
use crate::app::tape::Kept;
use crate::connect;
use crate::connect::conninfo::Settings;
use crate::journal::Journal;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::target::{Target, TargetKind};
use crate::run::policies;
use crate::screens::{Rows, Screens, with_table};
use crate::server::exact::{Exact, slices};
use crate::server::known::At;
use crate::server::session::Session;

/// Maximum number of rows per screen whose details are read.
const MOST: usize = 500;
/// Interval between two reads of figures and new rows. It is shorter than the time for which a replay shows the figures.
const AGAIN: Duration = Duration::from_secs(30);

/// Reads the data about single rows, on connections of its own, until the first error. At the end of the recording, this future is dropped.
pub(super) async fn read(
    settings: Settings,
    password: Option<String>,
    journal: Option<Journal>,
    policy_files: Vec<PathBuf>,
    kept: UnboundedSender<(Stamp, Kept)>,
) -> Result<()> {
    let connected = connect::again(&settings, password.as_deref()).await?;
    let mut session = Session::start(connected).await?;
    session.journal = journal;
    session.server.policy_files = policy_files;
    let mut reader = Reader {
        settings: &settings,
        exact: Exact::new(&settings, password),
        session,
        seen: HashSet::new(),
        done: HashSet::new(),
        kept,
    };
    reader.read().await
}

struct Reader<'a> {
    settings: &'a Settings,
    session: Session,
    exact: Exact<'a>,
    /// Rows whose details were read.
    seen: HashSet<(ScreenId, String)>,
    /// Facts already read, because several actions need the same facts.
    done: HashSet<(&'static str, TargetKind, i64)>,
    kept: UnboundedSender<(Stamp, Kept)>,
}

impl Reader<'_> {
    async fn read(&mut self) -> Result<()> {
        let of_rows = |screen: &ScreenId| *screen != ScreenId::Overview;
        loop {
            for screen in ScreenId::ALL.iter().copied().filter(of_rows) {
                if self.session.can_show(screen) {
                    self.screen(screen).await?;
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Reads the new rows of a screen.
    async fn screen(&mut self, screen: ScreenId) -> Result<()> {
        let (rows, now) = self.list(screen).await?;
        if let Rows::Journal(entries) = &rows {
            let mut entries = entries.clone();
            for row in &mut entries {
                // The path or address of the server is removed, because it is useless to people who get the recording.
                row.entry.begin.place.way = None;
            }
            self.kept.send((now, Kept::Rows(Rows::Journal(entries))))?;
        }
        if let Rows::Policies(_) = &rows {
            self.kept.send((now, Kept::Rows(rows.clone())))?;
        }
        for of in rows.each().iter().take(MOST) {
            if self.seen.insert((screen, of.key().unwrap_or_default())) {
                self.details(of, now).await?;
            }
            for target in of.targets() {
                self.facts(&target, now).await?;
            }
        }
        Ok(())
    }

    /// The rows of a screen as the console lists them. Also records the exact figures that the Overview does not read.
    async fn list(&mut self, screen: ScreenId) -> Result<(Rows, Stamp)> {
        let rows = policies::rows::load(self.settings, &self.session, screen).await?;
        let (now, _) = self.session.pulse(screen).await?;
        let at = At {
            now,
            server: &self.session.server,
        };
        let mut screens = Screens::default();
        let asked = screens.ask(screen).unwrap_or_default();
        screens.load(asked, rows, Duration::ZERO, &at);
        for (nth, exact) in (screen.about().exact)().into_iter().enumerate() {
            let wanted = if exact.overview {
                Vec::new()
            } else {
                with_table!(screens, screen, |table| table.wanted(nth, true, now))
            };
            for slice in slices(&wanted, exact.slice) {
                let figures = self.exact.slice(exact, slice).await;
                let kept = Kept::Exact {
                    screen,
                    nth,
                    figures,
                };
                self.kept.send((now, kept))?;
            }
        }
        let rows = screens.all_rows();
        let rows = rows.into_iter().find(|rows| rows.screen() == screen);
        Ok((rows.unwrap_or(Rows::Journal(Vec::new())), now))
    }

    async fn details(&mut self, of: &Rows, now: Stamp) -> Result<()> {
        for (index, (_, query, params)) in of.details().into_iter().enumerate() {
            let read = self.exact.detail(query, &params).await;
            let sections = read.and_then(|(rows, server)| {
                let server = &server;
                of.build(index, &rows, &At { now, server })
            });
            let kept = Kept::Detail {
                screen: of.screen(),
                key: of.key().unwrap_or_default(),
                index,
                sections: sections.map_err(|error| format!("{error:#}")),
            };
            self.kept.send((now, kept))?;
        }
        Ok(())
    }

    async fn facts(&mut self, target: &Target, now: Stamp) -> Result<()> {
        for action in catalogue::ACTIONS.iter().copied().flatten() {
            let Does::Plan(act) = &action.does else {
                continue;
            };
            let new = (act.facts.name, target.kind, target.id);
            if act.on != target.kind || !self.done.insert(new) {
                continue;
            }
            let facts = preview::facts(&self.session, &mut self.exact, act, target).await;
            let facts = facts.map(|mut facts| {
                // A replay runs no plans, so the facts need not name their database.
                facts.place = None;
                Box::new(facts)
            });
            let kept = Kept::Facts {
                query: act.facts.name.to_owned(),
                target: target.clone(),
                facts: facts.map_err(|error| format!("{error:#}")),
            };
            self.kept.send((now, kept))?;
        }
        Ok(())
    }
}
