use std::str::FromStr;

/// What an OTLP receiver is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signals {
    /// Spans.
    pub traces: bool,
    /// Measurements.
    pub metrics: bool,
    /// Log records.
    pub logs: bool,
}

impl FromStr for Signals {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut this = Self::default();
        for signal in text.split(',').map(str::trim) {
            match signal {
                "traces" => this.traces = true,
                "metrics" => this.metrics = true,
                "logs" => this.logs = true,
                _ => return Err("must be a list of `traces`, `metrics` and `logs`".to_owned()),
            }
        }
        Ok(this)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_a_list() {
        let some = Signals { traces: true, metrics: false, logs: true };
        assert_eq!("traces, logs".parse(), Ok(some));
        for wrong in ["", "traces,", "spans", "traces logs"] {
            assert!(wrong.parse::<Signals>().is_err(), "{wrong}");
        }
    }
}
