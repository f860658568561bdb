//! Starts the tasks that answer the app's requests: one for lists, one for details and exact figures, one for actions.

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::actions::execute::Actor;
use crate::app::{Msg, ask};
use crate::connect::conninfo::Settings;
use crate::model::screen_id::ScreenId;
use crate::run::{acts, second, worker};
use crate::server::session::Session;

/// Channels to the tasks. The tasks end when `Requests` is dropped.
#[derive(Debug)]
pub struct Requests {
    lists: UnboundedSender<ask::List>,
    figures: UnboundedSender<ask::Figures>,
    /// Channel for requests about actions. `None`: there is no folder for the journal, so nothing can be changed.
    acts: Option<UnboundedSender<ask::Act>>,
}

/// Starts the tasks. `session` is for the lists; `opens` is the first screen.
pub fn serve(
    settings: Settings,
    actor: Option<Actor>,
    session: Session,
    answers: UnboundedSender<Msg>,
    opens: ScreenId,
) -> Requests {
    let (figures, figure_asks) = unbounded_channel();
    let (companions, companion_asks) = unbounded_channel();
    tokio::spawn(second::serve(
        settings.clone(),
        session.connected.password.clone(),
        figure_asks,
        companion_asks,
        answers.clone(),
        opens,
    ));
    let journal = actor.as_ref().map(|actor| actor.journal.clone());
    let acts = actor.map(|actor| {
        let (acts, act_asks) = unbounded_channel();
        tokio::spawn(acts::serve(actor, act_asks, answers.clone()));
        acts
    });
    let (lists, list_asks) = unbounded_channel();
    tokio::spawn(worker::serve(
        settings, session, journal, list_asks, companions, answers,
    ));
    Requests {
        lists,
        figures,
        acts,
    }
}

impl Requests {
    // Sending fails only while the console ends. Then no answer is needed.
    pub fn list(&self, ask: ask::List) {
        let _ = self.lists.send(ask);
    }

    pub(super) fn figures(&self, ask: ask::Figures) {
        let _ = self.figures.send(ask);
    }

    /// Sends a request about actions. The error says why nothing can be changed.
    pub(super) fn act(&self, ask: ask::Act) -> Result<(), &'static str> {
        let sent = self.acts.as_ref().map(|acts| acts.send(ask));
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(
                "there is no folder for the journal (set HOME or XDG_STATE_HOME); without a journal nothing is changed",
            ),
        }
    }
}
