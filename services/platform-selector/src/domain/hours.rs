use std::collections::{BTreeMap, BTreeSet};

use jiff::{
    Timestamp,
    civil::{Date, Weekday},
    tz::TimeZone,
};

/// Minutes of a day.
pub const DAY_MINUTES: u16 = 24 * 60;

/// Opening times in a place's local time, so that they follow its daylight saving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceHours {
    zone: TimeZone,
    windows: Vec<Window>,
    /// Dates that don't follow their weekday: holidays, and days worked in their place.
    special: BTreeMap<Date, Vec<Range>>,
}

/// A time of opening, from a minute of the day on which it begins up to, not including, another: of the same day or, when that is earlier
/// than the first, of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    start_minute: u16,
    end_minute: u16,
}

/// A weekly opening time.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        let today = local.date();
        // What began yesterday goes on over midnight, also into a holiday.
        let since_yesterday =
            today.yesterday().is_ok_and(|day| self.ranges(day).any(|range| range.holds_next_day(minute)));
        since_yesterday || self.ranges(today).any(|range| range.holds(minute))
    }

    /// What begins on a date.
    fn ranges(&self, date: Date) -> impl Iterator<Item = Range> {
        let special = self.special.get(&date);
        let day = date.weekday().to_monday_one_offset();
        let weekly =
            self.windows.iter().filter(move |window| special.is_none() && window.days.contains(&day));
        special.into_iter().flatten().copied().chain(weekly.map(|window| window.range))
    }
}

impl Range {
    /// None when it starts and ends at the same time, or not within a day.
    pub fn new(start_minute: u16, end_minute: u16) -> Option<Self> {
        let within = start_minute < DAY_MINUTES && end_minute <= DAY_MINUTES;
        (within && start_minute != end_minute).then_some(Self { start_minute, end_minute })
    }

    fn is_over_midnight(self) -> bool {
        self.end_minute < self.start_minute
    }

    /// On the day on which it begins.
    fn holds(self, minute: u16) -> bool {
        minute >= self.start_minute && (self.is_over_midnight() || minute < self.end_minute)
    }

    /// On the day after that.
    fn holds_next_day(self, minute: u16) -> bool {
        self.is_over_midnight() && minute < self.end_minute
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

/// Reads `HH:MM` or `H:MM`, up to `24:00`, as minutes of the day.
pub fn parse_time_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(hours, 2) || !digits(minutes, 2) || minutes.len() != 2 {
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
    fn a_shift_goes_on_over_midnight() {
        let nights = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday];
        let night = Range::new(22 * 60, 6 * 60).unwrap();
        // The Wednesday is a holiday.
        let special = [(parse_date("2026-03-04").unwrap(), vec![])].into();
        let hours = ServiceHours::new("Asia/Shanghai", vec![Window::new(nights, night)], special).unwrap();
        for (local, open) in [
            ("2026-03-02T21:59", false),
            ("2026-03-02T22:00", true),
            ("2026-03-03T00:00", true),
            ("2026-03-03T05:59", true),
            ("2026-03-03T06:00", false),
            ("2026-03-03T22:00", true),
            // Last night's shift goes on into the holiday; its own is cut, and so is what would follow.
            ("2026-03-04T05:59", true),
            ("2026-03-04T22:00", false),
            ("2026-03-05T05:59", false),
            // No shift begins on a Sunday.
            ("2026-03-02T05:59", false),
        ] {
            assert_eq!(hours.is_open(at(&format!("{local}:00+08:00"))), open, "{local}");
        }
    }

    #[test]
    fn a_night_shift_follows_daylight_saving() {
        let night = Range::new(22 * 60, 6 * 60).unwrap();
        let windows = vec![Window::new([Weekday::Saturday], night)];
        let hours = ServiceHours::new("Europe/Berlin", windows, BTreeMap::new()).unwrap();
        // At two o'clock on 29 March 2026 it is three at once: the shift is an hour shorter, and ends at six all the same.
        assert!(hours.is_open(at("2026-03-28T21:00:00Z")) && hours.is_open(at("2026-03-29T03:59:00Z")));
        assert!(!hours.is_open(at("2026-03-29T04:00:00Z")));
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
        assert_eq!(parse_time_of_day("9:00"), parse_time_of_day("09:00"));
        for bad in ["", "9:0", ":00", "009:00", "09:60", "24:01", "25:00", "09:00:00", "+9:00", "０9:00"] {
            assert_eq!(parse_time_of_day(bad), None, "{bad}");
        }
        assert!(ServiceHours::new("Mars/Olympus", vec![], BTreeMap::new()).is_none());
        assert!(Range::new(600, 600).is_none() && Range::new(600, DAY_MINUTES + 1).is_none());
    }
}
