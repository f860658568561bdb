//! Asks the server, before a plan is shown, whether the expressions in it are immutable.

use anyhow::{Context as _, Result};
use serde_json::Value as Json;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::actions::code;
use crate::actions::indexes::expressions;
use crate::model::plan::{Expression, Plan, Statement, Step, Undo};
use crate::model::setup::name::Name;
use crate::model::text;
use crate::server::session::{Session, in_time};

/// The server's answer about an expression.
enum Answer {
    Immutable,
    Mutable,
    Subquery,
    /// The expression is wrong; the text is the server's error.
    Wrong(String),
    /// The server did not answer, for example because of a lock or a missing privilege.
    Unknown,
}

/// The reason to refuse the plan: one of its expressions is wrong or not immutable. `None`: no reason is known.
pub(super) async fn refusal(session: &Session, plan: &Plan) -> Option<String> {
    if plan.expressions.is_empty() {
        return None;
    }
    let client = &session.connected.client;
    // When the server plans a query, it calls immutable functions whose arguments are constants. So if the plan names a function of an
    // untrusted owner, no expression is sent to the server.
    let standing = code::named(client, session.server.sql_version(), plan).await;
    if standing.is_err() || standing.is_ok_and(|standing| !standing.is_empty()) {
        return None;
    }
    for expression in &plan.expressions {
        let (field, text) = (expression.field, &expression.text);
        match ask(client, expression).await.unwrap_or(Answer::Unknown) {
            Answer::Immutable | Answer::Unknown => {}
            Answer::Mutable => {
                return Some(format!(
                    "{field}: {text} is not immutable: for the same row its value may depend on the time (now()), on chance, or on a setting (such as the time zone, if a timestamp becomes a date or text). PostgreSQL does not index such a value. Use fixed values, and name the time zone of a timestamp: (ts AT TIME ZONE 'UTC')::date"
                ));
            }
            Answer::Subquery => {
                return Some(format!(
                    "{field}: {text} has a subquery, which an index cannot have"
                ));
            }
            Answer::Wrong(why) => return Some(format!("{field}: {text}: {why}")),
        }
    }
    None
}

/// True if two conditions on a relation are the same for the server. False: they differ, the server did not answer, or it was not asked
/// because a condition names a function of an untrusted owner.
pub(crate) async fn is_same(session: &Session, of: &Name, one: &str, other: &str) -> bool {
    let (table, alias) = (of.to_string(), text::quote_identifier(&of.name));
    let questions = [one, other].map(|text| expressions::understood(&table, &alias, text));
    // The server would call functions in the conditions. So conditions with functions of untrusted owners are not sent.
    let statements = questions.iter().cloned();
    let statements = statements.map(|sql| Statement::new(sql, Vec::new()));
    let step = Step::new("", statements.collect(), Vec::new());
    let plan = Plan::new("", vec![step], Undo::Needless(String::new()));
    let client = &session.connected.client;
    let standing = code::named(client, session.server.sql_version(), &plan).await;
    if !standing.is_ok_and(|standing| standing.is_empty()) {
        return false;
    }
    let mut answers = Vec::new();
    for question in &questions {
        match explained(client, question, "").await {
            Ok(Ok(answer)) => answers.push(answer),
            _ => return false,
        }
    }
    answers[0] == answers[1]
}

/// The EXPLAIN output of a query that reads no table, or the server's error. `set`: SQL that changes settings of the transaction.
async fn explained(
    client: &Client,
    question: &str,
    set: &str,
) -> Result<Result<Json, tokio_postgres::Error>> {
    in_time(client.batch_execute(&format!("begin read only{set}"))).await?;
    let rows = client.query_typed(question, &[]);
    let rows = tokio::time::timeout(std::time::Duration::from_secs(5), rows).await;
    in_time(client.batch_execute("rollback")).await?;
    Ok(match rows.context("no answer")? {
        Ok(rows) => Ok(rows.first().context("no plan")?.try_get(0)?),
        Err(error) => Err(error),
    })
}

async fn ask(client: &Client, expression: &Expression) -> Result<Answer> {
    let set = "; set local constraint_exclusion = on";
    let explained = match explained(client, &expression.question, set).await? {
        Ok(explained) => explained,
        Err(error) => {
            let Some(error) = error.as_db_error() else {
                return Ok(Answer::Unknown);
            };
            return Ok(if is_wrong(error.code()) {
                Answer::Wrong(error.message().to_owned())
            } else {
                Answer::Unknown
            });
        }
    };
    let whole = &explained[0]["Plan"];
    Ok(if whole["One-Time Filter"] == "false" {
        Answer::Immutable
    } else if ["SubPlan", "InitPlan"]
        .iter()
        .any(|of| whole.to_string().contains(of))
    {
        Answer::Subquery
    } else {
        Answer::Mutable
    })
}

/// True if the error is in the statement itself: its syntax, names, types or values.
pub(crate) fn is_wrong(code: &SqlState) -> bool {
    let code_text = code.code();
    *code != SqlState::INSUFFICIENT_PRIVILEGE
        && (code_text.starts_with("42")
            || code_text.starts_with("22")
            || *code == SqlState::FEATURE_NOT_SUPPORTED)
}
