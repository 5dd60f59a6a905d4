//! Pictures, drawn as SVG without a style of its own: classes say what is what, and the text beside each says the same.

use maud::{Markup, html};

/// A bar of `part` out of `whole`, after `before`.
pub fn bar(class: &str, before: f64, part: f64, whole: f64) -> Markup {
    let scale = if whole > 0.0 { 100.0 / whole } else { 0.0 };
    let wide = (part * scale).max(if part > 0.0 { 0.6 } else { 0.0 });
    let from = (before * scale).min(100.0 - wide).max(0.0);
    html! {
        svg.bar viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect.track x="0" y="0" width="100" height="10" {}
            rect.(class) x=(format!("{from:.2}")) y="0" width=(format!("{wide:.2}")) height="10" {}
        }
    }
}

/// A column for each of `values`, oldest first; `None` was not counted.
pub fn columns(values: &[Option<i64>], said: &str) -> Markup {
    let most = values.iter().flatten().copied().max().unwrap_or(0).max(1) as f64;
    let width = values.len() * 10;
    html! {
        svg.columns viewBox=(format!("0 0 {width} 100")) preserveAspectRatio="none" role="img" aria-label=(said) {
            @for (place, value) in values.iter().enumerate() {
                @let x = place * 10 + 1;
                @match value {
                    None => rect.unknown x=(x) y="0" width="8" height="100" {},
                    Some(0) => rect.track x=(x) y="98" width="8" height="2" {},
                    Some(value) => {
                        @let high = (*value as f64 / most * 98.0).max(3.0);
                        rect.value x=(x) y=(format!("{:.1}", 100.0 - high)) width="8" height=(format!("{high:.1}")) {}
                    }
                }
            }
        }
    }
}
