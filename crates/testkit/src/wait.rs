use std::{future::Future, time::Duration};

/// How long a condition may take before the test gives up.
pub const WAIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(20);

/// Waits until the condition holds; panics with `what` when it doesn't in time.
pub async fn wait_for<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    wait_for_some(what, || {
        let held = condition();
        async move { held.await.then_some(()) }
    })
    .await;
}

/// Waits until there is a value.
pub async fn wait_for_some<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut attempt: impl FnMut() -> F,
) -> T {
    let deadline = tokio::time::Instant::now() + WAIT;
    loop {
        if let Some(value) = attempt().await {
            return value;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for: {what}");
        tokio::time::sleep(POLL).await;
    }
}
