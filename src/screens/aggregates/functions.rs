//! PostgreSQL's aggregate functions and operators that decide whether a column may be aggregated again.
//!
//! The oids of built-in functions never change between versions.

use serde::{Deserialize, Serialize};

use crate::model::parse_tree::Node;
use crate::model::verdict::Level;

/// Kinds of values in a column of an aggregate. From such values of several buckets, the value of the whole period cannot be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Held {
    Average,
    /// A standard deviation, or a variance.
    Deviation,
    Percentile,
    DistinctCount,
    Ratio,
}

/// A kind of aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Average,
    Sum,
    Count,
    /// A standard deviation, or a variance.
    Deviation,
    /// A percentile, or the most frequent value.
    Percentile,
}

/// The function with this oid, and its name; `None`: another function.
pub fn function(oid: i64) -> Option<(Function, &'static str)> {
    Some(match oid {
        2100..=2106 => (Function::Average, "avg"),
        2107..=2114 => (Function::Sum, "sum"),
        2147 => (Function::Count, "count"),
        2148..=2153 => (Function::Deviation, "variance"),
        2154..=2159 => (Function::Deviation, "stddev"),
        2641..=2646 => (Function::Deviation, "var_samp"),
        2712..=2717 => (Function::Deviation, "stddev_samp"),
        2718..=2723 => (Function::Deviation, "var_pop"),
        2724..=2729 => (Function::Deviation, "stddev_pop"),
        3972 | 3978 => (Function::Percentile, "percentile_disc"),
        3974 | 3976 | 3980 | 3982 => (Function::Percentile, "percentile_cont"),
        3984 => (Function::Percentile, "mode"),
        _ => return None,
    })
}

/// Oids of the operators `/` of numbers and intervals.
pub const DIVISIONS: &[i64] = &[
    527, 528, 546, 547, 588, 593, 687, 691, 695, 821, 825, 1118, 1128, 1585, 1761,
];
/// Oids of the operators `+`, `-` and `*` of numbers and intervals.
pub const OTHERS: &[i64] = &[
    514, 526, 544, 545, 550, 551, 552, 553, 554, 555, 556, 557, 586, 587, 589, 591, 592, 594, 684,
    685, 686, 688, 689, 690, 692, 693, 694, 818, 819, 820, 822, 823, 824, 1116, 1117, 1119, 1126,
    1127, 1129, 1337, 1338, 1583, 1584, 1758, 1759, 1760,
];

/// The function of an AGGREF node in a parse tree, and its name.
pub(super) fn of(node: &Node) -> Option<(Function, &'static str)> {
    function(node.number("aggfnoid")?)
}

/// Whether an OPEXPR node in a parse tree adds, subtracts, multiplies or divides.
pub(super) fn is_arithmetic(node: &Node) -> bool {
    let operator = node.number("opno").unwrap_or_default();
    DIVISIONS.contains(&operator) || OTHERS.contains(&operator)
}

/// Level of a finding for `function` on a column with values of the kind `held`. `None`: no finding, because the result can be right, such
/// as a sum of averages. A notice: the result describes the buckets instead of the rows, which may be intended.
pub(super) fn level(function: Function, held: Held) -> Option<Level> {
    let each = held != Held::DistinctCount;
    match function {
        Function::Average if each => Some(Level::Warning),
        Function::Average => Some(Level::Notice),
        Function::Sum => match held {
            Held::DistinctCount => Some(Level::Warning),
            Held::Deviation | Held::Percentile => Some(Level::Notice),
            Held::Average | Held::Ratio => None,
        },
        Function::Deviation | Function::Percentile => each.then_some(Level::Notice),
        Function::Count => None,
    }
}
