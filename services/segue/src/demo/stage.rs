use std::{fmt, time::Instant};

use futures::future::BoxFuture;

/// What happens before each step.
type Interlude = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Where a play is shown: numbered steps, how long each took, and what is seen.
pub struct Stage {
    aloud: bool,
    interlude: Option<Interlude>,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("aloud", &self.aloud).finish_non_exhaustive()
    }
}

impl Stage {
    /// Prints to standard output.
    pub fn aloud() -> Self {
        Self { aloud: true, interlude: None }
    }

    /// Prints nothing.
    pub fn silent() -> Self {
        Self { aloud: false, interlude: None }
    }

    /// Has something happen before each step, for example services restarted.
    #[must_use]
    pub fn with_interlude(
        mut self,
        interlude: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        self.interlude = Some(Box::new(interlude));
        self
    }

    /// Shows a text.
    #[expect(clippy::print_stdout, reason = "what the command is for")]
    pub fn say(&self, text: &str) {
        if self.aloud {
            println!("{text}");
        }
    }

    /// Shows what somebody sees.
    pub fn sees(&self, who: &str, what: &str) {
        for (index, line) in what.lines().enumerate() {
            self.say(&format!(
                "     {:>10} {} {line}",
                if index == 0 { who } else { "" },
                if index == 0 { "│" } else { "┆" }
            ));
        }
    }

    /// Plays a step and shows how it went.
    pub async fn step<T>(
        &self,
        title: &str,
        step: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        if let Some(interlude) = &self.interlude {
            interlude().await;
        }
        // A play measures what a person would wait for; nothing depends on it.
        let started = Instant::now();
        let outcome = step.await;
        let took = started.elapsed().as_secs_f64() * 1000.0;
        match &outcome {
            Ok(_) => self.say(&format!("\n  ✓  {title}  ({took:.1} ms)")),
            Err(error) => self.say(&format!("\n  ✗  {title}  ({took:.1} ms): {error:#}")),
        }
        outcome
    }
}
