//! An endpoint that believes nobody without the secret. `consume_webhook PORT SECRET_FILE`
use std::{env, fs, time::SystemTime};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};

async fn take(State(secret): State<Vec<u8>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, at) = (header("webhook-id"), header("webhook-timestamp"));
    let signature = header("webhook-signature").strip_prefix("v1,").unwrap_or_default();
    let Ok(mut mac) = Hmac::<sha2::Sha256>::new_from_slice(&secret) else {
        return StatusCode::UNAUTHORIZED;
    };
    mac.update(&[id.as_bytes(), b".", at.as_bytes(), b".", &body].concat());
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |now| now.as_secs());
    let is_recent = at.parse::<u64>().is_ok_and(|at| at.abs_diff(now) < 300);
    let is_signed = STANDARD.decode(signature).is_ok_and(|said| mac.verify_slice(&said).is_ok());
    if !is_recent || !is_signed {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(said) = serde_json::from_slice::<serde_json::Value>(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    for event in said.as_array().unwrap_or(&vec![said.clone()]) {
        println!("{} {}", event["id"], event["subject"]);
    }
    StatusCode::NO_CONTENT
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(port), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: consume_webhook PORT SECRET_FILE".into());
    };
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let secret = fs::read_to_string(file)?.trim().as_bytes().to_vec();
    Ok(axum::serve(listener, Router::new().route("/events", post(take)).with_state(secret)).await?)
}
