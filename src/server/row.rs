//! Reads the rows of a query into structs by column name, with serde.
//!
//! A field reads the column of its name or `alias`. A field that is a struct reads several columns of the same row, starting at the column
//! that its alias names. If that column is NULL, an `Option` is `None`; if it is JSON, the struct is read from the JSON. An enum is read
//! from a text (name or alias of a variant) or from an integer (number of the variant, from 0).
//!
//! In debug builds (and therefore in tests) a column with a value that no field reads is an error: its name is misspelt, or the query
//! does not need it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;

use anyhow::{Context, Result, bail};
use serde::de::value::{SeqDeserializer, U32Deserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};
use tokio_postgres::types::{FromSql, Kind, Type};
use tokio_postgres::{Column, Row};

use crate::model::moment::Stamp;

/// Whether a column that no field reads is an error.
const CHECKED: bool = cfg!(debug_assertions);

/// A row of a list, with the columns that the companion query adds.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    list: &'a Row,
    /// The object's row of the companion query. `None`: there is no companion query, or it ran before the object was created.
    companion: Option<&'a Row>,
}

impl<'a> From<&'a Row> for Line<'a> {
    fn from(list: &'a Row) -> Self {
        Self {
            list,
            companion: None,
        }
    }
}

impl<'a> Line<'a> {
    /// The column with number `at`, and its value. `None`: no such column. The companion query's first column (the id) is skipped, because
    /// the list has it too.
    fn cell(self, at: usize) -> Option<(&'a Column, Result<Raw<'a>, tokio_postgres::Error>)> {
        let own = self.list.len();
        let (row, at) = if at < own {
            (self.list, at)
        } else {
            (self.companion?, at - own + 1)
        };
        Some((row.columns().get(at)?, row.try_get(at)))
    }

    fn cells(self) -> impl Iterator<Item = (&'a Column, Result<Raw<'a>, tokio_postgres::Error>)> {
        (0..).map_while(move |at| self.cell(at))
    }
}

/// Joins the rows of a list and of the list's companion query by id, which is the first column of both.
pub(crate) fn joined<'a>(list: &'a [Row], companion: &'a [Row]) -> Result<Vec<Line<'a>>> {
    if companion.is_empty() {
        return Ok(list.iter().map(Line::from).collect());
    }
    let ids = companion.iter().map(|row| Ok((id(row)?, row)));
    let companions: HashMap<i64, &Row> = ids.collect::<Result<_>>()?;
    let line = |list: &'a Row| {
        let companion = companions.get(&id(list)?).copied();
        Ok(Line { list, companion })
    };
    list.iter().map(line).collect()
}

fn id(row: &Row) -> Result<i64> {
    let (column, value) = Line::from(row).cell(0).context("a row without columns")?;
    let value = Value {
        from: None,
        ty: column.type_(),
        raw: value?.0,
    };
    Ok(i64::deserialize(value)?)
}

/// Reads one row into a struct, or into a tuple of structs that share its columns.
pub(crate) fn read<'a, T: DeserializeOwned>(row: impl Into<Line<'a>>) -> Result<T> {
    let row = row.into();
    let columns = if CHECKED { row.cells().count() } else { 0 };
    let part = Part {
        row,
        from: 0,
        taken: &RefCell::new(vec![false; columns]),
    };
    let read = T::deserialize(part)?;
    if CHECKED {
        let taken = part.taken.borrow();
        for ((column, value), taken) in row.cells().zip(taken.iter()) {
            if !taken && value?.0.is_some() {
                bail!("no field reads column {} of the query", column.name());
            }
        }
    }
    Ok(read)
}

pub(crate) fn read_all<T: DeserializeOwned>(rows: &[Row]) -> Result<Vec<T>> {
    all(rows.iter().map(read))
}

/// Collects the rows in a list without spare capacity, because long lists stay in memory.
pub(crate) fn all<T>(rows: impl ExactSizeIterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        all.push(row?);
    }
    Ok(all)
}

/// Reads NULL as the type's default value.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Debug)]
struct Error {
    message: String,
    /// Whether the message already names the column.
    placed: bool,
}

impl Error {
    fn at(self, name: &str, ty: &Type) -> Self {
        if self.placed {
            return self;
        }
        Self {
            message: format!("column {name} ({ty}): {}", self.message),
            placed: true,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
            placed: false,
        }
    }
}

