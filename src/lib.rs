//! hypertop: a terminal console for TimescaleDB operators.
//!
//! Ten rooms; each imports only from those below it:
//!
//! - `run`: the loop, the workers, and the commands without a terminal (show, run, rollback, ...)
//! - `ui`: draws the state; the theme and the terminal
//! - `app`: the pure core: state, messages, key presses, dialogs, recordings
//! - `actions`: what can be done: forms, plans, previews, execution, rollback; the key map and its defaults
//! - `screens`: what can be seen: a file or folder per tab, and the tables that hold the rows
//! - `demo`: the factory to look at, and the private server
//! - `server`: the read sessions, the texts of queries by version, what is known of the server
//! - `journal`: what was done or acknowledged, on disk
//! - `connect`: libpq's rules, TLS, errors that say the fix
//! - `model`: the nouns: moment, interval, text, verdict, rule, threshold, plan

#![warn(clippy::print_stderr, clippy::print_stdout)]

pub mod actions;
pub mod app;
pub mod cli;
pub mod config;
pub mod connect;
pub mod demo;
pub mod journal;
pub mod model;
pub mod run;
pub mod screens;
pub mod server;
pub mod ui;
