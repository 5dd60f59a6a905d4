//! Who is let in, and what every answer carries.

use crate::estate::Estate;
use crate::http::{get, get_with, send};

#[tokio::test]
async fn every_answer_carries_the_headers_and_nothing_is_from_elsewhere() {
    let estate = Estate::new().await;
    for path in
        ["/", "/registry", "/nothing", "/permits?state=x", "/assets/page.js", "/login", "/evidence"]
    {
        let answer = get(estate.address, path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none';") && !policy.contains("unsafe"),
            "{policy}"
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        for inline in ["<style", "style=", " onclick=", "javascript:"] {
            assert!(!answer.body.contains(inline), "{inline} is in {path}");
        }
        assert!(path == "/assets/page.js" || !answer.body.contains("//"), "another host in {path}");
    }
    let script = get(estate.address, "/assets/page.js").await;
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
}

#[tokio::test]
async fn another_host_or_site_is_refused() {
    let estate = Estate::new().await;
    let address = estate.address;
    for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(send(address, &request).await.status, 421, "{host}");
    }
    let twice = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    );
    assert!(send(address, &twice).await.status >= 400);
    for (headers, status) in [
        ("Sec-Fetch-Site: cross-site\r\n", 403),
        ("Sec-Fetch-Site: same-site\r\n", 403),
        ("Origin: http://evil.example\r\n", 403),
        ("Origin: null\r\n", 403),
        ("Sec-Fetch-Site: none\r\n", 200),
        ("Sec-Fetch-Site: same-origin\r\nOrigin: null\r\n", 200),
        (&format!("Origin: http://{address}\r\n"), 200),
    ] {
        assert_eq!(get_with(address, "/registry", headers).await.status, status, "{headers}");
        assert_eq!(
            get_with(address, "/assets/page.css", headers).await.status,
            status,
            "{headers}"
        );
    }
}

#[tokio::test]
async fn nothing_is_let_in_without_the_token() {
    let token = "correct horse; battery=staple";
    let estate = Estate::with_token(Some(token)).await;
    let address = estate.address;
    for headers in [
        "",
        "Authorization: Bearer wrong\r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Basic Y29ycmVjdA==\r\n",
        "Cookie: birthgate_token=d3Jvbmc\r\n",
        "Cookie: birthgate_token=%%%\r\n",
        "Cookie: birthgate_token=\r\n",
    ] {
        for path in ["/", "/registry", "/permits/1", "/evidence", "/live", "/nothing"] {
            let answer = get_with(address, path, headers).await;
            assert_eq!(answer.status, 401, "{path} {headers}");
            assert!(answer.header("www-authenticate").is_some());
            assert!(answer.body.contains("Sign in") && !answer.body.contains("A-99"));
        }
    }
    // A token in an address would be in logs and histories: it is no way in.
    assert_eq!(get(address, "/?token=correct%20horse%3B%20battery%3Dstaple").await.status, 401);
    let let_in =
        get_with(address, "/registry", &format!("Authorization: Bearer {token}\r\n")).await;
    let_in.has(&["A-99"]);

    let post = async |body: &str, headers: &str| {
        send(address, &format!("POST /login HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())).await
    };
    let wrong = post("token=wrong", "").await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    let good = "token=correct+horse%3B+battery%3Dstaple";
    assert_eq!(post(good, "Origin: http://evil.example\r\n").await.status, 403);
    let right = post(good, "Sec-Fetch-Site: same-origin\r\nOrigin: null\r\n").await;
    assert_eq!(right.status, 303);
    let cookie = right.header("set-cookie").unwrap();
    for guard in ["HttpOnly", "SameSite=Strict", "Secure"] {
        assert!(cookie.contains(guard), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap();
    get_with(address, "/registry", &format!("Cookie: other=1; {cookie}\r\n")).await.has(&["A-99"]);
    let out = send(address, &format!("POST /logout HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")).await;
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn it_only_reads() {
    let estate = Estate::new().await;
    let address = estate.address;
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
        for path in ["/", "/registry", "/live", "/assets/page.css"] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            );
            let answer = send(address, &request).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some("GET, HEAD"));
        }
    }
    // It is not reached over TLS: a browser would not send a cookie back that asks for it.
    let out = format!(
        "POST /logout HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    assert!(!send(address, &out).await.header("set-cookie").unwrap().contains("Secure"));
    let head = format!("HEAD /registry HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let head = send(address, &head).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn a_large_body_is_refused_unread() {
    let estate = Estate::new().await;
    let address = estate.address;
    let megabytes = 10 * 1024 * 1024;
    for (method, path) in [("GET", "/"), ("POST", "/login"), ("PUT", "/registry")] {
        // None of the body is sent: the answer does not wait for it.
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {megabytes}\r\n\r\n"
        );
        assert_eq!(send(address, &request).await.status, 413, "{method} {path}");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        assert_eq!(send(address, &request).await.status, 413, "{method} {path}");
    }
    let request = format!(
        "POST /login HTTP/1.1\r\nHost: {address}\r\nContent-Length: {megabytes}\r\n\r\n{}",
        "x".repeat(megabytes)
    );
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    // The server does not read on: sending may fail, and the answer may be lost with it.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 413"));
    get(address, "/registry").await.has(&["A-99"]);
}

#[tokio::test]
async fn no_header_is_injected() {
    let estate = Estate::new().await;
    for path in [
        "/permits?code=%0d%0aSet-Cookie:%20a=b",
        "/registry?code=a%0d%0a%0d%0aevil&match=begins",
        "/evidence/a%0d%0aSet-Cookie:%20a=b",
        "/%0d%0aSet-Cookie:%20a=b",
    ] {
        let answer = get(estate.address, path).await;
        assert!(answer.header("set-cookie").is_none(), "{path}: {}", answer.head);
    }
    let answer = get_with(estate.address, "/", "X: a\rSet-Cookie: a=b\r\n").await;
    assert!(answer.header("set-cookie").is_none());
}
