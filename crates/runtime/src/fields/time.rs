use prost_types::Timestamp;

/// A time for the wire; none for 0.
pub fn timestamp(unix_ms: i64) -> Option<Timestamp> {
    let nanos = i32::try_from(unix_ms.rem_euclid(1000) * 1_000_000).unwrap_or_default();
    (unix_ms != 0).then(|| Timestamp { seconds: unix_ms.div_euclid(1000), nanos })
}

/// A time from the wire; 0 for none.
pub fn millis_of(time: Option<&Timestamp>) -> i64 {
    time.map_or(0, |t| t.seconds.saturating_mul(1000).saturating_add(i64::from(t.nanos) / 1_000_000))
}
