//! Order of the sessions: a blocked session is below the session that blocks it.

use std::collections::HashMap;

use super::session::{Head, Party, Row};
use crate::model::moment::Stamp;
use crate::model::text;
use crate::model::text::party;

/// Sorts every session below its first blocker and every parallel worker below its leader; fills in who blocks whom.
pub(super) fn settle(rows: &mut Vec<Row>) {
    let places: HashMap<i32, usize> = rows
        .iter()
        .enumerate()
        .map(|(place, row)| (row.pid, place))
        .collect();
    set_blockers(rows, &places);
    let parent = |row: &Row| {
        let over = row.blockers.iter().copied().chain(row.leader);
        over.filter(|pid| *pid != row.pid)
            .find_map(|pid| places.get(&pid).copied())
    };
    let parents: Vec<Option<usize>> = rows.iter().map(parent).collect();
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, parent) in parents.iter().enumerate() {
        if let Some(parent) = parent {
            children.entry(*parent).or_default().push(place);
        }
    }
    let mut order = Vec::with_capacity(rows.len());
    let mut done = vec![false; rows.len()];
    let roots = (0..rows.len()).filter(|place| parents[*place].is_none());
    // Every session in a deadlock has a parent, so none of them is a root. Until the server ends the deadlock, the first of them in the
    // list is the root.
    for root in roots.chain(0..rows.len()) {
        let mut open = vec![(root, 0)];
        while let Some((place, depth)) = open.pop() {
            if std::mem::replace(&mut done[place], true) {
                continue;
            }
            order.push((place, depth, root));
            let below = children.get(&place).into_iter().flatten().rev();
            open.extend(below.map(|child| (*child, depth + 1)));
        }
    }
    let pid_of: Vec<i32> = rows.iter().map(|row| row.pid).collect();
    *rows = order
        .into_iter()
        .map(|(place, depth, root)| {
            let mut row = rows[place].clone();
            row.depth = depth;
            row.family = (depth > 0 || children.contains_key(&place)).then_some(pid_of[root]);
            row
        })
        .collect();
    set_roots(rows);
}

/// Sets the head of each blocked session's queue, and the number of indirectly blocked sessions.
fn set_roots(rows: &mut [Row]) {
    for place in 0..rows.len() {
        let row = &rows[place];
        let below = rows[place + 1..]
            .iter()
            .take_while(|other| other.depth > row.depth);
        let waiting = below
            .filter(|other| other.wait.is_some() && !other.own)
            .count();
        let behind = waiting.saturating_sub(row.blocks.len());
        rows[place].behind = if rows[place].blocks.is_empty() {
            0
        } else {
            behind
        };
        if rows[place].depth > 0 {
            continue;
        }
        let row = &rows[place];
        let head = Head {
            pid: row.pid,
            active: row.is_active(),
            own: row.own,
        };
        for other in &mut rows[place + 1..] {
            if other.depth == 0 {
                break;
            }
            other.head = other.wait.is_some().then_some(head);
        }
    }
}

/// Sets `blocked_by`, `blocks` and `blocks_since` of each session.
fn set_blockers(rows: &mut [Row], places: &HashMap<i32, usize>) {
    let parties: Vec<Party> = rows
        .iter()
        .map(|row| Party {
            pid: row.pid,
            what: party(
                row.pid,
                row.program(),
                row.role.as_deref(),
                row.state.as_deref(),
            ),
        })
        .collect();
    let mut waits: Vec<(usize, i32, Option<Stamp>)> = Vec::new();
    for row in rows.iter_mut() {
        let since = row.wait.as_ref().and_then(|wait| wait.since);
        let since = since.or(row.query_started);
        let party = |pid: &i32| {
            let known = places.get(pid).map(|place| parties[*place].clone());
            known.unwrap_or_else(|| Party {
                pid: *pid,
                what: match pid {
                    0 => text::prepared(row.prepared.as_deref()),
                    pid => format!("{pid}, which has ended"),
                },
            })
        };
        row.blocked_by = row.blockers.iter().map(party).collect();
        if row.own {
            // The console's own waits are not reported: its short lock_timeout ends them.
            continue;
        }
        let over = row.blockers.iter().filter_map(|pid| places.get(pid));
        waits.extend(over.map(|place| (*place, row.pid, since)));
    }
    for (place, pid, since) in waits {
        let row = &mut rows[place];
        row.blocks.push(pid);
        row.blocks_since = match (row.blocks_since, since) {
            (Some(first), Some(since)) => Some(first.min(since)),
            (first, since) => first.or(since),
        };
    }
}
