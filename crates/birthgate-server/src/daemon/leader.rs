//! Who leads: whoever holds an advisory lock, on a session that has no transaction open. It ends with the session, and so with
//! the process or the connection.

use std::time::Duration;

use birthgate::{Database, Error, Result, leader};
use tokio_postgres::Client;

/// Between two looks whether it still leads.
const LOOK: Duration = Duration::from_secs(2);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(3);

/// The lead, for as long as this is kept.
pub(super) struct Leadership {
    client: Client,
}

impl Leadership {
    /// Takes the lead, unless another has it.
    pub async fn take(database: &Database) -> Result<Option<Leadership>> {
        let taken = async {
            let client = database.connect().await?;
            Ok(leader::take(&client).await?.then_some(Leadership { client }))
        };
        in_time(taken).await
    }

    /// Waits until it is lost, and says why. The services must be stopped then: another may lead already.
    pub async fn lost(self) -> Error {
        loop {
            tokio::time::sleep(LOOK).await;
            match in_time(leader::holds(&self.client)).await {
                Ok(true) => {}
                Ok(false) => {
                    return Error::Interrupted(
                        "the lock is gone: connect past a pooler of transactions".to_owned(),
                    );
                }
                Err(error) => return error,
            }
        }
    }
}

async fn in_time<T>(asked: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(ANSWER, asked).await.unwrap_or_else(|_| {
        Err(Error::Interrupted(format!("no answer within {} s", ANSWER.as_secs())))
    })
}
