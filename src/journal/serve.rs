//! The app's requests about acknowledgements: read, acknowledge, end.

use super::acknowledge::{Acknowledgement, Ended, Wanted, Why};
use super::file::Journal;
use super::place::Place;
use anyhow::{Result, bail};

#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Read the acknowledgements if the journal's length in bytes differs from this. `None`: read in any case.
    Read {
        length: Option<u64>,
    },
    Acknowledge(Vec<Wanted>),
    End {
        at: String,
        ids: Vec<(u64, Why)>,
    },
}

/// The journal's length in bytes, and its acknowledgements.
pub(crate) type Known = (u64, Vec<Acknowledgement>);

/// Executes a request, then returns the acknowledgements of this database. `None`: unchanged, or there is no journal.
pub fn serve(
    journal: Option<&Journal>,
    place: &Place,
    role: &str,
    request: Request,
) -> Result<Option<Known>> {
    let Some(journal) = journal else {
        if matches!(request, Request::Read { .. }) {
            return Ok(None);
        }
        bail!("there is no folder for a journal: set HOME or XDG_STATE_HOME");
    };
    // The length is read first. If lines are written meanwhile, the length differs at the next request, and the lines are read then.
    let mut length = journal.length()?;
    match request {
        Request::Read { length: known } if known == Some(length) => return Ok(None),
        Request::Read { .. } => {}
        Request::Acknowledge(wanted) => {
            let entry = |what| Acknowledgement {
                id: 0,
                role: role.to_owned(),
                place: place.clone(),
                what,
                pid: std::process::id(),
            };
            journal.acknowledge(wanted.into_iter().map(entry).collect())?;
            length = journal.length()?;
        }
        Request::End { at, ids } => {
            let ended = |(of, why): (u64, Why)| Ended {
                of,
                at: at.clone(),
                role: role.to_owned(),
                why,
            };
            journal.end_acknowledged(ids.into_iter().map(ended).collect())?;
            length = journal.length()?;
        }
    }
    Ok(Some((length, journal.entries()?.acknowledgements(place))))
}
