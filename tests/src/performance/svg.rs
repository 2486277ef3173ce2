//! Line charts as SVG: two axes with units, a legend, colours for light and dark. A series has a shape and a dash of its own too, for
//! whoever can't tell the colours apart.

use std::fmt::Write as _;

use super::results::grouped;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 62.0;
/// Between what is labelled at the side, about.
const TICKS: f64 = 5.0;
/// The width of a letter of the legend, about.
const LETTER: f64 = 7.2;
const DASHES: [&str; 4] = ["none", "7 4", "2 4", "10 3 2 3"];

const STYLE: &str = "
    svg { --paper: #ffffff; --ink: #1f2328; --faint: #d1d9e0; --s0: #0059a8; --s1: #b84a00; --s2: #00724f; --s3: #95407a; }
    @media (prefers-color-scheme: dark) {
      svg { --paper: #0d1117; --ink: #e6edf3; --faint: #3d444d; --s0: #6cb6ff; --s1: #ffa657; --s2: #56d3a5; --s3: #e3a5d0; }
    }
    text { font: 13px system-ui, sans-serif; fill: var(--ink); }
    .title { font-size: 16px; font-weight: 600; }
    .paper { fill: var(--paper); }
    .grid { stroke: var(--faint); }
    .axis { stroke: var(--ink); }
    .line { fill: none; stroke-width: 2; }
";

/// Lines over values that are not evenly spaced: each has the same place, as `1, 16, 64, 256`.
pub struct Chart {
    pub title: String,
    /// What is told to whoever can't see it.
    pub description: String,
    pub x_label: String,
    pub y_label: String,
    pub series: Vec<Series>,
}

pub struct Series {
    pub name: String,
    pub points: Vec<(usize, f64)>,
}

/// Where things are.
struct Scale {
    columns: Vec<usize>,
    most: f64,
}

impl Scale {
    fn of(series: &[Series]) -> Self {
        let points = || series.iter().flat_map(|series| &series.points);
        let mut columns: Vec<usize> = points().map(|(column, _)| *column).collect();
        columns.sort_unstable();
        columns.dedup();
        let highest = points().map(|(_, value)| *value).fold(0.0, f64::max);
        let step = nice(highest / TICKS);
        Self { columns, most: ((highest / step).ceil() * step).max(step) }
    }

    fn step(&self) -> f64 {
        nice(self.most / TICKS)
    }

    fn x(&self, column: usize) -> f64 {
        let place = self.columns.iter().position(|other| *other == column).unwrap_or_default();
        let width = (WIDTH - LEFT - RIGHT) / self.columns.len().max(1) as f64;
        LEFT + width * (place as f64 + 0.5)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - value / self.most * (HEIGHT - TOP - BOTTOM)
    }
}

/// The next of 1, 2, 5, 10, 20 ...
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(0.01).log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0].into_iter();
    factors.map(|factor| factor * power).find(|step| *step >= value * 0.999).unwrap_or(power)
}

