//! A few connections for all who look, which can only read.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use birthgate::{Database, Error, Result, browse};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_postgres::Client;

/// How many connections there are at most.
const CONNECTIONS: usize = 4;
/// How long anybody waits for one.
const WAIT: Duration = Duration::from_secs(5);

pub struct Pool {
    database: Database,
    name: &'static str,
    places: Semaphore,
    idle: Mutex<Vec<Client>>,
}

/// A connection that is lent. One that is not given back is closed: nobody knows in which state whoever broke off left it.
pub struct Lent<'a> {
    client: Client,
    pool: &'a Pool,
    _place: SemaphorePermit<'a>,
}

impl Pool {
    /// Of sessions of this name.
    pub fn new(database: Database, name: &'static str) -> Pool {
        Pool { database, name, places: Semaphore::new(CONNECTIONS), idle: Mutex::default() }
    }

    /// Lends a connection.
    pub async fn lend(&self) -> Result<Lent<'_>> {
        let place = match timeout(WAIT, self.places.acquire()).await {
            Ok(Ok(place)) => place,
            _ => return Err(Error::Busy("Too many are looking at once.".to_owned())),
        };
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let client = match kept.filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => match timeout(WAIT, self.connect()).await {
                Ok(client) => client?,
                Err(_) => {
                    return Err(Error::Busy(format!(
                        "PostgreSQL did not answer within {} s.",
                        WAIT.as_secs()
                    )));
                }
            },
        };
        Ok(Lent { client, pool: self, _place: place })
    }

    async fn connect(&self) -> Result<Client> {
        let client = self.database.connect().await?;
        browse::read_only(&client, self.name).await?;
        Ok(client)
    }
}

impl Lent<'_> {
    /// Gives it back, to be used again.
    pub fn give_back(self) {
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.client);
    }
}

impl Deref for Lent<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
