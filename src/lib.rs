//! hypertop: a terminal console for TimescaleDB operators.
//!
//! The map: `cli`, `config`, `conninfo`, `connect` and `tls` say where to go; `db` asks (two read sessions), with the
//! texts of `sql` and what `server` knows; a screen is a `record` in `screens`, its rows are held by a `table` of
//! `value`s with a `verdict`; `app` is the pure core that turns messages into effects, by the catalogue in `action`;
//! `ui` draws it with a `theme`; `run` is the loop, on a `terminal`; `show` is the twin without one; `tape` is a
//! recording; `demo` and `private_server` bring a factory to look at.
//!
//! An action: `plans` asks by a `form` and makes a `plan`, `preview` shows it, `acting` (or `command`, from the shell)
//! gets consent, `act` carries it out between two lines of the `journal`, `rollback` takes it back.

#![warn(clippy::print_stderr, clippy::print_stdout)]

pub mod acknowledge;
pub mod act;
pub mod acting;
pub mod action;
pub mod app;
pub mod axis;
pub mod chart;
pub mod cli;
pub mod command;
pub mod config;
pub mod connect;
pub mod conninfo;
pub mod db;
pub mod demo;
pub mod details;
pub mod filter;
pub mod form;
pub mod history;
pub mod interval;
pub mod journal;
pub mod overlay;
pub mod plan;
pub mod plans;
pub mod policy;
pub mod preview;
pub mod private_server;
pub mod record;
pub mod rollback;
pub mod rules;
pub mod run;
pub mod screens;
pub mod server;
pub mod show;
pub mod sql;
pub mod stderr;
pub mod table;
pub mod tape;
pub mod terminal;
pub mod text;
pub mod theme;
pub mod thresholds;
pub mod tls;
pub mod trust;
pub mod ui;
pub mod value;
pub mod verdict;
