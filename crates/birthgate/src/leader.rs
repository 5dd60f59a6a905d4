//! Which of several daemons leads: whoever holds one advisory lock of the database.

use tokio_postgres::Client;

use crate::error::{Doing, Error, Result};
use crate::schema;
use crate::unprepared::Unprepared;

const DOING: &str = "asking who leads";

/// Takes the lead, for as long as this session lasts; `false` while another has it. The server ends a session that is
/// silent for some seconds, as a leader that hangs is: ask [`holds`] more often than that.
pub async fn take(client: &Client) -> Result<bool> {
    schema::require_installed(client).await?;
    client.batch_execute(include_str!("../sql/leader/idle.sql")).await.doing(DOING)?;
    let row = client.one_row(include_str!("../sql/leader/take.sql"), &[]).await.doing(DOING)?;
    let taken: Option<bool> = row.get(0);
    taken.ok_or_else(|| {
        Error::Stale("this server is a standby, and the primary is what is watched: name its host, or all of them with target_session_attrs=read-write".to_owned())
    })
}

/// Whether this session has it still.
pub async fn holds(client: &Client) -> Result<bool> {
    let row = client.one_row(include_str!("../sql/leader/holds.sql"), &[]).await.doing(DOING)?;
    Ok(row.get(0))
}

/// Whether anybody has it.
pub async fn leads(client: &Client) -> Result<bool> {
    let row = client.one_row(include_str!("../sql/leader/leads.sql"), &[]).await.doing(DOING)?;
    Ok(row.get(0))
}
