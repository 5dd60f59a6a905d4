//! A drawing by hand: what a birth costs over how many there are, one panel beside the other.

use std::fmt::Write as _;

/// One measured point.
pub struct Point {
    pub births: i64,
    pub microseconds: f64,
}

/// The points that belong together.
pub struct Series {
    pub name: &'static str,
    pub points: Vec<Point>,
}

/// One pair of axes.
pub struct Panel {
    pub title: &'static str,
    pub ours: Series,
    pub partitioned: Series,
    pub floor: Series,
}

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 210.0;
const LEFT: f64 = 50.0;
const TOP: f64 = 34.0;
const BELOW: f64 = 62.0;

/// The panels as an SVG picture that follows the reader's light or dark colours.
pub fn draw(panels: &[Panel]) -> String {
    let width = (WIDTH + LEFT) * panels.len() as f64 + 20.0;
    let height = TOP + HEIGHT + BELOW;
    let mut said = String::new();
    for panel in panels {
        let _ = write!(said, "A birth {}: {}. ", panel.title, panel.said());
    }
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" role="img" aria-labelledby="title desc" font-family="system-ui, sans-serif" font-size="12">
<title id="title">What a birth costs beside how many others</title>
<desc id="desc">{}</desc>
<style>
  svg {{ background: #fff; color: #1b2b34; }} .mark {{ color: #1668a8; }}
  @media (prefers-color-scheme: dark) {{ svg {{ background: #14191d; color: #dfe6ea; }} .mark {{ color: #6db7f2; }} }}
</style>
"##,
        said.trim_end()
    );
    for (number, panel) in panels.iter().enumerate() {
        panel.draw(&mut svg, LEFT + (WIDTH + LEFT) * number as f64);
    }
    svg.push_str("</svg>\n");
    svg
}

impl Panel {
    fn all(&self) -> impl Iterator<Item = &Series> {
        [&self.ours, &self.partitioned, &self.floor].into_iter()
    }

    fn said(&self) -> String {
        let series = self.all().filter(|series| !series.points.is_empty()).map(|series| {
            let said =
                |point: &Point| format!("{:.0} µs beside {}", point.microseconds, point.births);
            let points: Vec<String> = series.points.iter().map(said).collect();
            format!("{} {}", series.name, points.join(", "))
        });
        series.collect::<Vec<_>>().join("; ")
    }

    fn draw(&self, svg: &mut String, left: f64) {
        let points = || self.all().flat_map(|series| &series.points);
        let logs = || points().map(|point| (point.births.max(1) as f64).log10());
        let lowest = logs().fold(f64::INFINITY, f64::min).floor();
        let highest = logs().fold(lowest + 1.0, f64::max).ceil();
        let most = points().map(|point| point.microseconds).fold(1.0, f64::max);
        let step = tidy(most / 4.0);
        let ceiling = (most * 1.15 / step).ceil() * step;
        // A little air on both sides.
        let x = |births: f64| {
            left + 24.0 + (WIDTH - 72.0) * (births.log10() - lowest) / (highest - lowest)
        };
        let y = |microseconds: f64| TOP + HEIGHT * (1.0 - microseconds / ceiling);
        let place = |point: &Point| (x(point.births as f64), y(point.microseconds));
        let (bottom, right) = (TOP + HEIGHT, left + WIDTH - 20.0);
        let _ = writeln!(
            svg,
            r#"<g fill="currentColor">
<text x="{left:.0}" y="18" font-weight="600">A birth {}</text>
<text x="{left:.0}" y="{:.0}" opacity=".8">births in the registry before it; µs upwards</text>
<text x="{left:.0}" y="{:.0}"><tspan class="mark" fill="currentColor">●</tspan> Birthgate <tspan class="mark" fill="currentColor">○</tspan> partitioned ▫ plain inserts</text>"#,
            self.title,
            bottom + 36.0,
            bottom + 54.0
        );
        let mut tick = 0.0;
        while tick <= ceiling + step / 2.0 {
            let (at, label) = (y(tick), y(tick) + 4.0);
            let _ = writeln!(
                svg,
                r#"<line x1="{left:.0}" x2="{right:.0}" y1="{at:.1}" y2="{at:.1}" stroke="currentColor" opacity=".2"/><text x="{:.0}" y="{label:.1}" text-anchor="end">{tick:.0}</text>"#,
                left - 6.0
            );
            tick += step;
        }
        let mut power = lowest;
        while power <= highest {
            let _ = writeln!(
                svg,
                r#"<text x="{:.1}" y="{:.0}" text-anchor="middle">10<tspan dy="-4" font-size="9">{power:.0}</tspan></text>"#,
                x(10f64.powf(power)),
                bottom + 18.0
            );
            power += 1.0;
        }
        let line = |series: &Series| {
            let places = series.points.iter().map(place).map(|(x, y)| format!("{x:.1},{y:.1}"));
            places.collect::<Vec<_>>().join(" ")
        };
        let _ = writeln!(
            svg,
            r#"<polyline points="{}" fill="none" stroke="currentColor" stroke-dasharray="3 3"/>"#,
            line(&self.floor)
        );
        for point in &self.floor.points {
            let (x, y) = place(point);
            let _ = writeln!(
                svg,
                r#"<rect x="{:.1}" y="{:.1}" width="5" height="5"/><text x="{x:.1}" y="{:.1}" text-anchor="middle">{:.0}</text>"#,
                x - 2.5,
                y - 2.5,
                y + 16.0,
                point.microseconds
            );
        }
        let _ = writeln!(
            svg,
            r#"</g>
<g class="mark" fill="currentColor" stroke-width="2">
<polyline points="{}" fill="none" stroke="currentColor"/>"#,
            line(&self.ours)
        );
        // Each label where the other's is not.
        let kinds = [
            (&self.ours, "currentColor", (0.0, -9.0, "middle")),
            (&self.partitioned, "none", (7.0, 13.0, "start")),
        ];
        for (series, fill, (right, down, anchor)) in kinds {
            for point in &series.points {
                let (x, y) = place(point);
                let (label_x, label_y) = (x + right, y + down);
                let _ = writeln!(
                    svg,
                    r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="{fill}" stroke="currentColor"/><text x="{label_x:.1}" y="{label_y:.1}" text-anchor="{anchor}">{:.0}</text>"#,
                    point.microseconds
                );
            }
        }
        svg.push_str("</g>\n");
    }
}

/// 1, 2 or 5 times a power of ten: the next one.
fn tidy(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
    steps.into_iter().find(|step| *step >= value).unwrap_or(value)
}
