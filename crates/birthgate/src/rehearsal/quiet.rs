//! A session of the sandbox in which rows are as they are: no trigger fires, no foreign key and no constraint is
//! checked that old rows need not hold.

use tokio_postgres::Client;

use crate::error::{Doing, Result};
use crate::unprepared::Unprepared;

const DOING: &str = "silencing the sandbox's triggers";

/// What was silenced.
pub(super) struct Quiet<'a> {
    client: &'a Client,
    /// The statements that bring it back.
    back: Vec<String>,
}

impl<'a> Quiet<'a> {
    /// Silences the triggers. The client is a superuser's.
    pub async fn begin(client: &'a Client) -> Result<Quiet<'a>> {
        client.batch_execute("SET session_replication_role = replica").await.doing(DOING)?;
        let sql = include_str!("../../sql/rehearsal/sandbox_triggers.sql");
        let mut triggers = client.rows(sql, &[]).await.doing(DOING)?;
        let sql = include_str!("../../sql/rehearsal/row_unchecked.sql");
        triggers.extend(client.rows(sql, &[]).await.doing(DOING)?);
        let mut quiet = Quiet { client, back: Vec::new() };
        for one in &triggers {
            client.batch_execute(one.get("off")).await.doing(DOING)?;
            quiet.back.push(one.get("on"));
        }
        Ok(quiet)
    }

    /// Brings back what was there.
    pub async fn end(self) -> Result<()> {
        for statement in self.back.iter().rev() {
            self.client.batch_execute(statement).await.doing(DOING)?;
        }
        self.client.batch_execute("RESET session_replication_role").await.doing(DOING)
    }
}
