//! Checks the age limit of a compression policy against the hypertable and the version.

use crate::actions::act::{Context, Refusal};
use crate::actions::form::Inputs;
use crate::actions::policy::rule::{AgeRule, COMPRESS};
use crate::model::text;
use crate::model::version::Version;

use super::eligible::positive;
use super::facts::Compression;

/// From this version on, a policy may compress by the chunks' creation time.
pub(super) const BY_CREATION: Version = Version::new(2, 13);

pub(crate) fn rule(
    context: &Context,
    known: &Compression,
    inputs: &Inputs,
) -> Result<AgeRule, Refusal> {
    let asks = "how old is a chunk when it is compressed?";
    let rule = AgeRule::given(inputs, known.axis(), &COMPRESS, asks)?;
    let version = context.at.server.sql_version();
    match rule {
        AgeRule::After(_)
            if known.integer_time && known.now.is_none() && !known.has_hidden_clock() =>
        {
            return Err(format!(
                "the time of {} is an integer, and the table has no integer_now_func that returns a value: create a function that returns \"now\", then run SELECT set_integer_now_func({}, 'schema.function')",
                known.relation,
                text::quote_literal(&known.table)
            )
            .into());
        }
        AgeRule::CreatedBefore(_) if version < BY_CREATION => {
            return Err(format!(
                "{} needs TimescaleDB 2.13, and this is {version}: use {}",
                COMPRESS.created, COMPRESS.after
            )
            .into());
        }
        _ => {}
    }
    positive(rule.span(), rule.key(&COMPRESS))?;
    Ok(rule)
}
