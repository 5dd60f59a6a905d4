//! What every view looks like, and how times and numbers are told.

use std::time::{Duration, SystemTime};

use maud::{DOCTYPE, Markup, html};

/// Where a view belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Overview,
    Permits,
    Registry,
    Packets,
    Drift,
    Evidence,
    None,
}

const TABS: [(Tab, &str, &str); 6] = [
    (Tab::Overview, "/", "Overview"),
    (Tab::Permits, "/permits", "Permits"),
    (Tab::Registry, "/registry", "Registry"),
    (Tab::Packets, "/packets", "Packets"),
    (Tab::Drift, "/drift", "Drift"),
    (Tab::Evidence, "/evidence", "Evidence"),
];

/// A view as a whole document.
pub fn page(title: &str, tab: Tab, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Birthgate" }
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/page.css";
                script src="/assets/page.js" defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    a.name href="/" { img src="/assets/icon.svg" alt="" width="22" height="22"; "Birthgate" }
                    nav aria-label="Views" {
                        ul { @for (its, path, name) in TABS {
                            li { a href=(path) aria-current=[(its == tab).then_some("page")] { (name) } }
                        } }
                    }
                }
                main id="main" tabindex="-1" { (body) }
                footer {
                    p { "This page only reads. What it shows is changed with the command " code { "birthgate" } "." }
                    form method="post" action="/logout" { button { "Sign out" } }
                }
            }
        }
    }
}

/// A state as a word with a sign before it, so that it is not told by its colour alone.
pub fn badge(kind: Kind, word: &str) -> Markup {
    let (class, sign) = match kind {
        Kind::Good => ("good", "✓"),
        Kind::Bad => ("bad", "✕"),
        Kind::Wary => ("wary", "!"),
        Kind::Quiet => ("quiet", "·"),
    };
    html! { span.badge.(class) { span aria-hidden="true" { (sign) } " " (word) } }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Good,
    Bad,
    Wary,
    Quiet,
}

/// A column of a table.
pub enum Column {
    Text(&'static str),
    Number(&'static str),
}

/// A table that scrolls sideways where the screen is narrow, by keyboard too.
pub fn table(caption: &str, columns: &[Column], rows: Markup) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { @for column in columns { @match column {
                    Column::Text(name) => th scope="col" { (name) },
                    Column::Number(name) => th.number scope="col" { (name) },
                } } } }
                tbody { (rows) }
            }
        }
    }
}

/// The way to the first and to the next page of what was looked for.
pub fn pages(first: Option<String>, next: Option<String>, looked: i64) -> Markup {
    html! {
        nav.pages aria-label="Pages" {
            @if let Some(first) = first { a href=(first) { "First page" } }
            @match next {
                Some(next) => a href=(next) rel="next" { "Next page" },
                None => span.quiet { "That is all." },
            }
            span.quiet { (count(looked)) " looked at" }
        }
    }
}

/// A time in UTC, as `2026-11-24 21:42:20`.
pub fn time(text: &str) -> Markup {
    let told = match moment(text) {
        Some(at) => humantime::format_rfc3339_seconds(at)
            .to_string()
            .replace('T', " ")
            .trim_end_matches('Z')
            .to_owned(),
        None => text.to_owned(),
    };
    html! { time datetime=(text) title=(format!("{text} (UTC)")) { (told) } }
}

/// A moment of a time in UTC.
pub fn moment(text: &str) -> Option<SystemTime> {
    let text = text.strip_suffix("+00:00").or(text.strip_suffix('Z')).unwrap_or(text);
    humantime::parse_rfc3339(&format!("{text}Z")).ok()
}

/// How long before `now` it was, in one unit; not by the second, so that a page that is read aloud does not tell each of them.
pub fn ago(text: &str, now: &str) -> String {
    match (moment(text), moment(now)) {
        (Some(at), Some(now)) => {
            format!("{} ago", span(now.duration_since(at).unwrap_or_default()))
        }
        _ => text.to_owned(),
    }
}

/// A duration in one unit.
fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..60 => "under a minute".to_owned(),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A number with its thousands apart.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut told = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            told.push(',');
        }
        told.push(digit);
    }
    if number < 0 { format!("-{told}") } else { told }
}

#[cfg(test)]
mod tests {
    use super::{ago, count};

    #[test]
    fn numbers_and_times_are_told() {
        assert_eq!(count(0), "0");
        assert_eq!(count(-1_126_728), "-1,126,728");
        let now = "2026-11-24T21:42:20.5+00:00";
        assert_eq!(ago("2026-11-24T21:42:10.123456+00:00", now), "under a minute ago");
        assert_eq!(ago("2026-11-20T21:42:10Z", now), "4 days ago");
        assert_eq!(ago("2026-11-25T00:00:00Z", now), "under a minute ago");
    }
}
