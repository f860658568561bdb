//! The program in a 200x50 terminal, compared with the start of psql.

use std::io::{Read, Write};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::{Goals, Limit, Spread};

const ROUNDS: usize = 9;
/// The first screen is complete when nothing was written for this long, which is shorter than a tick.
const QUIET: Duration = Duration::from_millis(700);

/// Times from the start to the first bytes, the list, and the exact figures.
struct Stages {
    first: Duration,
    list: Duration,
    exact: Duration,
}

struct Program {
    child: Box<dyn Child + Send + Sync>,
    /// Time of the first bytes, and their number.
    first: (Instant, usize),
    keys: Box<dyn Write + Send>,
    written: Receiver<(Instant, usize)>,
    _master: Box<dyn MasterPty + Send>,
}

impl Program {
    fn open(conninfo: &str, screen: &str) -> Self {
        let size = PtySize {
            rows: 50,
            cols: 200,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_hypertop"));
        command.args(["--screen", screen, conninfo]);
        command.env("TERM", "xterm-256color");
        command.env("XDG_CONFIG_HOME", "/nonexistent");
        command.env("XDG_STATE_HOME", std::env::temp_dir());
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (wrote, written) = channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if wrote.send((Instant::now(), read)).is_err() {
                    return;
                }
            }
        });
        // The program first asks the terminal for its background colour. A terminal that does not answer would delay the start.
        let mut keys = pair.master.take_writer().unwrap();
        let first = written.recv().unwrap();
        keys.write_all(b"\x1b]11;rgb:0000/0000/0000\x07\x1b[?62c")
            .unwrap();
        Self {
            keys,
            child,
            first,
            written,
            _master: pair.master,
        }
    }

    /// Times from `start` to the first bytes, the list, and the exact figures of the visible rows.
    fn stages(&self, start: Instant) -> Stages {
        let (first, mut bytes) = self.first;
        let mut list = None;
        let mut latest = first;
        // The first frame has no rows; a frame with rows has more than 4000 bytes.
        while let Ok((at, more)) = self.written.recv_timeout(if bytes > 4000 {
            QUIET
        } else {
            Duration::from_secs(20)
        }) {
            (latest, bytes) = (at, bytes + more);
            if bytes > 4000 {
                list.get_or_insert(at);
            }
        }
        Stages {
            first: first - start,
            list: list.unwrap_or(latest) - start,
            exact: latest - start,
        }
    }

    /// Number of bytes written until a pause.
    fn bytes(&self) -> usize {
        let mut bytes = 0;
        while let Ok((_, more)) = self.written.recv_timeout(Duration::from_millis(150)) {
            bytes += more;
        }
        bytes
    }

    /// Time until a key shows its effect while the slowest list is loaded. `None`: no answer.
    fn key_while_reading(&mut self) -> Option<Duration> {
        self.keys.write_all(b"4r").ok()?;
        std::thread::sleep(Duration::from_millis(30));
        while self.written.try_recv().is_ok() {}
        let pressed = Instant::now();
        self.keys.write_all(b"j").ok()?;
        let (at, _) = self.written.recv_timeout(Duration::from_secs(5)).ok()?;
        std::thread::sleep(Duration::from_millis(1500));
        self.bytes();
        Some(at - pressed)
    }

    fn memory(&self) -> Option<f64> {
        peak_memory(self.child.process_id()?)
    }

    /// Processor time so far, of all threads, in nanoseconds.
    fn processor(&self) -> Option<f64> {
        let folder = format!("/proc/{}/task", self.child.process_id()?);
        let mut sum = 0.0;
        for thread in std::fs::read_dir(folder).ok()? {
            let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            sum += text.split(' ').next()?.parse::<f64>().ok()?;
        }
        Some(sum)
    }

    fn close(mut self) {
        let _ = self.keys.write_all(b"q");
        let _ = self.child.wait();
    }
}

