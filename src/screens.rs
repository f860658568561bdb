//! The screens: one module each, named here once.

pub mod jobs;

use crate::record::Record;
use crate::sql::Query;

macro_rules! screens {
    ($($id:ident: $module:ident),+ $(,)?) => {
        /// Which screen, in the order of the tabs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ScreenId { $($id),+ }

        impl ScreenId {
            pub const ALL: &[Self] = &[$(Self::$id),+];

            pub fn name(self) -> &'static str {
                match self { $(Self::$id => $module::Row::NAME),+ }
            }

            pub fn title(self) -> &'static str {
                match self { $(Self::$id => $module::Row::TITLE),+ }
            }

            /// Every query that the screen asks, for the tests that run them all.
            pub fn queries(self) -> Vec<&'static Query> {
                match self { $(Self::$id => queries::<$module::Row>()),+ }
            }
        }
    };
}

screens! {
    Jobs: jobs,
}

fn queries<R: Record>() -> Vec<&'static Query> {
    let mut all = vec![const { &R::QUERY }];
    if let Some(plain) = const { &R::PLAIN } {
        all.push(plain);
    }
    if let Some(exact) = const { &R::EXACT } {
        all.push(&exact.query);
    }
    all.extend(R::DETAILS.iter().map(|detail| &detail.query));
    all
}
