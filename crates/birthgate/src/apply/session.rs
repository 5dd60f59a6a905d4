//! The connection that an apply runs on. It holds the lock on applying for as long as anything of a step may run.

use tokio_postgres::Client;

use crate::database::Database;
use crate::error::{Doing, Error, Result};
use crate::unprepared::Unprepared;

pub(super) struct Session {
    pub client: Client,
    pub database: Database,
    pub pid: i32,
}

impl Session {
    pub async fn connect(database: &Database) -> Result<Session> {
        const DOING: &str = "connecting for the apply";
        let client = database.connect_for_others().await?;
        let pid = client.one_row("SELECT pg_backend_pid()", &[]).await.doing(DOING)?.get(0);
        let session = Session { client, database: database.clone(), pid };
        session.reset().await?;
        Ok(session)
    }

    /// Makes the session what it was when it was opened: no step lives on another's settings.
    pub async fn reset(&self) -> Result<()> {
        const DOING: &str = "preparing the connection";
        let sql = "RESET SESSION AUTHORIZATION; RESET ALL; SET client_min_messages = warning; SET standard_conforming_strings = on";
        self.client.batch_execute(sql).await.doing(DOING)?;
        // A server whose client is gone does not go on for long; not every system can tell.
        let _ = self.client.batch_execute("SET client_connection_check_interval = '1s'").await;
        Ok(())
    }

    pub async fn command(&self, sql: &str) -> Result<()> {
        self.client.batch_execute(sql).await.doing("applying")
    }

    /// The lock on applying, which one session has. One that has just ended may still be leaving.
    pub async fn lock(&self) -> Result<()> {
        for wait in crate::database::waits(5) {
            let row = self.client.one_row(include_str!("../../sql/apply/lock.sql"), &[]).await;
            if row.doing("asking whether somebody applies")?.get(0) {
                return Ok(());
            }
            tokio::time::sleep(wait).await;
        }
        let row = self.client.optional_row(include_str!("../../sql/apply/running.sql"), &[]).await;
        let who = row.doing("asking who applies")?.map_or_else(
            || "somebody".to_owned(),
            |row| {
                let text = |name: &str| row.get::<_, Option<String>>(name).unwrap_or_default();
                let pid: i32 = row.get("pid");
                format!("{} (pid {pid}, since {})", text("login"), text("since"))
            },
        );
        Err(Error::Busy(format!("{who} is applying in this database: one at a time")))
    }

    /// Lets the next one apply.
    pub async fn unlock(&self) -> Result<()> {
        let sql = include_str!("../../sql/apply/unlock.sql");
        self.client.rows(sql, &[]).await.doing("letting others apply").map(drop)
    }
}
