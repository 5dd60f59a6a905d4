//! Statements in one message each, without preparing them first: through a pooler that gives each
//! transaction another connection, a prepared statement would be looked for where it is not.

use std::time::SystemTime;

use serde_json::Value;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

/// A Rust type that stands for one type of PostgreSQL.
pub(crate) trait HasType {
    const TYPE: Type;
}

macro_rules! has_type {
    ($($rust:ty => $postgres:ident),* $(,)?) => {
        $(impl HasType for $rust { const TYPE: Type = Type::$postgres; })*
    };
}

has_type! {
    str => TEXT, String => TEXT, bool => BOOL, i32 => INT4, i64 => INT8, f64 => FLOAT8,
    Value => JSONB, SystemTime => TIMESTAMPTZ, Vec<String> => TEXT_ARRAY, Vec<&str> => TEXT_ARRAY,
    [String] => TEXT_ARRAY, [&str] => TEXT_ARRAY, Vec<u32> => OID_ARRAY, [u32] => OID_ARRAY, Vec<i64> => INT8_ARRAY,
}

impl<T: HasType + ?Sized> HasType for &T {
    const TYPE: Type = T::TYPE;
}

impl<T: HasType> HasType for Option<T> {
    const TYPE: Type = T::TYPE;
}

/// A parameter of a statement.
pub(crate) trait Param: Sync {
    fn typed(&self) -> (&(dyn ToSql + Sync), Type);
}

impl<T: HasType + ToSql + Sync> Param for T {
    fn typed(&self) -> (&(dyn ToSql + Sync), Type) {
        (self, T::TYPE)
    }
}

/// Running statements unprepared.
pub(crate) trait Unprepared {
    /// The rows of the answer.
    async fn rows(&self, sql: &str, params: &[&dyn Param]) -> Result<Vec<Row>, Error>;
    /// The only row of the answer.
    async fn one_row(&self, sql: &str, params: &[&dyn Param]) -> Result<Row, Error>;
    /// The only row of the answer, if there is one.
    async fn optional_row(&self, sql: &str, params: &[&dyn Param]) -> Result<Option<Row>, Error>;
}

impl Unprepared for Client {
    async fn rows(&self, sql: &str, params: &[&dyn Param]) -> Result<Vec<Row>, Error> {
        self.query_typed(sql, &params.iter().map(|param| param.typed()).collect::<Vec<_>>()).await
    }

    async fn one_row(&self, sql: &str, params: &[&dyn Param]) -> Result<Row, Error> {
        self.query_typed_one(sql, &params.iter().map(|param| param.typed()).collect::<Vec<_>>())
            .await
    }

    async fn optional_row(&self, sql: &str, params: &[&dyn Param]) -> Result<Option<Row>, Error> {
        self.query_typed_opt(sql, &params.iter().map(|param| param.typed()).collect::<Vec<_>>())
            .await
    }
}
