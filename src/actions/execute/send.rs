//! Sends one statement, with parameters as text, and returns the first value of its first row.

use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Row};

use super::problem::Problem;
use crate::model::plan::{Lit, Statement};

/// Runs SQL that has no parameters and returns nothing.
pub(super) async fn execute(client: &Client, sql: &str) -> Result<(), Problem> {
    client
        .batch_execute(sql)
        .await
        .map_err(|error| Problem::of(&error))
}

/// A parameter in the text format of its type. `None`: NULL.
#[derive(Debug)]
struct AsText(Option<String>);

impl ToSql for AsText {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match &self.0 {
            None => IsNull::Yes,
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                IsNull::No
            }
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

impl AsText {
    fn of(lit: &Lit) -> Self {
        Self(match lit {
            Lit::Null => None,
            Lit::Bool(truth) => Some(truth.to_string()),
            Lit::Int(number) | Lit::Job(number) => Some(number.to_string()),
            Lit::Text(text) | Lit::Kept(text) => Some(text.clone()),
        })
    }
}

pub(super) async fn send(
    client: &Client,
    statement: &Statement,
) -> Result<Option<String>, Problem> {
    if statement.params.is_empty() && statement.keeps.is_none() {
        return execute(client, &statement.sql).await.map(|()| None);
    }
    let texts: Vec<AsText> = statement.params.iter().map(AsText::of).collect();
    let typed: Vec<(&(dyn ToSql + Sync), Type)> = texts
        .iter()
        .map(|text| -> (&(dyn ToSql + Sync), Type) { (text, Type::UNKNOWN) })
        .collect();
    let rows = client
        .query_typed(&statement.sql, &typed)
        .await
        .map_err(|error| Problem::of(&error))?;
    Ok(rows.first().and_then(first_column))
}

/// The first value of a row, as text. `None`: the value is NULL, or its type is not int4, int8 or a text type.
fn first_column(row: &Row) -> Option<String> {
    let kind = row.columns().first()?.type_();
    match *kind {
        Type::INT4 => row
            .try_get::<_, Option<i32>>(0)
            .ok()
            .flatten()
            .map(|number| number.to_string()),
        Type::INT8 => row
            .try_get::<_, Option<i64>>(0)
            .ok()
            .flatten()
            .map(|number| number.to_string()),
        Type::TEXT | Type::NAME | Type::VARCHAR => row.try_get(0).ok().flatten(),
        _ => None,
    }
}
