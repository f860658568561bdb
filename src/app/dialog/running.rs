use crate::actions::execute::{Order, Progress, Report};
use crate::actions::preview;
use crate::app::aim::Aim;
use crate::journal::Outcome;
use crate::model::moment::Stamp;

/// A running plan. The user may have hidden its progress.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    pub(crate) title: String,
    pub(crate) started: Stamp,
    /// Id of the journal entry. `None`: the plan has not started yet.
    pub(crate) id: Option<u64>,
    /// Present step, counted from 1; `of`: number of steps.
    pub(crate) number: usize,
    pub(crate) of: usize,
    pub(crate) label: String,
    /// Bytes of the steps done so far; `bytes`: bytes of all steps.
    pub(crate) done: i64,
    pub(crate) bytes: i64,
    /// What the plan waits for. `None`: it does not wait.
    pub(crate) waits: Option<String>,
    pub(crate) phase: Option<(String, Option<f64>)>,
    /// The server's last notice.
    pub(crate) notice: Option<String>,
    pub(crate) order: Order,
    /// The findings that the plan should fix.
    pub(crate) aims: Vec<Aim>,
}

impl Running {
    pub(crate) fn new(title: String, steps: usize, started: Stamp) -> Self {
        Self {
            title,
            started,
            id: None,
            number: 0,
            of: steps,
            label: String::new(),
            done: 0,
            bytes: 0,
            waits: None,
            phase: None,
            notice: None,
            order: Order::Go,
            aims: Vec::new(),
        }
    }

    pub(crate) fn take(&mut self, progress: Progress) {
        match progress {
            Progress::Began(id) => self.id = Some(id),
            Progress::Step { number, of, label } => {
                (self.number, self.of, self.label) = (number, of, label);
                (self.waits, self.phase) = (None, None);
            }
            Progress::Bytes { done, of } => (self.done, self.bytes) = (done, of),
            Progress::Phase(phase, share) => {
                self.phase = Some((phase, share));
                self.waits = None;
            }
            Progress::Waits(why) => self.waits = Some(why),
            Progress::Goes => self.waits = None,
            Progress::Notice(text) => self.notice = Some(text),
        }
    }

    /// Fraction done, 0 to 1: by bytes if the steps have sizes, else by the number of steps.
    #[expect(clippy::cast_precision_loss, reason = "the fraction is only shown")]
    pub(crate) fn share(&self) -> f64 {
        let inside = self
            .phase
            .as_ref()
            .and_then(|(_, share)| *share)
            .unwrap_or(0.0);
        if self.bytes > 0 && self.done > 0 {
            return self.done as f64 / self.bytes as f64;
        }
        (self.number.saturating_sub(1) as f64 + inside) / self.of.max(1) as f64
    }

    /// Seconds left at the present rate. `None`: unknown yet.
    pub(crate) fn left(&self, now: Stamp) -> Option<f64> {
        let (share, spent) = (self.share(), now.seconds_since(self.started));
        (share > 0.02 && spent > 2.0).then(|| spent / share * (1.0 - share))
    }
}

/// The result as lines with their theme roles.
pub(crate) fn report_lines(report: &Report) -> Vec<preview::Line> {
    let bad = report.outcome != Outcome::Done;
    let role = |nth: usize| match nth {
        0 if bad => "error",
        0 => "level.ok",
        _ => "text",
    };
    let lines = report.lines();
    let lines = lines
        .iter()
        .flat_map(|line| line.lines())
        .filter(|line| !line.is_empty());
    lines
        .enumerate()
        .map(|(nth, line)| (role(nth), line.to_owned()))
        .collect()
}
