//! Connections of browsers and programs: so many at once and no more, and none of them for longer than it does something.
//! Whoever dawdles is cut off, so that the others are answered.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

/// The largest head of a request.
const LARGEST_HEAD: usize = 16 * 1024;
/// What is kept of a connection in memory, each way.
const BUFFER: usize = 64 * 1024;
/// Between two attempts to take a connection, where the process has no file descriptor left.
const AGAIN: Duration = Duration::from_millis(200);

/// What a connection may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How many there are at once: more than pages that listen, and fewer than a process usually has file descriptors, so that
    /// neither those nor an idle crowd keep requests or the daemon's own connections out.
    pub connections: usize,
    /// How long the head of a request may take, and how long a connection may have none.
    pub head: Duration,
    /// How long what was sent may go unread.
    pub unread: Duration,
    /// How long answers that are under way are waited for at the end.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 700,
            head: Duration::from_secs(10),
            unread: Duration::from_secs(30),
            drain: Duration::from_secs(2),
        }
    }
}

/// Serves until `stop` is done, and a moment longer for answers that are under way.
pub(super) async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_header_size(LARGEST_HEAD)
        .max_buf_size(BUFFER);
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut served = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, place) = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut stop => break,
        };
        while served.try_join_next().is_some() {}
        limit_unread(&stream, limits.unread);
        let service = TowerToHyperService::new(app.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        served.spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    // Pages that listen end with the set.
    let _ = timeout(limits.drain, graceful.shutdown()).await;
}

/// The next connection, as soon as there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    let Ok(place) = places.clone().acquire_owned().await else {
        // They are never closed.
        return std::future::pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error)
                if matches!(
                    error.kind(),
                    ConnectionAborted | ConnectionRefused | ConnectionReset
                ) => {}
            Err(error) => {
                warn!(%error, "no connection can be taken; it is tried again");
                sleep(AGAIN).await;
            }
        }
    }
}

/// Has the system end a connection whose other end does not read.
#[cfg(target_os = "linux")]
fn limit_unread(stream: &TcpStream, limit: Duration) {
    use nix::sys::socket::{setsockopt, sockopt};
    let milliseconds = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = setsockopt(stream, sockopt::TcpUserTimeout, &milliseconds) {
        debug!(%error, "a connection has no limit of what goes unread");
    }
}

#[cfg(not(target_os = "linux"))]
fn limit_unread(_: &TcpStream, _: Duration) {}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::convert::Infallible;
    use std::net::SocketAddr;
    use std::time::Instant;

    use axum::response::sse::{Event, Sse};
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    use super::*;

    /// Nothing here takes so long.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn limits(connections: usize) -> Limits {
        Limits {
            connections,
            head: Duration::from_millis(500),
            unread: Duration::from_millis(500),
            drain: Duration::from_millis(500),
        }
    }

    struct Served {
        address: SocketAddr,
        end: oneshot::Sender<()>,
        task: JoinHandle<()>,
    }

    /// `/`, a large answer at `/large`, how many are served at once at `/crowded`, and a stream of events at `/live`.
    async fn served(limits: Limits) -> Served {
        let live = || async {
            Sse::new(futures_util::stream::unfold(0, |number| async move {
                sleep(Duration::from_millis(200)).await;
                Some((Ok::<_, Infallible>(Event::default().data(format!("{number}"))), number + 1))
            }))
        };
        let inside = Arc::new(Semaphore::new(1_000));
        let crowded = || async move {
            let _place = inside.acquire().await.unwrap();
            sleep(Duration::from_millis(100)).await;
            format!("{}", 1_000 - inside.available_permits())
        };
        let app = Router::new()
            .route("/crowded", get(crowded))
            .route("/", get(|| async { "here" }))
            .route("/large", get(|| async { vec![b'x'; 64 * 1024 * 1024] }))
            .route("/live", get(live));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(serve(listener, app, limits, async {
            let _ = ended.await;
        }));
        Served { address, end, task }
    }

    async fn open(address: SocketAddr, begins: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(begins.as_bytes()).await.unwrap();
        stream
    }

    /// What the server says until it ends the connection.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        let read = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
        let _ = read.expect("the server ends the connection");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    async fn ask(address: SocketAddr) -> String {
        let request = "GET / HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n";
        rest(&mut open(address, request).await).await
    }

    #[tokio::test]
    async fn whoever_sends_a_head_slowly_is_cut_off_and_the_others_are_answered() {
        let served = served(limits(10)).await;
        let mut slow = open(served.address, "GET / HTTP/1.1\r\n").await;
        let drips = async {
            // A header a while, for as long as it is taken.
            while slow.write_all(b"X: y\r\n").await.is_ok() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            () = drips => {}
            () = async { loop { assert!(ask(served.address).await.ends_with("here")) } } => {}
            () = sleep(PATIENCE) => panic!("it is still listened to"),
        }
    }

    #[tokio::test]
    async fn a_crowd_that_says_nothing_keeps_nobody_out() {
        let served = served(limits(20)).await;
        let mut crowd = Vec::new();
        for _ in 0..60 {
            crowd.push(open(served.address, "").await);
        }
        // As many again have asked once, and are idle now.
        for _ in 0..20 {
            crowd.push(open(served.address, "GET / HTTP/1.1\r\nHost: it\r\n\r\n").await);
        }
        let answer = timeout(PATIENCE, ask(served.address)).await;
        assert!(answer.expect("an answer").ends_with("here"));
        for one in &mut crowd {
            rest(one).await;
        }
    }

    #[tokio::test]
    async fn no_more_are_served_at_once_than_there_are_places() {
        let served = served(limits(2)).await;
        let request = "GET /crowded HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n";
        let mut crowd = Vec::new();
        for _ in 0..6 {
            crowd.push(open(served.address, request).await);
        }
        for one in &mut crowd {
            let answer = rest(one).await;
            assert!(answer.ends_with("\r\n1") || answer.ends_with("\r\n2"), "{answer}");
        }
    }

    #[tokio::test]
    async fn whoever_does_not_read_an_answer_is_cut_off() {
        let served = served(limits(1)).await;
        let _deaf = open(served.address, "GET /large HTTP/1.1\r\nHost: it\r\n\r\n").await;
        let answer = timeout(PATIENCE, ask(served.address)).await;
        assert!(answer.expect("an answer").ends_with("here"));
    }

    #[tokio::test]
    async fn a_stream_of_events_lives_on_and_ends_with_the_daemon() {
        let served = served(limits(10)).await;
        let mut live = open(served.address, "GET /live HTTP/1.1\r\nHost: it\r\n\r\n").await;
        let mut said = String::new();
        // Far beyond the time that a head may take.
        while !said.contains("data: 8\n") {
            let mut bytes = [0; 4_096];
            let read = timeout(PATIENCE, live.read(&mut bytes)).await.unwrap().unwrap();
            assert!(read > 0, "the stream ended: {said}");
            said.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        let began = Instant::now();
        served.end.send(()).unwrap();
        timeout(PATIENCE, served.task).await.unwrap().unwrap();
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        rest(&mut live).await;
        assert!(TcpStream::connect(served.address).await.is_err(), "the port is free");
    }

    #[tokio::test]
    async fn a_head_that_is_too_large_is_refused() {
        let served = served(limits(10)).await;
        let head = format!("GET / HTTP/1.1\r\nHost: it\r\nX: {}\r\n\r\n", "y".repeat(LARGEST_HEAD));
        assert!(rest(&mut open(served.address, &head).await).await.starts_with("HTTP/1.1 431"));
    }
}
