//! Births a second from several clients, while something runs beside them, and while nothing does.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use birthgate::Error;
use tokio::sync::oneshot;
use tokio_postgres::Client;

use crate::births::Result;
use crate::server::{Server, run};

/// Something on a thread of its own; ends when it is dropped.
pub struct Beside {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Beside {
    /// Starts it.
    pub fn start(work: impl Future<Output = ()> + Send + 'static) -> Result<Beside> {
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = work => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Beside { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How births are measured.
pub struct Throughput {
    /// Clients at once.
    pub clients: usize,
    /// Seconds that they are at it.
    pub seconds: f64,
    /// Runs that count, after one that does not.
    pub runs: usize,
}

impl Throughput {
    /// The ratios, and births a second with and without.
    pub async fn compare(
        &self,
        server: &Server,
        database: &str,
        beside: impl AsyncFn() -> Result<Beside>,
    ) -> Result<(Vec<f64>, Vec<f64>, Vec<f64>)> {
        let root = server.connect(database, "postgres").await?;
        let mut clients = Vec::new();
        for _ in 0..self.clients {
            clients.push(server.connect(database, "bench_app").await?);
        }
        let (mut ratios, mut all_with, mut all_without) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = 1_i64;
        for number in 0..=self.runs {
            let (mut with, mut without) = (0.0, 0.0);
            // In an order that turns, and each of the two twice, so that neither has the younger tables.
            let order = match number % 2 {
                0 => [true, false, false, true],
                _ => [false, true, true, false],
            };
            for is_with in order {
                run(&root, "vacuuming", "VACUUM (ANALYZE)").await?;
                server.checkpoint().await?;
                let running = if is_with { Some(beside().await?) } else { None };
                let rate = self.births(&clients, &mut next).await?;
                drop(running);
                *(if is_with { &mut with } else { &mut without }) += rate / 2.0;
            }
            eprintln!("run {number}: {with:.0} births a second with it, {without:.0} without");
            if number > 0 {
                ratios.push(with / without);
                all_with.push(with);
                all_without.push(without);
            }
        }
        Ok((ratios, all_with, all_without))
    }

    /// Births a second from all clients.
    async fn births(&self, clients: &[Client], next: &mut i64) -> Result<f64> {
        let number = std::cell::Cell::new(*next);
        let begun = Instant::now();
        let until = Duration::from_secs_f64(self.seconds);
        let at_work = clients.iter().map(|client| {
            let number = &number;
            async move {
                let statement = client.prepare(include_str!("../sql/admit_single.sql")).await?;
                while begun.elapsed() < until {
                    let code = format!("B-{:07}", number.replace(number.get() + 1));
                    client.execute(&statement, &[&code]).await?;
                }
                std::result::Result::<(), tokio_postgres::Error>::Ok(())
            }
        });
        let done = futures_util::future::try_join_all(at_work).await;
        done.map_err(|source| Error::database("bearing", source))?;
        let born = number.get() - *next;
        *next = number.get();
        Ok(born as f64 / begun.elapsed().as_secs_f64())
    }
}
