use std::{fmt, sync::Arc};

use parking_lot::Mutex;
use rand::{Rng, RngExt as _, SeedableRng as _, rngs::StdRng};

/// A source of randomness, so that tests and the demo data can be repeated.
#[derive(Clone)]
pub struct Random(Source);

#[derive(Clone)]
enum Source {
    Secure,
    Seeded(Arc<Mutex<StdRng>>),
}

impl Random {
    /// The operating system's generator, by way of a generator per thread that is reseeded from it. For codes and keys.
    pub fn secure() -> Self {
        Self(Source::Secure)
    }

    /// The same sequence for the same seed. For tests and demo data only.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))))
    }

    /// A number from 0 up to, not including, `bound`, each as likely as the others. 0 for a bound of 0.
    pub fn below(&self, bound: u32) -> u32 {
        self.with(|rng| if bound == 0 { 0 } else { rng.random_range(0..bound) })
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.with(|rng| rng.fill_bytes(&mut bytes));
        bytes
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that takes the thread's generator")]
    fn with<T>(&self, draw: impl FnOnce(&mut dyn Rng) -> T) -> T {
        match &self.0 {
            Source::Secure => draw(&mut rand::rng()),
            Source::Seeded(rng) => draw(&mut *rng.lock()),
        }
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Secure => "Random(secure)",
            Source::Seeded(_) => "Random(seeded)",
        })
    }
}
