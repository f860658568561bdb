//! Types that depend on neither the server nor the terminal.

pub mod access;
pub(crate) mod bucket;
pub mod busy;
pub(crate) mod clock;
pub mod creation;
pub mod fix;
pub mod interval;
pub mod moment;
pub mod pages;
pub(crate) mod parse_tree;
pub mod picture;
pub mod plan;
pub(crate) mod remade;
pub mod rules;
pub mod screen_id;
pub mod setup;
pub mod span;
pub mod target;
pub mod text;
pub mod threshold_settings;
pub mod thresholds;
pub mod trust;
pub(crate) mod unread;
pub mod value;
pub mod verdict;
pub mod version;
