use std::collections::{BTreeMap, BTreeSet};

use jiff::{
    Timestamp,
    civil::{Date, Weekday},
    tz::TimeZone,
};

/// Minutes of a day.
pub const DAY_MINUTES: u16 = 24 * 60;

/// Opening times in a place's local time, so that they follow its daylight saving.
#[derive(Debug, Clone)]
pub struct ServiceHours {
    zone: TimeZone,
    windows: Vec<Window>,
    /// Dates that don't follow their weekday: holidays, and days worked in their place.
    special: BTreeMap<Date, Vec<Range>>,
}

/// A part of a day, from a minute up to, not including, another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    start_minute: u16,
    end_minute: u16,
}

/// A weekly opening time; it ends on the day it starts.
#[derive(Debug, Clone)]
pub struct Window {
    /// The days, counted from Monday as 1.
    days: BTreeSet<i8>,
    range: Range,
}

impl ServiceHours {
    /// Open whenever any window is, on special dates whenever one of their ranges is. None for an unknown IANA time zone.
    pub fn new(time_zone: &str, windows: Vec<Window>, special: BTreeMap<Date, Vec<Range>>) -> Option<Self> {
        Some(Self { zone: zone(time_zone)?, windows, special })
    }

    /// Whether it is open at a time.
    pub fn is_open(&self, now_ms: i64) -> bool {
        let Ok(now) = Timestamp::from_millisecond(now_ms) else { return false };
        let local = now.to_zoned(self.zone.clone());
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute()));
        let minute = minute.unwrap_or(DAY_MINUTES);
        if let Some(ranges) = self.special.get(&local.date()) {
            return ranges.iter().any(|range| range.holds(minute));
        }
        let day = local.weekday().to_monday_one_offset();
        self.windows.iter().any(|window| window.days.contains(&day) && window.range.holds(minute))
    }
}

impl Range {
    /// None unless it starts before it ends, within a day.
    pub fn new(start_minute: u16, end_minute: u16) -> Option<Self> {
        let ordered = start_minute < end_minute && end_minute <= DAY_MINUTES;
        ordered.then_some(Self { start_minute, end_minute })
    }

    fn holds(self, minute: u16) -> bool {
        (self.start_minute..self.end_minute).contains(&minute)
    }
}

impl Window {
    /// The range on each of these days.
    pub fn new(days: impl IntoIterator<Item = Weekday>, range: Range) -> Self {
        Self { days: days.into_iter().map(Weekday::to_monday_one_offset).collect(), range }
    }
}

/// Reads `YYYY-MM-DD`.
pub fn parse_date(text: &str) -> Option<Date> {
    // jiff takes other forms of ISO 8601 too, of which a file should have one.
    text.parse().ok().filter(|date: &Date| date.to_string() == text)
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

    fn range(start_hour: u16, end_hour: u16) -> Range {
        Range::new(start_hour * 60, end_hour * 60).unwrap()
    }

    #[test]
    fn special_days_go_before_weekdays() {
        let weekdays = [Weekday::Monday, Weekday::Thursday, Weekday::Friday];
        // China's National Day of 2026 is a Thursday; the Saturday after the holidays is worked.
        let special = [("2026-10-01", vec![]), ("2026-10-10", vec![range(9, 12), range(14, 18)])];
        let special = special.map(|(date, ranges)| (parse_date(date).unwrap(), ranges)).into();
        let windows = vec![Window::new(weekdays, range(9, 18))];
        let hours = ServiceHours::new("Asia/Shanghai", windows, special).unwrap();
        for (time, open) in [
            ("2026-09-24T02:00:00Z", true),
            ("2026-10-01T02:00:00Z", false),
            // Still Wednesday in UTC when the holiday begins in Shanghai, and still the holiday when it's over in UTC.
            ("2026-10-01T15:59:00Z", false),
            ("2026-10-02T02:00:00Z", true),
            ("2026-10-10T03:59:00Z", true),
            ("2026-10-10T05:00:00Z", false),
            ("2026-10-10T06:00:00Z", true),
            ("2026-10-17T02:00:00Z", false),
        ] {
            assert_eq!(hours.is_open(at(time)), open, "{time}");
        }
    }

    #[test]
    fn dates_have_one_form() {
        assert!(parse_date("2026-02-28").is_some());
        for bad in ["", "2026-02-30", "20260228", "2026-2-28", "2026-02-28T00:00", "+002026-02-28"] {
            assert!(parse_date(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn open_in_local_time() {
        let weekdays = [Weekday::Monday, Weekday::Friday];
        let windows =
            vec![Window::new(weekdays, range(9, 18)), Window::new([Weekday::Saturday], range(22, 24))];
        let hours = ServiceHours::new("Asia/Shanghai", windows, BTreeMap::new()).unwrap();
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
        let windows = vec![Window::new([Weekday::Monday], range(9, 10))];
        let hours = ServiceHours::new("Europe/Berlin", windows, BTreeMap::new()).unwrap();
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
        assert!(ServiceHours::new("Mars/Olympus", vec![], BTreeMap::new()).is_none());
        assert!(Range::new(600, 600).is_none() && Range::new(600, DAY_MINUTES + 1).is_none());
    }
}
