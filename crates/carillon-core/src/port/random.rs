//! Randomness: secrets and ids come from here, so that a test can seed them.

use std::sync::Mutex;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub trait Random: Send + Sync {
    /// Fills `bytes`. What a server hands out as a secret must come from an implementation that nobody can predict.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Random {
    /// `bytes` random bytes as lower-case hexadecimal.
    pub fn hex(&self, bytes: usize) -> String {
        let mut buffer = vec![0; bytes];
        self.fill(&mut buffer);
        buffer.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A seeded generator. Seeded from the operating system it is fit for secrets (ChaCha); seeded by a test it repeats.
#[derive(Debug)]
pub struct SeededRandom(Mutex<StdRng>);

impl SeededRandom {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// A generator that nobody can predict.
    pub fn from_os() -> Self {
        Self(Mutex::new(rand::make_rng()))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().expect("no holder of this lock panics").fill_bytes(bytes);
    }
}
