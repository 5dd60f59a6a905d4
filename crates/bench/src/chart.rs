//! A drawing by hand: what a birth costs over how many there are, one panel beside the other.

use std::fmt::Write as _;

/// One measured point.
pub struct Point {
    pub births: i64,
    pub is_partitioned: bool,
    pub microseconds: f64,
}

/// One axis pair.
pub struct Panel {
    pub title: &'static str,
    pub points: Vec<Point>,
}

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 210.0;
const LEFT: f64 = 50.0;
const TOP: f64 = 34.0;
const BELOW: f64 = 44.0;

/// The panels as an SVG picture that follows the reader's light or dark colours.
pub fn draw(panels: &[Panel]) -> String {
    let width = (WIDTH + LEFT) * panels.len() as f64 + 20.0;
    let height = TOP + HEIGHT + BELOW;
    let mut said = String::new();
    for panel in panels {
        let points: Vec<String> = panel.points.iter().map(Point::said).collect();
        let _ = write!(said, "A birth {}: {}. ", panel.title, points.join(", "));
    }
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-labelledby=\"title desc\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<title id=\"title\">What a birth costs beside how many others</title>\n<desc id=\"desc\">{}</desc>\n<style>\n  svg {{ color: #1b2b34; }} .mark {{ color: #1668a8; }}\n  @media (prefers-color-scheme: dark) {{ svg {{ color: #dfe6ea; }} .mark {{ color: #6db7f2; }} }}\n</style>\n",
        said.trim_end()
    );
    for (number, panel) in panels.iter().enumerate() {
        panel.draw(&mut svg, LEFT + (WIDTH + LEFT) * number as f64);
    }
    svg.push_str("</svg>\n");
    svg
}

impl Point {
    fn said(&self) -> String {
        let partitioned = if self.is_partitioned { " (partitioned)" } else { "" };
        format!("{:.0} µs beside {}{partitioned}", self.microseconds, self.births)
    }
}

impl Panel {
    fn draw(&self, svg: &mut String, left: f64) {
        let logs = || self.points.iter().map(|point| (point.births.max(1) as f64).log10());
        let lowest = logs().fold(f64::INFINITY, f64::min).floor();
        let highest = logs().fold(lowest + 1.0, f64::max).ceil();
        let most = self.points.iter().map(|point| point.microseconds).fold(1.0, f64::max);
        let step = tidy(most / 4.0);
        let ceiling = (most * 1.15 / step).ceil() * step;
        // A little air on both sides.
        let x = |births: f64| {
            left + 20.0 + (WIDTH - 60.0) * (births.log10() - lowest) / (highest - lowest)
        };
        let y = |microseconds: f64| TOP + HEIGHT * (1.0 - microseconds / ceiling);
        let (bottom, right) = (TOP + HEIGHT, left + WIDTH - 20.0);
        let _ = writeln!(
            svg,
            "<g fill=\"currentColor\">\n<text x=\"{left:.0}\" y=\"18\" font-weight=\"600\">A birth {}</text>\n<text x=\"{left:.0}\" y=\"{:.0}\" opacity=\".7\">births in the registry before it; µs upwards</text>",
            self.title,
            bottom + 36.0
        );
        let mut tick = 0.0;
        while tick <= ceiling + step / 2.0 {
            let _ = writeln!(
                svg,
                "<line x1=\"{left:.0}\" x2=\"{right:.0}\" y1=\"{0:.1}\" y2=\"{0:.1}\" stroke=\"currentColor\" opacity=\".2\"/><text x=\"{1:.0}\" y=\"{2:.1}\" text-anchor=\"end\">{tick:.0}</text>",
                y(tick),
                left - 6.0,
                y(tick) + 4.0
            );
            tick += step;
        }
        let mut power = lowest;
        while power <= highest {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\">10<tspan dy=\"-4\" font-size=\"9\">{power:.0}</tspan></text>",
                x(10f64.powf(power)),
                bottom + 18.0
            );
            power += 1.0;
        }
        svg.push_str("</g>\n<g class=\"mark\">\n");
        let line: Vec<String> = self
            .points
            .iter()
            .filter(|point| !point.is_partitioned)
            .map(|point| format!("{:.1},{:.1}", x(point.births as f64), y(point.microseconds)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\"/>",
            line.join(" ")
        );
        for point in &self.points {
            let (x, y) = (x(point.births as f64), y(point.microseconds));
            let fill = if point.is_partitioned { "none" } else { "currentColor" };
            let (word, above) =
                if point.is_partitioned { (" partitioned", 10.0) } else { ("", -10.0) };
            let _ = writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{fill}\" stroke=\"currentColor\" stroke-width=\"2\"><title>{}</title></circle><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"currentColor\">{:.0}{word}</text>",
                point.said(),
                if point.is_partitioned { y - above } else { y - above + 8.0 },
                point.microseconds
            );
        }
        svg.push_str("</g>\n");
    }
}

/// 1, 2 or 5 times a power of ten: the next one.
fn tidy(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|times| times * power)
        .into_iter()
        .find(|step| *step >= value)
        .unwrap_or(value)
}
