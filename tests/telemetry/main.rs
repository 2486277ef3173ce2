//! Traces, metrics and logs as operations get them, and the alerts and the dashboard that are made from them.

#[cfg(test)]
mod bounded;
#[cfg(test)]
mod counted;
#[cfg(test)]
mod joined;
#[cfg(test)]
mod names;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod unreachable;
