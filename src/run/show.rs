//! `hypertop show`: prints a screen once, with the console's queries, verdicts and columns.

mod print;

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value as Json;

pub(super) use self::print::server;
use self::print::{json_row, print};
use crate::app::tape::Replay;
use crate::app::{App, theme};
use crate::connect::conninfo::Settings;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::text;
use crate::run::policies;
use crate::screens::overview::Acknowledged;
use crate::screens::{Rows, Screens, gather, overview, with_table};
use crate::server::exact::{Exact, ExactQuery, slices};
use crate::server::known::At;
use crate::server::session::Session;

pub use self::print::Format;

/// Loads a screen with all exact figures, and prints it.
pub async fn show(
    settings: &Settings,
    session: &Session,
    screen: ScreenId,
    format: Format,
    out: &mut dyn Write,
) -> Result<()> {
    let mut screens = Box::pin(gather(settings, session, screen, LATER)).await?;
    let (clock, _) = session.pulse(screen).await?;
    let at = At {
        now: clock,
        server: &session.server,
    };
    let mut acknowledged = None;
    if screen == ScreenId::Overview {
        let (rows, said) = left(session, gather::all(&screens, &at), clock).await;
        acknowledged = said;
        let asked = screens.ask(screen).unwrap_or_default();
        screens.load(asked, Rows::Overview(rows), Duration::ZERO, &at);
    }
    let mut caveats = gather::caveats(&screens, screen, &at);
    caveats.extend(acknowledged);
    with_table!(screens, screen, |table| print(
        table, &caveats, &at, format, out
    ))
}

/// Findings as JSON, with the columns of the Overview.
pub(super) fn rows(rows: &[overview::Row], at: &At) -> Vec<Json> {
    rows.iter().map(|row| json_row(row, at)).collect()
}

/// Prints every screen except the Journal, as text to be read from top to bottom.
pub(super) async fn brief(
    settings: &Settings,
    session: &Session,
    out: &mut dyn Write,
) -> Result<()> {
    let of_server = |screen: &&ScreenId| **screen != ScreenId::Journal;
    for screen in ScreenId::ALL.iter().filter(of_server) {
        show(settings, session, *screen, Format::Brief, out).await?;
    }
    Ok(())
}

/// Prints every screen except the Journal at the selected moment of a recording, like [`brief`].
pub(super) fn recorded(recording: Replay, out: &mut dyn Write) -> Result<()> {
    let now = recording.now();
    writeln!(out, "RECORDED at {}\n", text::moment(now))?;
    let mut app = App::new(now, theme::all(None).0, Duration::from_secs(2));
    app.replay(recording);
    let Some(at) = app.at() else {
        return Ok(());
    };
    let of_server = |screen: &ScreenId| *screen != ScreenId::Journal;
    for screen in ScreenId::ALL.iter().copied().filter(of_server) {
        let caveats = gather::caveats(&app.screens, screen, &at);
        with_table!(app.screens, screen, |table| print(
            table,
            &caveats,
            &at,
            Format::Brief,
            out
        ))?;
    }
    Ok(())
}

/// Loads the parts of the Overview for a command that needs its findings. Expensive figures are read for at most three seconds.
pub(super) async fn gather_overview(settings: &Settings, session: &Session) -> Result<Screens> {
    gather(
        settings,
        session,
        ScreenId::Overview,
        Duration::from_secs(3),
    )
    .await
}

/// Loads a screen and its parts (the screens whose findings it shows). `later`: time limit for the expensive figures of the parts.
pub async fn gather(
    settings: &Settings,
    session: &Session,
    screen: ScreenId,
    later: Duration,
) -> Result<Screens> {
    let mut screens = Screens::default();
    let mut exact = Exact::new(settings, session.connected.password.clone());
    let mut progress = Progress::new(io::stderr(), io::stderr().is_terminal());
    let mut parts = screen.parts();
    parts.retain(|part| *part == screen || session.can_show(*part));
    for part in &parts {
        let which = if screen == *part {
            |_: &ExactQuery| true
        } else {
            |query: &ExactQuery| query.overview && !query.later
        };
        let mut reading = Reading {
            settings,
            session,
            exact: &mut exact,
            screens: &mut screens,
            progress: &mut progress,
        };
        reading.list(*part, which).await?;
        reading.figures(*part, which, None).await?;
    }
    // Expensive figures come last, with a time limit. The output says which figures are missing.
    let until = Instant::now() + later;
    for part in parts.iter().filter(|part| **part != screen) {
        let mut reading = Reading {
            settings,
            session,
            exact: &mut exact,
            screens: &mut screens,
            progress: &mut progress,
        };
        let which = |query: &ExactQuery| query.overview && query.later;
        reading.figures(*part, which, Some(until)).await?;
    }
    Ok(screens)
}

/// Time limit of `show overview` for expensive figures.
const LATER: Duration = Duration::from_secs(10);

