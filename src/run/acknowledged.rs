//! Reads and writes acknowledgements in the journal.

use anyhow::Result;

use crate::app::Msg;
use crate::journal::Journal;
use crate::journal::acknowledge::Acknowledgement;
use crate::journal::serve::{self, Request};
use crate::server::session::Session;

impl Session {
    /// The acknowledgements of this database; empty if there is no journal.
    pub(super) async fn acknowledged(&self) -> Result<Vec<Acknowledgement>> {
        let Some(journal) = &self.journal else {
            return Ok(Vec::new());
        };
        Ok(journal.entries()?.acknowledgements(self.place().await?))
    }

    /// Executes the request, and returns the acknowledgements that are then in effect.
    pub(super) async fn acknowledge(&self, request: Request) -> Msg {
        let reads = matches!(request, Request::Read { .. });
        let empty = |journal: &Journal| matches!(journal.length(), Ok(0));
        if reads && self.journal.as_ref().is_none_or(empty) {
            // An empty journal has no acknowledgements, so the server is not asked which database this is.
            let new = request != Request::Read { length: Some(0) };
            return Msg::Acknowledged(Ok(new.then(|| (0, Vec::new()))));
        }
        let answer = async {
            let place = self.place().await?;
            serve::serve(self.journal.as_ref(), place, &self.server.role, request)
        };
        let answer = answer.await.map_err(|error| format!("{error:#}"));
        match answer {
            Err(text) if !reads => Msg::Status { text, bad: true },
            answer => Msg::Acknowledged(answer),
        }
    }
}
