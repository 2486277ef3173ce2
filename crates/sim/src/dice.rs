//! Decisions of a simulation, from its seed.

use segue_core::Random;

/// Draws. Each owner has dice of its own, so that taking one away changes nothing for the others.
#[derive(Debug, Clone)]
pub struct Dice(Random);

impl Dice {
    /// The dice of an owner in a simulation.
    pub fn of(seed: u64, owner: &str) -> Self {
        // FNV-1a: the same on every machine.
        let hash = owner.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(Random::seeded(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ hash))
    }

    /// The source that they are drawn from.
    pub fn random(&self) -> Random {
        self.0.clone()
    }

    /// From `least` to `most`, both included.
    pub fn between(&self, least: u32, most: u32) -> u32 {
        least + self.0.below(most - least + 1)
    }

    /// Whether something happens that does so many times of a hundred.
    pub fn percent(&self, chance: u32) -> bool {
        self.0.below(100) < chance
    }

    /// One of several.
    pub fn pick<'a, T>(&self, among: &'a [T]) -> &'a T {
        &among[self.0.below(u32::try_from(among.len()).unwrap()) as usize]
    }

    /// The id of a request.
    pub fn request_id(&self) -> String {
        uuid::Builder::from_random_bytes(self.0.bytes()).into_uuid().hyphenated().to_string()
    }
}
