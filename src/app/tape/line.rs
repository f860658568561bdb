//! The lines of a recording.

use serde::{Deserialize, Serialize};

use crate::actions::act::Facts;
use crate::model::moment::Stamp;
use crate::model::screen_id::ScreenId;
use crate::model::target::Target;
use crate::screens::Rows;
use crate::screens::record::Section;
use crate::server::exact::Figures;
use crate::server::known::Server;

/// Content of one reading: an answer of the server, or the error that ended the connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    Server(Box<Server>),
    Down(String),
    Rows(Rows),
    Exact {
        screen: ScreenId,
        #[serde(default)]
        nth: usize,
        figures: Vec<(i64, Figures)>,
    },
    /// Answer to query number `index` of the details of the row with this key. The error is the server's.
    Detail {
        screen: ScreenId,
        key: String,
        index: usize,
        sections: Result<Vec<Section>, String>,
    },
    /// Answer to the query of this name about an action's target. The error is the server's.
    Facts {
        query: String,
        target: Target,
        facts: Result<Box<Facts>, String>,
    },
}

/// One reading, with the server's time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    pub(crate) at: Stamp,
    pub kept: Kept,
}
