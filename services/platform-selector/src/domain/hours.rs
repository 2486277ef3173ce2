use std::collections::BTreeSet;

use jiff::{Timestamp, civil::Weekday, tz::TimeZone};

/// Minutes of a day.
pub const DAY_MINUTES: u16 = 24 * 60;

/// Weekly opening times in a place's local time, so that they follow its daylight saving.
#[derive(Debug, Clone)]
pub struct ServiceHours {
    zone: TimeZone,
    windows: Vec<Window>,
}

/// One opening time; it ends on the day it starts.
#[derive(Debug, Clone)]
pub struct Window {
    /// The days, counted from Monday as 1.
    days: BTreeSet<i8>,
    start_minute: u16,
    end_minute: u16,
}

impl ServiceHours {
    /// Open whenever any window is. None for an unknown IANA time zone.
    pub fn new(time_zone: &str, windows: Vec<Window>) -> Option<Self> {
        Some(Self { zone: zone(time_zone)?, windows })
    }

    /// Whether it is open at a time.
    pub fn is_open(&self, now_ms: i64) -> bool {
        let Ok(now) = Timestamp::from_millisecond(now_ms) else { return false };
        let local = now.to_zoned(self.zone.clone());
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        let day = local.weekday().to_monday_one_offset();
        self.windows.iter().any(|window| window.holds(day, minute))
    }
}

impl Window {
    /// From `start` up to, not including, `end`, on these days. None unless it starts before it ends, within a day.
    pub fn new(days: impl IntoIterator<Item = Weekday>, start_minute: u16, end_minute: u16) -> Option<Self> {
        let days = days.into_iter().map(Weekday::to_monday_one_offset).collect();
        let ordered = start_minute < end_minute && end_minute <= DAY_MINUTES;
        ordered.then_some(Self { days, start_minute, end_minute })
    }

    fn holds(&self, day: i8, minute: i32) -> bool {
        self.days.contains(&day)
            && (i32::from(self.start_minute)..i32::from(self.end_minute)).contains(&minute)
    }
}

/// Whether an IANA time zone is known.
pub fn is_time_zone(name: &str) -> bool {
    zone(name).is_some()
}

/// Reads `HH:MM`, up to `24:00`, as minutes of the day.
pub fn parse_time_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= DAY_MINUTES).then_some(total)
}

fn zone(name: &str) -> Option<TimeZone> {
    // jiff also takes `Etc/Unknown`, which is its word for not knowing.
    TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn open_in_local_time() {
        let weekdays = [Weekday::Monday, Weekday::Friday];
        let windows = vec![
            Window::new(weekdays, 9 * 60, 18 * 60).unwrap(),
            Window::new([Weekday::Saturday], 22 * 60, DAY_MINUTES).unwrap(),
        ];
        let hours = ServiceHours::new("Asia/Shanghai", windows).unwrap();
        // 2026-03-02 is a Monday; Shanghai is at +08.
        for (time, open) in [
            ("2026-03-02T00:59:59Z", false),
            ("2026-03-02T01:00:00Z", true),
            ("2026-03-02T09:59:59Z", true),
            ("2026-03-02T10:00:00Z", false),
            ("2026-03-03T02:00:00Z", false),
            ("2026-03-07T15:59:59Z", true),
            ("2026-03-07T16:00:00Z", false),
        ] {
            assert_eq!(hours.is_open(at(time)), open, "{time}");
        }
    }

    #[test]
    fn daylight_saving_is_followed() {
        let windows = vec![Window::new([Weekday::Monday], 9 * 60, 10 * 60).unwrap()];
        let hours = ServiceHours::new("Europe/Berlin", windows).unwrap();
        assert!(hours.is_open(at("2026-01-05T08:30:00Z")));
        assert!(hours.is_open(at("2026-07-06T07:30:00Z")));
        assert!(!hours.is_open(at("2026-07-06T08:30:00Z")));
    }

    #[test]
    fn times_of_day() {
        assert_eq!(parse_time_of_day("00:00"), Some(0));
        assert_eq!(parse_time_of_day("24:00"), Some(1440));
        for bad in ["", "9:00", "09:60", "24:01", "25:00", "09:00:00", "+9:00", "０9:00"] {
            assert_eq!(parse_time_of_day(bad), None, "{bad}");
        }
        assert!(ServiceHours::new("Mars/Olympus", vec![]).is_none());
        assert!(Window::new([Weekday::Monday], 600, 600).is_none());
    }
}