/// The findings without the acknowledged and snoozed ones, and a note on the number of findings left out.
pub(super) async fn left(
    session: &Session,
    rows: Vec<overview::Row>,
    now: Stamp,
) -> (Vec<overview::Row>, Option<String>) {
    let all = match session.acknowledged().await {
        Ok(all) => all,
        Err(error) => {
            let said = format!(
                "the acknowledgements cannot be read, so every finding is shown: {error:#}"
            );
            return (rows, Some(said));
        }
    };
    let mut acknowledged = Acknowledged::default();
    acknowledged.take(0, all);
    let rows = acknowledged.part(rows, now);
    let said = acknowledged.hidden().words();
    let said = said.map(|words| {
        format!(
            "hidden: {words}; hypertop show overview --all prints them, hypertop journal lists them"
        )
    });
    (rows, said)
}

/// Loads screens. Shows progress on a terminal.
struct Reading<'a, 'b, W: Write> {
    settings: &'a Settings,
    session: &'a Session,
    exact: &'a mut Exact<'b>,
    screens: &'a mut Screens,
    progress: &'a mut Progress<W>,
}

impl<W: Write> Reading<'_, '_, W> {
    /// Loads one screen's rows. Meanwhile the second connection is opened, and prepares the exact queries that `which` selects.
    async fn list(&mut self, screen: ScreenId, which: fn(&ExactQuery) -> bool) -> Result<()> {
        let mut queries = (screen.about().exact)();
        queries.retain(which);
        let (settings, session, exact) = (self.settings, self.session, &mut *self.exact);
        let (rows, ()) = {
            let mut reading = Box::pin(async {
                tokio::join!(policies::rows::load(settings, session, screen), async {
                    for query in queries {
                        exact.warm(query).await;
                    }
                })
            });
            if let Ok(read) = tokio::time::timeout(self.progress.patience(), &mut reading).await {
                read
            } else {
                self.progress.say(&format!("reading {}", screen.name()));
                reading.await
            }
        };
        let rows = rows?;
        let (clock, _) = session.pulse(screen).await?;
        let at = At {
            now: clock,
            server: &session.server,
        };
        let asked = self.screens.ask(screen).unwrap_or_default();
        self.screens.load(asked, rows, Duration::ZERO, &at);
        Ok(())
    }

    /// Reads the exact figures that `which` selects, for all rows, until the time limit `until`. The most severe rows come first.
    async fn figures(
        &mut self,
        screen: ScreenId,
        which: fn(&ExactQuery) -> bool,
        until: Option<Instant>,
    ) -> Result<()> {
        let session = self.session;
        let queries = (screen.about().exact)().into_iter().enumerate();
        for (nth, query) in queries.filter(|(_, query)| which(query)) {
            let (clock, _) = session.pulse(screen).await?;
            let at = At {
                now: clock,
                server: &session.server,
            };
            let wanted = with_table!(self.screens, screen, |table| table.wanted(nth, true, clock));
            let mut done = 0;
            for slice in slices(&wanted, query.slice) {
                let over = until.is_some_and(|until| Instant::now() >= until);
                let figures = if over {
                    Vec::new()
                } else {
                    self.exact.slice(query, slice).await
                };
                done += slice.len();
                let last = over || done == wanted.len();
                self.screens.take_exact(screen, nth, figures, last, &at);
                if over {
                    break;
                }
                let words = format!("exact figures of {done} of {} rows", wanted.len());
                self.progress.say(&words);
            }
        }
        Ok(())
    }
}

/// Loads that take less time show no progress.
const SLOW: Duration = Duration::from_secs(1);

/// Progress of a slow load, on a terminal only. Erased when dropped.
struct Progress<W: Write> {
    out: W,
    seen: bool,
    begun: Instant,
    shown: bool,
}

impl<W: Write> Progress<W> {
    fn new(out: W, seen: bool) -> Self {
        Self {
            out,
            seen,
            begun: Instant::now(),
            shown: false,
        }
    }

    /// Time until progress is shown.
    fn patience(&self) -> Duration {
        SLOW.saturating_sub(self.begun.elapsed())
    }

    fn say(&mut self, words: &str) {
        if self.seen && self.begun.elapsed() >= SLOW {
            self.shown = true;
            // A closed stderr is not an error.
            let _ = write!(self.out, "\r\x1b[Khypertop: {words} …");
            let _ = self.out.flush();
        }
    }
}

impl<W: Write> Drop for Progress<W> {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(self.out, "\r\x1b[K");
            let _ = self.out.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(seen: bool, slow: bool) -> String {
        let mut out = Vec::new();
        let mut progress = Progress::new(&mut out, seen);
        if slow {
            progress.begun = progress.begun.checked_sub(SLOW).unwrap();
        }
        progress.say("exact figures of 40 of 720 rows");
        drop(progress);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_slow_reading_says_how_far_it_is_and_takes_the_line_back() {
        let line = "\r\x1b[Khypertop: exact figures of 40 of 720 rows …\r\x1b[K";
        assert_eq!(progress(true, true), line);
    }

    #[test]
    fn a_quick_reading_and_one_that_nobody_watches_say_nothing() {
        assert_eq!(progress(true, false), "");
        assert_eq!(progress(false, true), "");
    }
}
