//! The values in a policy file: settings that may be removed, lengths of time, hours of the day.

use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use crate::model::age_rule::AgeRule;
use crate::model::busy::BusyHours;
use crate::model::interval::Interval;
use crate::model::moment::Axis;
use crate::model::span::Span;

/// A wanted setting: removed (`"none"`), or set to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting<T> {
    None,
    To(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reads(std::marker::PhantomData))
    }
}

struct Reads<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Reads<T> {
    type Value = Setting<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings, or \"none\" to remove them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        if text == "none" {
            return Ok(Setting::None);
        }
        T::deserialize(text.into_deserializer()).map(Setting::To)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        T::deserialize(number.into_deserializer()).map(Setting::To)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Setting::To)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(seq)).map(Setting::To)
    }
}

/// An interval for a schedule: longer than zero.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Every(pub Interval);

impl TryFrom<String> for Every {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let every = Interval::parse(&text)?;
        if every.is_positive() {
            Ok(Self(every))
        } else {
            Err(format!("{text:?} must be longer than zero"))
        }
    }
}

/// Hours of each day: `"22:00-06:00"`, `"22:00-06:00 Europe/Berlin"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Hours(pub BusyHours);

impl TryFrom<String> for Hours {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        BusyHours::window(&text).map(Self)
    }
}

/// A length of time: an interval as text, or units of integer time as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Interval(Interval),
    Units(i64),
}

impl Length {
    /// Converts the length for this type of time dimension. The error says how to write the length.
    pub(crate) fn on(self, axis: Axis) -> Result<Span, String> {
        match (self, axis) {
            (Self::Units(units), Axis::Integer) => Ok(Span::Number(units)),
            (Self::Interval(_), Axis::Integer) => {
                Err("its time is an integer: write a number, without quotes".to_owned())
            }
            (Self::Interval(interval), _) => Ok(Span::Interval(interval)),
            (Self::Units(units), _) => Err(format!(
                "{units} has no unit: write \"{units} days\", \"{units}h\" or the like"
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl Visitor<'_> for Reads {
            type Value = Length;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a length of time: \"7 days\", \"1h\", or a number of units of integer time",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Length, E> {
                Interval::parse(text)
                    .map(Length::Interval)
                    .map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Length, E> {
                Ok(Length::Units(number))
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

/// The age of a policy, written as `after` or as `created_before`. `None`: neither is written. To write both is an error.
pub(crate) fn age(
    after: Option<Length>,
    created: Option<Every>,
    axis: Axis,
) -> Result<Option<AgeRule>, String> {
    match (after, created) {
        (Some(_), Some(_)) => Err("write either after or created_before, not both".to_owned()),
        (Some(after), None) => {
            let span = after.on(axis).map_err(|why| format!("after: {why}"))?;
            if !span.is_positive() {
                return Err("after must be longer than zero".to_owned());
            }
            Ok(Some(AgeRule::After(span)))
        }
        (None, Some(created)) => Ok(Some(AgeRule::CreatedBefore(created.0))),
        (None, None) => Ok(None),
    }
}
