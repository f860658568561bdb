//! `[host]`: the user's facts about the server's machine, for validations over a network.

use toml::Value;

use crate::model::machine::Machine;
use crate::model::text::bytes_of;
use crate::model::threshold_settings::{Table, Wrong};
use crate::model::trust;

const KEYS: &str = "name, memory, cores, disk_free";

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Host {
    /// Pattern for the host in the header. `None`: any.
    name: Option<String>,
    machine: Machine,
}

impl Host {
    pub(super) fn read(table: &Table) -> Result<Self, Wrong> {
        let mut host = Self::default();
        for (key, value) in table {
            let wrong = |why: &str| (value.span().start, format!("{}: {why}", key.as_ref()));
            let bytes = || {
                let text = value.as_ref().as_str().and_then(bytes_of);
                let bytes = text.filter(|bytes| *bytes > 0.0);
                #[expect(clippy::cast_possible_truncation, reason = "the conversion saturates")]
                let bytes = bytes.map(|bytes| bytes as i64);
                bytes.ok_or_else(|| wrong("write a size, such as \"16 GiB\""))
            };
            match key.as_ref().as_str() {
                "memory" => host.machine.memory_bytes = Some(bytes()?),
                "disk_free" => host.machine.disk_free_bytes = Some(bytes()?),
                "cores" => {
                    let cores = value.as_ref().as_integer().filter(|cores| *cores > 0);
                    host.machine.cores =
                        Some(cores.ok_or_else(|| wrong("write a number, such as cores = 8"))?);
                }
                "name" => match value.as_ref() {
                    Value::String(name) => host.name = Some(name.clone()),
                    _ => {
                        return Err(wrong(
                            "write the host as the header shows it, such as \"db1\"",
                        ));
                    }
                },
                other => {
                    let why = format!("[host] has no key {other} (known keys: {KEYS})");
                    return Err((key.span().start, why));
                }
            }
        }
        Ok(host)
    }

    pub(super) fn machine(&self, host: &str) -> Machine {
        if trust::leads(self.name.as_deref(), None, host, "") {
            self.machine.clone()
        } else {
            Machine::default()
        }
    }
}
