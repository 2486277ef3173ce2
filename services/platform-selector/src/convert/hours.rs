use std::collections::BTreeMap;

use jiff::civil::{self, Date};
use segue_proto::selector::v1::{
    ServiceHours as HoursMessage, ServiceWindow, SpecialDay, TimeRange, Weekday,
};
use segue_runtime::Fields;

use super::MAX_DISPLAY_NAME_CHARACTERS;
use crate::domain::hours::{self, Range, ServiceHours, Window};

const MAX_WINDOWS: usize = 64;
const MAX_SPECIAL_DAYS: usize = 366;
const MAX_RANGES: usize = 16;
const MAX_DAYS: usize = 7;

/// Reads service hours.
pub(crate) fn parse(fields: &mut Fields, path: &str, message: &HoursMessage) -> Option<ServiceHours> {
    fields.at_most(&format!("{path}.windows"), message.windows.len(), MAX_WINDOWS);
    let given = !message.windows.is_empty();
    fields.require(
        given,
        &format!("{path}.windows"),
        "must be given; without service_hours it is always open",
    );
    let known = hours::is_time_zone(&message.time_zone);
    fields.require(
        known,
        &format!("{path}.time_zone"),
        "must be an IANA time zone, for example Asia/Shanghai",
    );
    let windows = message.windows.iter().take(MAX_WINDOWS).enumerate();
    let windows = windows
        .filter_map(|(index, message)| window(fields, &format!("{path}.windows[{index}]"), message))
        .collect();
    let special = special_days(fields, &format!("{path}.special_days"), &message.special_days);
    ServiceHours::new(&message.time_zone, windows, special)
}

fn special_days(fields: &mut Fields, path: &str, messages: &[SpecialDay]) -> BTreeMap<Date, Vec<Range>> {
    fields.at_most(path, messages.len(), MAX_SPECIAL_DAYS);
    let mut days = BTreeMap::new();
    for (index, message) in messages.iter().take(MAX_SPECIAL_DAYS).enumerate() {
        let at = |name: &str| format!("{path}[{index}].{name}");
        fields.check_text(&at("name"), &message.name, 0..=MAX_DISPLAY_NAME_CHARACTERS);
        fields.at_most(&at("open"), message.open.len(), MAX_RANGES);
        let open = message.open.iter().take(MAX_RANGES).enumerate();
        let open = open
            .filter_map(|(index, TimeRange { start, end })| {
                range(fields, &format!("{}[{index}]", at("open")), start, end)
            })
            .collect();
        let date = hours::parse_date(&message.date);
        fields.require(date.is_some(), &at("date"), "must be a date, YYYY-MM-DD");
        if date.is_some_and(|date| days.insert(date, open).is_some()) {
            fields.violation(at("date"), "is given twice");
        }
    }
    days
}

fn window(fields: &mut Fields, path: &str, message: &ServiceWindow) -> Option<Window> {
    let path_of_days = format!("{path}.days");
    fields.require(!message.days.is_empty(), &path_of_days, "must have at least one day");
    fields.at_most(&path_of_days, message.days.len(), MAX_DAYS);
    let days = message.days.iter().take(MAX_DAYS).enumerate();
    let days: Vec<_> =
        days.filter_map(|(index, day)| weekday(fields, &format!("{path_of_days}[{index}]"), *day)).collect();
    let range = range(fields, path, &message.start, &message.end)?;
    Some(Window::new(days, range))
}

fn range(fields: &mut Fields, path: &str, start: &str, end: &str) -> Option<Range> {
    let start = time_of_day(fields, &format!("{path}.start"), start);
    let end = time_of_day(fields, &format!("{path}.end"), end);
    let range = Range::new(start?, end?);
    fields.require(range.is_some(), &format!("{path}.end"), "must differ from the start");
    range
}

fn time_of_day(fields: &mut Fields, path: &str, text: &str) -> Option<u16> {
    let minute = hours::parse_time_of_day(text);
    fields.require(minute.is_some(), path, "must be HH:MM, 00:00 to 24:00");
    minute
}

fn weekday(fields: &mut Fields, path: &str, value: i32) -> Option<civil::Weekday> {
    match fields.enumeration::<Weekday>(path, value) {
        Weekday::Unspecified => None,
        Weekday::Monday => Some(civil::Weekday::Monday),
        Weekday::Tuesday => Some(civil::Weekday::Tuesday),
        Weekday::Wednesday => Some(civil::Weekday::Wednesday),
        Weekday::Thursday => Some(civil::Weekday::Thursday),
        Weekday::Friday => Some(civil::Weekday::Friday),
        Weekday::Saturday => Some(civil::Weekday::Saturday),
        Weekday::Sunday => Some(civil::Weekday::Sunday),
    }
}
