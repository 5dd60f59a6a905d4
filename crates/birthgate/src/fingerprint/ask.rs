//! How a look asks the server: each query in one message, or planned once and then asked by its name. Most of the
//! time of a small database's look is planning.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio_postgres::{Client, Error, Row, Statement};

use crate::unprepared::{Param, Unprepared};

/// The queries that one session has planned. Whoever may share it with others, as behind a pooler, drops this before
/// the transaction ends: that takes the plans out of the session.
#[derive(Debug, Default)]
pub(crate) struct Plans(Mutex<HashMap<String, Statement>>);

/// Whom to ask, and how.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    client: &'a Client,
    plans: Option<&'a Plans>,
}

impl<'a> From<&'a Client> for Ask<'a> {
    /// Asks each query in one message.
    fn from(client: &'a Client) -> Ask<'a> {
        Ask { client, plans: None }
    }
}

impl<'a> Ask<'a> {
    /// Asks what was asked before by the plan that the session has of it.
    pub(crate) fn again(client: &'a Client, plans: &'a Plans) -> Ask<'a> {
        Ask { client, plans: Some(plans) }
    }

    pub(super) async fn run(&self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).await
    }

    pub(super) async fn rows(&self, sql: &str, params: &[&dyn Param]) -> Result<Vec<Row>, Error> {
        let Some(plans) = self.plans else { return self.client.rows(sql, params).await };
        let statement = plans.of(self.client, sql, params).await?;
        let params: Vec<_> = params.iter().map(|param| param.typed().0).collect();
        self.client.query(&statement, &params).await
    }

    pub(super) async fn one_row(&self, sql: &str, params: &[&dyn Param]) -> Result<Row, Error> {
        let Some(plans) = self.plans else { return self.client.one_row(sql, params).await };
        let statement = plans.of(self.client, sql, params).await?;
        let params: Vec<_> = params.iter().map(|param| param.typed().0).collect();
        self.client.query_one(&statement, &params).await
    }
}

impl Plans {
    async fn of(
        &self,
        client: &Client,
        sql: &str,
        params: &[&dyn Param],
    ) -> Result<Statement, Error> {
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(sql) {
            return Ok(known.clone());
        }
        let types: Vec<_> = params.iter().map(|param| param.typed().1).collect();
        let planned = client.prepare_typed(sql, &types).await?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(sql.to_owned(), planned.clone());
        Ok(planned)
    }
}
