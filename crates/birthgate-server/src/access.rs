//! Who is let in over HTTP: whoever brings the token, under a name that is known, and nobody whom another site has sent.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{self, HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

pub struct Access {
    token_sha256: Option<String>,
    hosts: Vec<String>,
}

/// Why a request is refused that somebody else's page may have made.
pub enum Foreign {
    /// It is not reached under this name.
    Host,
    /// Another site asked.
    Site,
}

/// What is wrong with what is to be a SHA-256 in hex.
pub fn hash_problem(hash: Option<&str>) -> Option<&'static str> {
    // Nobody's token would have it, and everybody would be kept out.
    let is_hash =
        |hash: &str| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    hash.is_some_and(|hash| !is_hash(hash)).then_some("is no SHA-256 in hex: 64 digits")
}

impl Access {
    pub fn new(token_sha256: Option<String>, hosts: Vec<String>) -> Access {
        Access { token_sha256: token_sha256.map(|hash| hash.trim().to_ascii_lowercase()), hosts }
    }

    /// The names by which it is reached.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Whether this is the token, or none is asked for.
    pub fn is_token(&self, token: &[u8]) -> bool {
        let Some(known) = &self.token_sha256 else { return true };
        let hash = format!("{:x}", Sha256::digest(token));
        // Of hashes, every byte each time: how long it takes tells nothing.
        let difference = hash.bytes().zip(known.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
        hash.len() == known.len() && difference == 0
    }

    /// Whether a program brings the token, or none is asked for.
    pub fn is_let_in(&self, headers: &HeaderMap) -> bool {
        self.token_sha256.is_none() || bearer(headers).is_some_and(|token| self.is_token(token))
    }

    /// Whether it is reached under this name. Any address will do: only names can be made to point here by somebody else.
    fn knows(&self, host: &str) -> bool {
        host.parse::<SocketAddr>().is_ok()
            || host.parse::<IpAddr>().is_ok()
            || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }

    /// Whether somebody else's page may have made a request.
    pub fn is_foreign(&self, headers: &HeaderMap) -> Option<Foreign> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = match (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) {
            (Some(host), None) if self.knows(host) => host,
            _ => return Some(Foreign::Host),
        };
        match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
            Some(b"same-origin" | b"none") => return None,
            Some(_) => return Some(Foreign::Site),
            None => {}
        }
        // Without that header, of an old browser or of a program, the origin decides.
        let origin = headers.get(header::ORIGIN)?.to_str().unwrap_or_default();
        let is_ours =
            origin.split_once("://").is_some_and(|(_, its)| its.eq_ignore_ascii_case(host));
        (!is_ours).then_some(Foreign::Site)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let said = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = said.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}