impl Chart {
    pub fn render(&self) -> String {
        let scale = Scale::of(&self.series);
        let (title, description) = (escaped(&self.title), escaped(&self.description));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-labelledby=\"title description\">\n"
        );
        let _ = writeln!(
            svg,
            "  <title id=\"title\">{title}</title>\n  <desc id=\"description\">{description}</desc>"
        );
        let _ = writeln!(svg, "  <style>{STYLE}  </style>");
        let _ = writeln!(svg, "  <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>");
        let _ = writeln!(svg, "  <text class=\"title\" x=\"16\" y=\"28\">{title}</text>");
        self.axes(&scale, &mut svg);
        self.legend(&mut svg);
        for (number, series) in self.series.iter().enumerate() {
            line(&scale, number, series, &self.x_label, &mut svg);
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn axes(&self, scale: &Scale, svg: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let mut value = 0.0;
        while value <= scale.most * 1.001 {
            let y = scale.y(value);
            let _ = writeln!(
                svg,
                "  <line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>"
            );
            let _ = writeln!(
                svg,
                "  <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.5,
                tick(value)
            );
            value += scale.step();
        }
        let _ = writeln!(
            svg,
            "  <line class=\"axis\" x1=\"{LEFT}\" y1=\"{bottom}\" x2=\"{right}\" y2=\"{bottom}\"/>"
        );
        for column in &scale.columns {
            let (x, y) = (scale.x(*column), bottom + 20.0);
            let _ = writeln!(
                svg,
                "  <text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{}</text>",
                grouped(*column)
            );
        }
        let (x, y) = (f64::midpoint(LEFT, right), HEIGHT - 16.0);
        let _ = writeln!(
            svg,
            "  <text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{}</text>",
            escaped(&self.x_label)
        );
        let y = f64::midpoint(TOP, bottom);
        let _ = writeln!(
            svg,
            "  <text transform=\"translate(18 {y}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            escaped(&self.y_label)
        );
    }

    fn legend(&self, svg: &mut String) {
        let mut x = 16.0;
        for (number, series) in self.series.iter().enumerate() {
            let dash = DASHES[number % DASHES.len()];
            let _ = writeln!(
                svg,
                "  <line class=\"line\" stroke=\"var(--s{number})\" stroke-dasharray=\"{dash}\" x1=\"{x:.1}\" y1=\"52\" x2=\"{:.1}\" y2=\"52\"/>",
                x + 30.0
            );
            let _ = writeln!(svg, "  {}", marker(number, x + 15.0, 52.0, ""));
            let _ =
                writeln!(svg, "  <text x=\"{:.1}\" y=\"56.5\">{}</text>", x + 38.0, escaped(&series.name));
            x += 62.0 + LETTER * series.name.chars().count() as f64;
        }
    }
}

fn line(scale: &Scale, number: usize, series: &Series, x_label: &str, svg: &mut String) {
    let points: Vec<String> = series
        .points
        .iter()
        .map(|(column, value)| format!("{:.1},{:.1}", scale.x(*column), scale.y(*value)))
        .collect();
    let dash = DASHES[number % DASHES.len()];
    let _ = writeln!(
        svg,
        "  <polyline class=\"line\" stroke=\"var(--s{number})\" stroke-dasharray=\"{dash}\" points=\"{}\"/>",
        points.join(" ")
    );
    for (column, value) in &series.points {
        let text = format!("{}, {} {x_label}: {}", series.name, grouped(*column), tick(*value));
        let _ = writeln!(svg, "  {}", marker(number, scale.x(*column), scale.y(*value), &text));
    }
}

/// A shape for each series, with what it says on hovering.
fn marker(number: usize, x: f64, y: f64, text: &str) -> String {
    let (left, right, top, bottom) = (x - 5.0, x + 5.0, y - 5.0, y + 5.0);
    let shape = match number {
        0 => format!("M{left:.1} {y:.1}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z"),
        1 => format!("M{left:.1} {top:.1}h10v10h-10z"),
        2 => format!("M{x:.1} {:.1}L{:.1} {bottom:.1}H{:.1}z", top - 1.0, right + 1.0, left - 1.0),
        _ => format!(
            "M{x:.1} {:.1}L{:.1} {y:.1}L{x:.1} {:.1}L{:.1} {y:.1}z",
            top - 1.0,
            right + 1.0,
            bottom + 1.0,
            left - 1.0
        ),
    };
    let title = if text.is_empty() { String::new() } else { format!("<title>{}</title>", escaped(text)) };
    format!("<path fill=\"var(--s{number})\" d=\"{shape}\">{title}</path>")
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a value of an axis")]
fn tick(value: f64) -> String {
    if value == 0.0 || value >= 10.0 { grouped(value.round() as usize) } else { format!("{value:.1}") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Every tag is closed, in order, and no text or attribute has what would have to be escaped.
    pub fn is_well_formed(svg: &str) -> bool {
        let mut open: Vec<&str> = vec![];
        for part in svg.split('<').skip(1) {
            let Some((tag, text)) = part.split_once('>') else { return false };
            if text.contains(['>', '"']) && !open.contains(&"style") || tag.matches('"').count() % 2 != 0 {
                return false;
            }
            let name = tag.split([' ', '/']).next().unwrap_or_default();
            if let Some(closed) = tag.strip_prefix('/') {
                if open.pop() != Some(closed) {
                    return false;
                }
            } else if !tag.ends_with('/') {
                open.push(name);
            }
        }
        open.is_empty() && svg.starts_with("<svg ")
    }

    fn chart() -> Chart {
        let series =
            |name: &str, points: &[(usize, f64)]| Series { name: name.to_owned(), points: points.to_vec() };
        Chart {
            title: "Handoffs & <more>".to_owned(),
            description: "\"All\" of them".to_owned(),
            x_label: "callers".to_owned(),
            y_label: "a second".to_owned(),
            series: vec![series("one", &[(1, 10.0), (64, 900.0)]), series("two", &[(64, 5.0)])],
        }
    }

    #[test]
    fn a_chart_is_well_formed_and_says_what_it_shows() {
        let svg = chart().render();
        assert!(is_well_formed(&svg), "{svg}");
        assert!(!is_well_formed(&svg.replacen("</title>", "", 1)) && !is_well_formed("<svg ><a></svg></a>"));
        for text in
            ["role=\"img\"", "Handoffs &amp; &lt;more&gt;", "&quot;All&quot;", "prefers-color-scheme: dark"]
        {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        for text in [">callers<", ">a second<", ">one<", ">two<", ">1,000<", "one, 64 callers: 900"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
    }

    #[test]
    fn the_axis_begins_at_zero_and_ends_above_the_highest() {
        let scale = Scale::of(&chart().series);
        assert_eq!((scale.most, scale.step()), (1_000.0, 200.0));
        assert_eq!((scale.y(0.0), scale.y(1_000.0)), (HEIGHT - BOTTOM, TOP));
        assert_eq!(scale.columns, [1, 64]);
        assert!(is_well_formed(&Chart { series: vec![], ..chart() }.render()), "without any points");
    }
}
