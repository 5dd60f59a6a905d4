//! HTTP as it goes over the wire, so that a test can say what no well-behaved client says.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// Of everything that came.
    pub fn of(text: &str) -> Answer {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Answer {
            status: status.unwrap_or_else(|| panic!("no status in {text:?}")),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Fails unless it is a page that has all of these.
    #[track_caller]
    pub fn has(&self, parts: &[&str]) -> &Answer {
        assert_eq!(self.status, 200, "{}\n{}", self.head, self.body);
        for part in parts {
            let shown: String = self.body.chars().take(4_000).collect();
            assert!(self.body.contains(part), "{part:?} is not in {shown}…");
        }
        self
    }
}

/// Sends these bytes, and reads until the server ends the connection.
pub async fn send(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A server that refuses a body unread may reset the connection once it has answered.
    let _ =
        timeout(Duration::from_secs(30), stream.read_to_end(&mut bytes)).await.expect("an answer");
    Answer::of(&String::from_utf8_lossy(&bytes))
}

/// GET with these headers besides Host, each with its line's end.
pub async fn get_with(address: SocketAddr, path: &str, headers: &str) -> Answer {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
    send(address, &request).await
}

pub async fn get(address: SocketAddr, path: &str) -> Answer {
    get_with(address, path, "").await
}

/// A stream of server-sent events.
pub struct Events {
    stream: TcpStream,
    rest: String,
}

impl Events {
    pub async fn open(address: SocketAddr) -> Events {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /live HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Events { stream, rest: String::new() }
    }

    /// The data of the next event.
    pub async fn next(&mut self) -> String {
        loop {
            if let Some((before, after)) = self.rest.split_once("\n\n")
                && let Some(at) = before.find("data: ")
            {
                let data = before[at + 6..].to_owned();
                self.rest = after.to_owned();
                return data;
            }
            let mut bytes = [0; 65_536];
            let read = timeout(Duration::from_secs(20), self.stream.read(&mut bytes)).await;
            let read = read.expect("an event").unwrap();
            assert!(read > 0, "the stream ended: {}", self.rest);
            self.rest.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }
}
