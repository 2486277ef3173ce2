//! The limits of HTTP connections that every server of Segue has, and every client relies on.

use std::time::Duration;

/// The largest message a service reads or sends.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// The largest head of a request.
pub(crate) const MAX_HEADER_BYTES: u32 = 16 * 1024;
/// How often a silent connection is asked whether its other end is there.
pub(crate) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long the other end may take to say so.
pub(crate) const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
