//! A picture of a simulation: a lane for each process and database, calls as arrows, faults as red marks.

use std::{collections::BTreeMap, fmt::Write as _};

use super::Event;

const LEFT: f64 = 150.0;
const WIDTH: f64 = 2400.0;
const LANE: f64 = 26.0;
/// More events than this can't be told apart; the last are shown.
const MOST: usize = 4_000;

/// The picture, as SVG.
pub fn svg(events: &[Event], title: &str) -> String {
    let events = &events[events.len().saturating_sub(MOST)..];
    let from = events.first().map_or(0, |event| event.at_ms);
    let to = events.last().map_or(1, |event| event.at_ms).max(from + 1);
    let lanes = lanes(events);
    #[expect(clippy::cast_precision_loss, reason = "a picture")]
    let x = |at_ms: u64| LEFT + (at_ms - from) as f64 * WIDTH / (to - from) as f64;
    #[expect(clippy::cast_precision_loss, reason = "a picture")]
    let height = (lanes.len() + 2) as f64 * LANE;
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{}' height='{height}' font-family='sans-serif' font-size='11'>\n<rect width='100%' height='100%' fill='white'/><text x='8' y='16'>{}</text>\n",
        LEFT + WIDTH + 20.0,
        escaped(title)
    );
    for (lane, y) in &lanes {
        let _ = writeln!(
            svg,
            "<text x='8' y='{}'>{}</text><line x1='{LEFT}' x2='{}' y1='{y}' y2='{y}' stroke='#ddd'/>",
            y + 4.0,
            escaped(lane),
            LEFT + WIDTH
        );
    }
    for event in events {
        mark(&mut svg, event, x(event.at_ms), &lanes);
    }
    svg.push_str("</svg>\n");
    svg
}

fn lanes(events: &[Event]) -> BTreeMap<&str, f64> {
    let names = events
        .iter()
        .flat_map(|event| [Some(machine(&event.lane)), event.to.as_deref().map(machine)])
        .flatten();
    let mut lanes: BTreeMap<&str, f64> = names.map(|name| (name, 0.0)).collect();
    let mut y = LANE * 1.5;
    for place in lanes.values_mut() {
        *place = y;
        y += LANE;
    }
    lanes
}

/// A process has a lane through all of its starts.
fn machine(lane: &str) -> &str {
    lane.split('.').next().unwrap_or(lane)
}

fn mark(svg: &mut String, event: &Event, x: f64, lanes: &BTreeMap<&str, f64>) {
    let y = lanes[machine(&event.lane)];
    let what = escaped(&format!("{} ms, {}: {}", event.at_ms, event.lane, event.text));
    if let Some(to) = &event.to {
        let end = lanes[machine(to)];
        let _ = writeln!(
            svg,
            "<path d='M{x:.1} {y:.1} L{:.1} {end:.1}' stroke='#7a9cc6' fill='none'><title>{what}</title></path><circle cx='{:.1}' cy='{end:.1}' r='1.6' fill='#7a9cc6'/>",
            x + 2.0,
            x + 2.0
        );
        return;
    }
    let is_fault = event.lane == "fault"
        || ["dies", "killed", "loses", "lost", "cut", "refuses", "breaks", "no room"]
            .iter()
            .any(|word| event.text.contains(word));
    let (colour, radius) = if event.lane == "check" {
        ("#a000a0", 6.0)
    } else if is_fault {
        ("#d03030", 4.0)
    } else {
        ("#404040", 1.8)
    };
    let _ = writeln!(
        svg,
        "<circle cx='{x:.1}' cy='{y:.1}' r='{radius}' fill='{colour}'><title>{what}</title></circle>"
    );
    if event.lane == "fault" || event.lane == "check" {
        let _ = writeln!(
            svg,
            "<text x='{:.1}' y='{:.1}' fill='{colour}' transform='rotate(-18 {x:.1} {y:.1})'>{}</text>",
            x + 5.0,
            y - 3.0,
            escaped(&event.text)
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_faults_and_lanes_are_drawn() {
        let event = |lane: &str, to: Option<&str>, text: &str| Event {
            at_ms: 10,
            lane: lane.to_owned(),
            text: text.to_owned(),
            to: to.map(str::to_owned),
        };
        let events = [
            event("router-1.1", Some("issuer-1.2"), "Get<x>"),
            event("fault", None, "f1: cut"),
            event("router-1.2", None, "starts"),
        ];
        let svg = svg(&events, "seed 1");
        assert!(svg.contains("router-1") && svg.contains("Get&lt;x>") && svg.contains("#d03030"), "{svg}");
        assert_eq!(svg.matches("stroke='#ddd'").count(), 3);
    }
}
