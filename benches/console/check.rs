//! The cost of `hypertop check --listen` on the server, compared with one pass of the documented queries for the same figures. Also the
//! memory of the check.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hypertop::connect;
use hypertop::connect::conninfo::Settings;
use hypertop::model::screen_id::ScreenId;
use tokio_postgres::Client;

use crate::screens::{Wanted, shown};
use crate::{Goals, Limit, Spread, naive, program, weight};

/// Time between two scrapes at rest, as in Prometheus' default configuration.
const EVERY: Duration = Duration::from_secs(15);
const AT_REST: usize = 8;
const CHANGED: usize = 5;
const NAME: &str = "hypertop-bench-check";

/// A check that listens. The process is ended when this value is dropped.
struct Listening {
    child: Child,
    at: String,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Listening {
    fn start(conninfo: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hypertop"))
            .args([
                "check",
                "--listen",
                "0",
                "--min-interval",
                "0s",
                "--timeout",
                "60s",
            ])
            .arg(conninfo)
            .env("PGAPPNAME", NAME)
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .env("XDG_STATE_HOME", "/nonexistent")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        said.read_line(&mut line).unwrap();
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let at = line.trim().strip_prefix("hypertop: metrics at http://");
        let at = at.and_then(|at| at.strip_suffix("/metrics"));
        let at = at.unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, at }
    }

    fn memory(&self) -> Option<f64> {
        program::peak_memory(self.child.id())
    }
}

fn scrape(at: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    write!(stream, "GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.0 200 "), "{page}");
    page
}

/// Processor time of a process on this machine, in milliseconds. `None`: the process is on another machine, or has ended.
fn processor(pid: i32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e6)
}

/// Processor times of the listener's backends.
type Backends = BTreeMap<i32, f64>;

async fn backends(client: &Client) -> Backends {
    let pids = "select pid from pg_stat_activity where application_name = $1";
    let rows = client.query(pids, &[&NAME]).await.unwrap();
    let pids = rows.iter().map(|row| row.get(0));
    pids.filter_map(|pid| Some((pid, processor(pid)?)))
        .collect()
}

/// Makes one scrape. Returns its cost on the server, in milliseconds of processor time, and the page.
async fn measured(listening: &Listening, client: &Client) -> (f64, String) {
    let before = backends(client).await;
    let at = listening.at.clone();
    let mut page = tokio::task::spawn_blocking(move || scrape(&at));
    let mut latest = before.clone();
    // The second connection is replaced from time to time. Then the last processor time of the old connection counts.
    let page = loop {
        match tokio::time::timeout(Duration::from_millis(20), &mut page).await {
            Ok(page) => break page.unwrap(),
            Err(_) => latest.extend(backends(client).await),
        }
    };
    latest.extend(backends(client).await);
    let cost = |(pid, time): (&i32, &f64)| time - before.get(pid).unwrap_or(&0.0);
    (latest.iter().map(cost).sum(), page)
}

/// One pass of the documented queries, in milliseconds of the server's processor time. Sizes are read for all hypertables, other expensive
/// figures only for the rows of one page.
async fn naive_pass(settings: &Settings, wanted: &Wanted) -> Option<f64> {
    let client = naive::client(settings).await;
    let row = client.query_one("select pg_backend_pid()", &[]).await;
    let pid = row.unwrap().get(0);
    let mut passes = Vec::new();
    // The sizes of the hypertables are those of all of them, below.
    for (screen, rows) in wanted
        .iter()
        .filter(|(screen, _)| *screen != ScreenId::Hypertables)
    {
        passes.extend(naive::twin(&client, *screen, &shown(rows)).await);
    }
    passes.push(weight::NAIVE_SIZES.to_owned());
    let before = processor(pid)?;
    for statement in passes {
        client.simple_query(&statement).await.unwrap();
    }
    Some(processor(pid)? - before)
}

/// A row in a new chunk, which moves the counters that the screens watch.
const CHANGE: &str = "do $$ declare h record; begin
  select format('%I.%I', hypertable_schema, hypertable_name) as name into h from timescaledb_information.hypertables
   where hypertable_name like 'ht\\_%' order by 1 limit 1;
  execute format('insert into %s values (now() + $1 * interval ''1 day'', 1, 1)', h.name) using NTH; end $$";

pub async fn measure(
    conninfo: &str,
    settings: &Settings,
    wanted: &Wanted,
    own: bool,
    goals: &mut Goals,
) {
    let Some(pass) = naive_pass(settings, wanted).await else {
        return println!("the server is not on this machine: check --listen is not measured");
    };
    let client = connect::again(settings, None).await.unwrap().client;
    let listening = Listening::start(conninfo);
    let begun = Instant::now();
    let (first, page) = measured(&listening, &client).await;
    let took = begun.elapsed();
    // The next scrapes read what the first scrape did not read in time.
    for _ in 0..5 {
        measured(&listening, &client).await;
    }
    let mut rest = Vec::new();
    for _ in 0..AT_REST {
        tokio::time::sleep(EVERY).await;
        rest.push(measured(&listening, &client).await.0);
    }
    let mean = rest.iter().sum::<f64>() / rest.len() as f64;
    println!(
        "check --listen: naive pass {pass:.0} ms of the server's processor; first scrape {first:.0} ms (answered after {took:.1?}, {} kB); at rest {} ms, mean {mean:.2}",
        page.len() >> 10,
        Spread::of(rest)
    );
    goals.check(
        "naive pass / scrape at rest",
        pass / mean,
        Limit::Least(200.0),
    );
    if own {
        let mut changed = Vec::new();
        for nth in 0..CHANGED {
            tokio::time::sleep(EVERY).await;
            let change = CHANGE.replace("NTH", &(nth + 1).to_string());
            client.batch_execute(&change).await.unwrap();
            // The server counts what a session has changed a moment later.
            tokio::time::sleep(Duration::from_secs(2)).await;
            changed.push(measured(&listening, &client).await.0);
        }
        let changed = Spread::of(changed);
        println!("a scrape after a new chunk: {changed} ms");
        goals.check(
            "naive pass / scrape after a change",
            pass / changed.median,
            Limit::Least(20.0),
        );
    }
    if let Some(memory) = listening.memory() {
        println!("memory of check --listen: {memory:.1} MiB");
        goals.check("memory of check --listen, MiB", memory, Limit::Most(25.0));
    }
}
