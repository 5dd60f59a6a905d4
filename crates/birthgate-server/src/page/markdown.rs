//! Evidence as it is written, in Markdown. What is in it may come from whoever wrote a packet: HTML is shown as text, where a
//! link or an image leads is said in words, and nothing of a style of its own comes out.

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::html::push_html;
use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

/// A document below a heading of the second level.
pub fn render(text: &str) -> Markup {
    let events: Vec<Event<'_>> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    let mut shown = Vec::new();
    let mut leads = Vec::new();
    let mut tables = 0;
    for (at, event) in events.iter().enumerate() {
        match event.clone() {
            Event::Html(html) | Event::InlineHtml(html) => shown.push(Event::Text(html)),
            Event::Start(Tag::HtmlBlock) => shown.push(Event::Start(Tag::Paragraph)),
            Event::End(TagEnd::HtmlBlock) => shown.push(Event::End(TagEnd::Paragraph)),
            Event::Start(Tag::Heading { level, .. }) => {
                let level = below(level);
                let (id, classes, attrs) = (None, Vec::new(), Vec::new());
                shown.push(Event::Start(Tag::Heading { level, id, classes, attrs }));
            }
            Event::End(TagEnd::Heading(level)) => {
                shown.push(Event::End(TagEnd::Heading(below(level))));
            }
            Event::Start(
                Tag::Link { link_type, dest_url, .. } | Tag::Image { link_type, dest_url, .. },
            ) => {
                let says_it = matches!(link_type, LinkType::Autolink | LinkType::Email);
                leads.push((!says_it).then_some(dest_url));
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if let Some(Some(to)) = leads.pop() {
                    shown.push(Event::Text(format!(" ({to})").into()));
                }
            }
            Event::Start(Tag::CodeBlock(_)) => {
                shown.push(ours(html! { (PreEscaped("<pre tabindex=\"0\"><code>")) }));
            }
            Event::End(TagEnd::CodeBlock) => {
                shown.push(ours(html! { (PreEscaped("</code></pre>")) }));
            }
            Event::Start(Tag::Table(_)) => {
                tables += 1;
                let label = format!("Table {tables}: {}", head(&events[at..]));
                let open = html! { div.wide tabindex="0" role="region" aria-label=(label) {} };
                let open = open.into_string().trim_end_matches("</div>").to_owned();
                shown.push(Event::Html(open.into()));
                // How columns are aligned would be an inline style.
                shown.push(Event::Start(Tag::Table(Vec::new())));
            }
            Event::End(TagEnd::Table) => {
                shown.push(Event::End(TagEnd::Table));
                shown.push(ours(html! { (PreEscaped("</div>")) }));
            }
            other => shown.push(other),
        }
    }
    let mut told = String::new();
    push_html(&mut told, shown.into_iter());
    PreEscaped(told)
}

/// HTML that is ours.
fn ours(html: Markup) -> Event<'static> {
    Event::Html(CowStr::from(html.into_string()))
}

/// One level below: the first is the page's.
fn below(level: HeadingLevel) -> HeadingLevel {
    HeadingLevel::try_from(level as usize + 1).unwrap_or(HeadingLevel::H6)
}

/// The words of a table's head.
fn head(events: &[Event<'_>]) -> String {
    let mut words = Vec::new();
    for event in events {
        match event {
            Event::Text(text) | Event::Code(text) => words.push(text.to_string()),
            Event::End(TagEnd::TableHead) => break,
            _ => {}
        }
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn what_evidence_is_written_in_is_rendered() {
        let text = "# 02 Entry\n\n`id` **PASS**\n\n- a\n- b\n\n| x | y |\n| --- | ---: |\n| 1 \\| 2 | <b> |\n\n```sh\na < b\n```\n";
        let html = render(text).into_string();
        for part in [
            "<h2>02 Entry</h2>",
            "<code>id</code> <strong>PASS</strong>",
            "<li>a</li>",
            "aria-label=\"Table 1: x, y\"><table><thead><tr><th>x</th><th>y</th>",
            "<td>1 | 2</td><td>&lt;b&gt;</td>",
            "<pre tabindex=\"0\"><code>a &lt; b\n</code></pre>",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn what_is_hostile_is_shown_and_does_nothing() {
        let hostile = [
            "<script>alert(1)</script>",
            "<script>\nalert(1)\n</script>\n\nafter",
            "a <img src=x onerror=alert(1)> b",
            "<!-- --><svg onload=alert(1)>",
            "[good](javascript:alert(1))",
            "[good][1]\n\n[1]: javascript:alert(1) \"<b>\"",
            "<javascript:alert(1)>",
            "![it](https://elsewhere.example/x.png \"title\")",
            "![<script>](data:text/html,x)",
            "<https://elsewhere.example/\">",
            "# <b onclick=alert(1)> {#id .class onclick=alert(1)}",
            "```\"><script>\n<script>alert(1)</script>\n```",
            "| <i> |\n| :-: |\n| <script>alert(1)</script> [x](javascript:a) |",
            "| \"><script> |\n| - |\n| a |",
            "`<script>`",
            "&lt;script&gt; &#60;script&#62;",
            "<div style=\"position:fixed\">",
            "<style>*{display:none}</style>",
            "<iframe src=//elsewhere.example></iframe>",
        ];
        // What this page may say, and nothing else, is between angle brackets.
        let known = [
            "h2",
            "p",
            "strong",
            "em",
            "code",
            "ul",
            "ol",
            "li",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "pre",
            "div",
            "blockquote",
            "br /",
            "hr /",
            "pre tabindex=\"0\"",
        ];
        for text in hostile.into_iter().chain([hostile.join("\n\n").as_str()]) {
            let html = render(text).into_string();
            for tag in html.split('<').skip(1) {
                let tag = tag.split('>').next().unwrap_or_default();
                let is_region = tag
                    .starts_with("div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"")
                    && tag.matches('"').count() == 8;
                let tag = tag.trim_start_matches('/');
                assert!(is_region || known.contains(&tag), "<{tag}> of {text:?} in {html}");
            }
        }
        let html = render("[good](javascript:alert(1)) <b>").into_string();
        assert!(html.contains("good (javascript:alert(1)) &lt;b&gt;"), "{html}");
    }
}
