//! The Markdown that evidence is written in: headings, lists, tables, paragraphs, code and strong words. Everything else is
//! shown as it stands, escaped.

use maud::{Markup, html};

/// A document below a heading of the second level.
pub fn render(text: &str) -> Markup {
    let lines: Vec<&str> = text.lines().collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let from = at;
        let same = |is: fn(&str) -> bool| lines[from..].iter().take_while(|line| is(line)).count();
        let line = lines[at];
        blocks.push(if line.trim().is_empty() {
            at += 1;
            continue;
        } else if let Some(title) = line.strip_prefix("# ") {
            at += 1;
            html! { h2 { (inline(title)) } }
        } else if let Some(title) = line.strip_prefix("## ") {
            at += 1;
            html! { h3 { (inline(title)) } }
        } else if is_item(line) {
            at += same(is_item);
            html! { ul { @for item in &lines[from..at] { li { (inline(&item[2..])) } } } }
        } else if is_row(line) {
            at += same(is_row);
            table(&lines[from..at])
        } else {
            at += same(is_text).max(1);
            html! { p { (inline(&lines[from..at].join(" "))) } }
        });
    }
    html! { @for block in &blocks { (block) } }
}

fn is_item(line: &str) -> bool {
    line.starts_with("- ")
}

fn is_row(line: &str) -> bool {
    line.starts_with('|')
}

fn is_text(line: &str) -> bool {
    !(line.trim().is_empty() || is_item(line) || is_row(line) || line.starts_with('#'))
}

fn table(lines: &[&str]) -> Markup {
    let rows: Vec<Vec<String>> = lines.iter().map(|line| cells(line)).collect();
    let is_rule = |row: &Vec<String>| row.iter().all(|cell| cell.bytes().all(|c| c == b'-'));
    let (head, body) = match rows.split_first() {
        Some((head, body)) if body.first().is_some_and(is_rule) => (Some(head), &body[1..]),
        _ => (None, rows.as_slice()),
    };
    let label = head.map_or_else(|| "table".to_owned(), |head| head.join(", "));
    html! {
        div.wide tabindex="0" role="region" aria-label=(label) { table {
            @if let Some(head) = head { thead { tr { @for cell in head { th scope="col" { (inline(cell)) } } } } }
            tbody { @for row in body { tr { @for cell in row { td { (inline(cell)) } } } } }
        } }
    }
}

/// The cells of a table's line.
pub fn cells(line: &str) -> Vec<String> {
    let line = line.trim().trim_start_matches('|');
    let line = line.strip_suffix('|').unwrap_or(line);
    let (mut found, mut cell, mut escaped) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '|' if escaped => {
                cell.pop();
                cell.push(c);
            }
            '|' => found.push(std::mem::take(&mut cell).trim().to_owned()),
            _ => cell.push(c),
        }
        escaped = c == '\\';
    }
    found.push(cell.trim().to_owned());
    found
}

/// Code and strong words.
fn inline(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } }
            @else { @for (place, part) in part.split("**").enumerate() {
                @if place % 2 == 1 { strong { (part) } } @else { (part) }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn what_evidence_is_written_in_is_rendered_and_the_rest_is_escaped() {
        let text = "# 02 Entry\n\n`id` **PASS** <script>\n\n- a\n- b\n\n| x | y |\n| --- | --- |\n| 1 \\| 2 | <b> |\n";
        let html = render(text).into_string();
        for part in [
            "<h2>02 Entry</h2>",
            "<code>id</code> <strong>PASS</strong> &lt;script&gt;",
            "<li>a</li><li>b</li>",
            "<th scope=\"col\">y</th>",
            "<td>1 | 2</td><td>&lt;b&gt;</td>",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }
}
