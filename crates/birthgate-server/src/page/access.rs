//! Who is let in to the page, and what every answer of it carries.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maud::html;

use super::layout::{self, Tab};
use super::{Here, Page};
use crate::access::{Access, Foreign};

const COOKIE: &str = "birthgate_token";
/// The largest body of a request: nothing but the form to sign in has one.
const LARGEST: u64 = 64 * 1024;
/// How long it may take to come.
const READ: Duration = Duration::from_secs(10);
/// What a wrong token costs.
const DELAY: Duration = Duration::from_millis(300);

/// Nothing is loaded from elsewhere, nothing is inline, and nobody frames it.
const HEADERS: [(HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), usb=()",
    ),
];

/// The header that has a browser keep this; `how` ends it.
fn keep(page: &Page, value: &str, how: &str) -> [(HeaderName, String); 1] {
    let secure = if page.behind_tls { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{how}");
    [(header::SET_COOKIE, cookie)]
}

fn cookie(headers: &HeaderMap) -> Option<Vec<u8>> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|said| said.to_str().ok());
    let mut ours = cookies
        .flat_map(|said| said.split(';'))
        .filter_map(|one| one.trim().strip_prefix(COOKIE)?.strip_prefix('='));
    URL_SAFE_NO_PAD.decode(ours.next()?).ok()
}

impl Foreign {
    /// What the browser is told.
    fn told(&self, access: &Access) -> (StatusCode, String) {
        match self {
            Foreign::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                format!(
                    "This page is not served under that name. It is at: {}. More names are given to birthgate serve.",
                    access.hosts().join(", ")
                ),
            ),
            Foreign::Site => (
                StatusCode::FORBIDDEN,
                "Another site asked for this. Open this page from the address bar, or from a bookmark.".to_owned(),
            ),
        }
    }
}

fn is_let_in(access: &Access, headers: &HeaderMap) -> bool {
    access.is_let_in(headers) || cookie(headers).is_some_and(|token| access.is_token(&token))
}

/// Stands before every view.
pub async fn guard(State(page): Here, request: Request, next: Next) -> Response {
    let mut answer = match refusal(&page, &request) {
        Some(refused) => refused,
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn refusal(page: &Arc<Page>, request: &Request) -> Option<Response> {
    let (headers, path) = (request.headers(), request.uri().path());
    let length = headers.get(header::CONTENT_LENGTH).map(|said| {
        said.to_str().ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(u64::MAX)
    });
    // Refused unread, with the connection closed after it. A body of unknown length is one too many.
    if length.is_some_and(|length| length > LARGEST)
        || headers.contains_key(header::TRANSFER_ENCODING)
    {
        let said = "A request to this page has no body to speak of.";
        let refused = refuse(StatusCode::PAYLOAD_TOO_LARGE, "Too large", said);
        return Some(([(header::CONNECTION, "close")], refused).into_response());
    }
    let is_form = matches!(path, "/login" | "/logout");
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !(is_read || (is_form && request.method() == Method::POST)) {
        let said = "This page only reads.";
        let refused = refuse(StatusCode::METHOD_NOT_ALLOWED, "Not here", said);
        return Some(([(header::ALLOW, "GET, HEAD")], refused).into_response());
    }
    if let Some(foreign) = page.access.is_foreign(headers) {
        let (status, said) = foreign.told(&page.access);
        return Some(refuse(status, "Refused", &said));
    }
    if is_form || path.starts_with("/assets/") || is_let_in(&page.access, headers) {
        return None;
    }
    // A program is told; a browser is given the form as well.
    let refused = layout::page("Sign in", Tab::None, ask(None));
    let how = [(header::WWW_AUTHENTICATE, "Bearer realm=\"birthgate\"")];
    Some((StatusCode::UNAUTHORIZED, how, refused).into_response())
}

fn refuse(status: StatusCode, title: &str, said: &str) -> Response {
    let body = html! { h1 { (title) } p.problem role="alert" { (said) } };
    (status, layout::page(title, Tab::None, body)).into_response()
}

fn ask(problem: Option<&str>) -> maud::Markup {
    html! {
        h1 { "Sign in" }
        @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
        p { "This page asks for the token that " code { "birthgate serve" } " was given. A program sends it as " code { "Authorization: Bearer …" } "." }
        form.sign-in method="post" action="/login" {
            label for="token" { "Token" }
            input id="token" name="token" type="password" autocomplete="current-password" required maxlength="1000";
            button { "Sign in" }
        }
    }
}

/// The form to sign in.
pub async fn form(State(page): Here, headers: HeaderMap) -> Response {
    if is_let_in(&page.access, &headers) {
        return Redirect::to("/").into_response();
    }
    layout::page("Sign in", Tab::None, ask(None)).into_response()
}

/// Takes a token, and has the browser keep it for itself.
pub async fn login(State(page): Here, body: Body) -> Response {
    let Ok(bytes) = tokio::time::timeout(READ, to_bytes(body, LARGEST as usize)).await else {
        return refuse(StatusCode::REQUEST_TIMEOUT, "Too slow", "The form did not come in time.");
    };
    let bytes = bytes.unwrap_or_default();
    let token = form_urlencoded::parse(&bytes)
        .find_map(|(name, value)| (name == "token").then(|| value.trim().to_owned()))
        .unwrap_or_default();
    if !page.access.is_token(token.as_bytes()) {
        tokio::time::sleep(DELAY).await;
        let said = "That is not the token. It is in the configuration of birthgate serve, where only its SHA-256 is kept.";
        return (StatusCode::UNAUTHORIZED, layout::page("Sign in", Tab::None, ask(Some(said))))
            .into_response();
    }
    let value = URL_SAFE_NO_PAD.encode(token);
    (keep(&page, &value, ""), Redirect::to("/")).into_response()
}

/// Has the browser forget it.
pub async fn logout(State(page): Here) -> Response {
    (keep(&page, "", "; Max-Age=0"), Redirect::to("/login")).into_response()
}