/// The columns of a row that one struct reads.
#[derive(Clone, Copy)]
struct Part<'a> {
    row: Line<'a>,
    /// Number of the struct's first column.
    from: usize,
    /// For each column of the row: whether a field took it.
    taken: &'a RefCell<Vec<bool>>,
}

impl<'a> IntoDeserializer<'a, Error> for Part<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Part<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Columns {
            part: self,
            at: self.from,
        })
    }

    /// Every struct of the tuple may read all columns.
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        many: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(SeqDeserializer::new(std::iter::repeat_n(self, many)))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple_struct map struct enum identifier ignored_any
    }
}

/// Passes the columns to serde from left to right.
struct Columns<'a> {
    part: Part<'a>,
    at: usize,
}

impl<'de> MapAccess<'de> for Columns<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((column, _)) = self.part.row.cell(self.at) else {
            return Ok(None);
        };
        seed.deserialize(de::value::BorrowedStrDeserializer::new(column.name()))
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (part, at) = (self.part, self.at);
        self.at += 1;
        let cell = part.row.cell(at);
        let (column, value) = cell.ok_or_else(|| de::Error::custom("no column is left"))?;
        let value = value.map_err(de::Error::custom)?;
        let value = Value {
            from: Some((part, at)),
            ty: column.type_(),
            raw: value.0,
        };
        seed.deserialize(value)
            .map_err(|error| error.at(column.name(), column.type_()))
    }
}

/// Bytes as the server sent them; `None`: NULL.
#[derive(Debug)]
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The value of a column, or an element of an array.
#[derive(Clone, Copy)]
struct Value<'a> {
    /// The row and the number of the column, for a nested struct; `None`: an element of an array.
    from: Option<(Part<'a>, usize)>,
    ty: &'a Type,
    raw: Option<&'a [u8]>,
}

impl<'a> Value<'a> {
    fn take(self) {
        if let Some((part, at)) = self.from
            && let Some(taken) = part.taken.borrow_mut().get_mut(at)
        {
            *taken = true;
        }
    }

    fn get<T: FromSql<'a>>(self, raw: &'a [u8]) -> Result<T, Error> {
        T::from_sql(self.ty, raw).map_err(de::Error::custom)
    }
}

impl<'a> IntoDeserializer<'a, Error> for Value<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.take();
        let Some(raw) = self.raw else {
            return visitor.visit_unit();
        };
        if let Kind::Array(element) = self.ty.kind() {
            let elements = self.get::<Vec<Raw>>(raw)?.into_iter();
            let elements = elements.map(|Raw(raw)| Value {
                from: None,
                ty: element,
                raw,
            });
            return visitor.visit_seq(SeqDeserializer::new(elements));
        }
        match *self.ty {
            Type::BOOL => visitor.visit_bool(self.get(raw)?),
            Type::INT2 => visitor.visit_i16(self.get(raw)?),
            Type::INT4 => visitor.visit_i32(self.get(raw)?),
            Type::INT8 => visitor.visit_i64(self.get(raw)?),
            Type::OID => visitor.visit_u32(self.get(raw)?),
            Type::FLOAT4 => visitor.visit_f32(self.get(raw)?),
            Type::FLOAT8 => visitor.visit_f64(self.get(raw)?),
            Type::CHAR => visitor.visit_char(char::from(self.get::<i8>(raw)?.cast_unsigned())),
            Type::TIMESTAMPTZ | Type::TIMESTAMP => visitor.visit_i64(self.get::<Stamp>(raw)?.0),
            Type::JSON | Type::JSONB => self
                .get::<serde_json::Value>(raw)?
                .deserialize_any(visitor)
                .map_err(de::Error::custom),
            _ if <&str as FromSql>::accepts(self.ty) => visitor.visit_borrowed_str(self.get(raw)?),
            _ => Err(de::Error::custom(
                "hypertop cannot read values of this type",
            )),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.take();
        match self.raw {
            None => visitor.visit_none(),
            Some(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.from {
            Some((part, from)) if !matches!(*self.ty, Type::JSON | Type::JSONB) => {
                Part { from, ..part }.deserialize_any(visitor)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match u32::deserialize(self) {
            Ok(number) => visitor.visit_enum(U32Deserializer::new(number)),
            Err(_) => visitor.visit_enum(<&str>::deserialize(self)?.into_deserializer()),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier
    }
}