/// Peak memory of a process, in MiB.
pub fn peak_memory(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

fn open_once(conninfo: &str, screen: &str) -> Stages {
    let start = Instant::now();
    let program = Program::open(conninfo, screen);
    let stages = program.stages(start);
    program.close();
    stages
}

/// Times until the list and the exact figures of the first screen, in milliseconds.
pub fn first_screen(conninfo: &str) -> (Spread, Spread) {
    let opened: Vec<_> = (0..ROUNDS)
        .map(|_| open_once(conninfo, "compression"))
        .collect();
    let list: Vec<_> = opened.iter().map(|stages| stages.list).collect();
    let exact: Vec<_> = opened.iter().map(|stages| stages.exact).collect();
    (Spread::of_times(&list), Spread::of_times(&exact))
}

pub fn measure(conninfo: &str, goals: &mut Goals) {
    let psql = || {
        let start = Instant::now();
        let mut command = Command::new("psql");
        let output = command
            .args(["-X", "-d", conninfo, "-Atc", "select 1"])
            .output()
            .ok()?;
        output.status.success().then(|| start.elapsed())
    };
    let (mut cold, mut first, mut list, mut exact) = (vec![], vec![], vec![], vec![]);
    let (mut useful, mut whole) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        let Some(took) = psql() else {
            return println!("no psql here: the first screen is not measured");
        };
        cold.push(took);
        let stages = open_once(conninfo, "compression");
        first.push(stages.first);
        list.push(stages.list);
        exact.push(stages.exact);
        let stages = open_once(conninfo, "overview");
        useful.push(stages.list);
        whole.push(stages.exact);
    }
    let (by_list, by_exact) = (
        Spread::of_ratios(&list, &cold),
        Spread::of_ratios(&exact, &cold),
    );
    println!(
        "psql -c 'select 1': {} ms; the program's first byte: {} ms\nits first screen, the backlog's bytes by pages: {} ms, ratio {by_list}; with the exact bytes: {} ms, ratio {by_exact}",
        Spread::of_times(&cold),
        Spread::of_times(&first),
        Spread::of_times(&list),
        Spread::of_times(&exact)
    );
    goals.check(
        "first screen / psql's cold select 1",
        by_list.median,
        Limit::Most(2.0),
    );
    let by_useful = Spread::of_ratios(&useful, &cold);
    println!(
        "the Overview's first findings: {} ms, ratio {by_useful}; everything judged: {} ms",
        Spread::of_times(&useful),
        Spread::of_times(&whole)
    );
    goals.check(
        "first findings / psql's cold select 1",
        by_useful.median,
        Limit::Most(2.0),
    );
    at_rest(conninfo, goals);
}

/// Memory, processor time and output of an idle console.
fn at_rest(conninfo: &str, goals: &mut Goals) {
    let mut program = Program::open(conninfo, "overview");
    program.stages(Instant::now());
    // Visits other screens first, because their rows stay in memory.
    for key in ["2", "3", "4", "5", "1"] {
        program.keys.write_all(key.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(600));
    }
    // All figures are read once, and then the minute includes each list that is read again.
    std::thread::sleep(Duration::from_secs(25));
    program.bytes();
    let (began, before) = (Instant::now(), program.processor());
    std::thread::sleep(Duration::from_secs(60));
    let bytes = program.bytes();
    if let (Some(before), Some(after), Some(memory)) =
        (before, program.processor(), program.memory())
    {
        let minute = (after - before) / 1e9 / began.elapsed().as_secs_f64() * 60.0;
        println!(
            "memory {memory:.1} MiB; at rest {minute:.3} s of processor time a minute, {bytes} bytes in a minute"
        );
        goals.check("memory of the program, MiB", memory, Limit::Most(25.0));
        goals.check(
            "processor time at rest, s a minute",
            minute,
            Limit::Most(0.1),
        );
    }
    program.keys.write_all(b"j").unwrap();
    println!("a key: {} bytes", program.bytes());
    let answered: Vec<_> = (0..5).filter_map(|_| program.key_while_reading()).collect();
    if !answered.is_empty() {
        let answered = Spread::of_times(&answered);
        println!("a key while the index list is read anew is answered after {answered} ms");
        goals.check(
            "a key while a list is read, ms",
            answered.median,
            Limit::Most(16.0),
        );
    }
    program.close();
}
