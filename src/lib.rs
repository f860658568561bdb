//! hypertop: a terminal console for TimescaleDB operators.
//!
//! Ten modules in layers, highest layer first. Each module imports only from lower layers. `cli` (options) and `config` (config.toml) are
//! beside the layers.
//!
//! - `run`: event loop, workers, and the commands without the console (show, run, rollback, ...)
//! - `ui`: draws the state; the terminal
//! - `app`: state, messages, keys, dialogs, recordings, themes; no terminal, no database, no clock
//! - `actions`: what users can do: forms, plans, previews, execution, rollback; the key map
//! - `screens`: what users can see: a file or folder per tab, and the tables that hold the rows
//! - `demo`: the demo's data, and the private server
//! - `server`: read sessions, query texts by version, facts about the server
//! - `journal`: actions and acknowledgements, on disk
//! - `connect`: libpq's rules, TLS, errors with a remedy
//! - `model`: shared types: moment, interval, text, verdict, rule, threshold, plan

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
