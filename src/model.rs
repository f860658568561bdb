//! The nouns, with no behaviour towards the outside.

pub mod interval;
pub mod plan;
pub mod rules;
pub mod text;
pub mod thresholds;
pub mod trust;
pub mod value;
pub mod verdict;
