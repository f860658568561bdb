//! Age at which a policy compresses or drops a chunk, counted from the end of the chunk's range or from its creation.

use crate::actions::act::Refusal;
use crate::actions::alter_job::Job;
use crate::actions::call::Call;
use crate::actions::form::Inputs;
pub(crate) use crate::model::age_rule::{AgeRule, COMPRESS, DROP, Keys};
use crate::model::interval::Interval;
use crate::model::moment::Axis;
use crate::model::span::{Now, Span};

/// The limit of a policy now. The policy compresses or drops the chunks up to this position, or the chunks created before this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// End of the chunk's range, in the dimension's unit.
    Raw(i64),
    /// Creation time, microseconds since 1970.
    Created(i64),
}

impl Cut {
    /// True if the policy compresses or drops a chunk with this end and this creation time.
    pub(crate) fn takes(self, end: i64, created: Option<i64>) -> bool {
        match self {
            Self::Raw(edge) => end <= edge,
            Self::Created(edge) => created.is_some_and(|created| created < edge),
        }
    }
}

impl Keys {
    /// Name of the age setting that applies to this policy.
    pub(crate) fn of_job(&self, job: &Job) -> &'static str {
        self.of(|key| job.setting(key).is_some())
    }
}

impl AgeRule {
    /// The age in the form. `asks`: end of the refusal's text if neither age is given.
    pub(crate) fn given(
        inputs: &Inputs,
        axis: Axis,
        keys: &Keys,
        asks: &str,
    ) -> Result<Self, Refusal> {
        let Keys { after, created, .. } = keys;
        match (inputs.text(after), inputs.text(created)) {
            (Some(_), Some(_)) => Err(format!("give either {after} or {created}, not both").into()),
            (None, None) => Err(format!("{after} is required: {asks}").into()),
            (Some(text), None) => Span::parse(axis, text).map(Self::After).ok_or_else(|| {
                format!("{after}: {text} is not a length in this time dimension").into()
            }),
            (None, Some(text)) => Ok(Self::CreatedBefore(Interval::parse(text)?)),
        }
    }

    /// The policy's present age. `None`: the policy has no age, or the age cannot be parsed.
    pub(crate) fn of(job: &Job, axis: Axis, keys: &Keys) -> Option<Self> {
        let key = keys.of_job(job);
        let text = job.setting(key)?;
        if key == keys.created {
            return Interval::parse(&text).ok().map(Self::CreatedBefore);
        }
        Span::parse(axis, &text).map(Self::After)
    }

    /// Adds the age as an argument of `add_…_policy`.
    pub(crate) fn give(self, call: &mut Call, keys: &Keys) {
        match self.span() {
            Span::Number(number) => call.give(self.key(keys), "bigint", number.into()),
            Span::Interval(interval) => {
                call.give(self.key(keys), "interval", interval.to_string().into());
            }
        }
    }

    /// The limit at this moment. `now` is the present in the time dimension, `making` the present for creation times. `None`: the limit is
    /// unknown.
    pub(crate) fn cut(self, now: &Now, making: &Now) -> Option<Cut> {
        match self {
            Self::After(span) => now.less(span).map(Cut::Raw),
            Self::CreatedBefore(_) => making.less(self.span()).map(Cut::Created),
        }
    }
}

/// Refuses a length of zero or less.
pub(crate) fn longer_than_nothing(name: &str, span: Span) -> Result<Span, Refusal> {
    if span.is_positive() {
        Ok(span)
    } else {
        Err(format!("{name} must be longer than zero").into())
    }
}

/// Schedule interval in the form. `None`: the field is empty.
pub(crate) fn every(inputs: &Inputs) -> Result<Option<Interval>, Refusal> {
    let name = "schedule_interval";
    let Some(text) = inputs.text(name) else {
        return Ok(None);
    };
    let every = Interval::parse(text).map_err(|error| format!("{name}: {error}"))?;
    longer_than_nothing(name, Span::Interval(every)).map(|_| Some(every))
}
