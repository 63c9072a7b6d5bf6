//! How the tries of one recovery are spaced.
//!
//! | strategy | wait before attempt k |
//! | --- | --- |
//! | EXPONENTIAL | initial × multiplier^(k−1), at most the cap |
//! | LINEAR | initial × k, at most the cap |
//! | IMMEDIATE | none |
//! | MANUAL | until somebody approves |

/// How tries are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Each wait is a multiple of the one before.
    Exponential,
    /// Each wait is one step longer than the one before.
    Linear,
    /// No wait.
    Immediate,
    /// Nothing happens until it is approved.
    Manual,
}

/// A checked policy. Its settings cannot be changed any more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    strategy: Strategy,
    max_attempts: u32,
    initial_delay_ns: u64,
    multiplier: f64,
    max_delay_ns: u64,
    jitter_percent: u8,
    attempt_ns: u64,
}

/// What is wrong with a policy.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// There must be an attempt.
    #[error("max_attempts is 0: at least 1 is needed")]
    NoAttempts,
    /// The waits would shrink, or are no numbers.
    #[error("multiplier is {0}: a finite number of at least 1 is needed")]
    Multiplier(f64),
    /// The cap cuts the first wait.
    #[error("max_delay_ns is {max_delay_ns}: at least the initial {initial_delay_ns} is needed")]
    Cap {
        /// The first wait.
        initial_delay_ns: u64,
        /// The cap.
        max_delay_ns: u64,
    },
    /// More jitter than wait.
    #[error("jitter_percent is {0}: at most 100 is allowed")]
    Jitter(u8),
}

/// Settings of a policy before they are checked.
#[derive(Clone, Copy, Debug)]
pub struct PolicyBuilder(Policy);

impl Policy {
    /// Begins a policy: 5 attempts, the first after 1 s, doubled each time up to 60 s, no jitter, 5 s for an attempt.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(strategy: Strategy) -> PolicyBuilder {
        PolicyBuilder(Policy {
            strategy,
            max_attempts: 5,
            initial_delay_ns: 1_000_000_000,
            multiplier: 2.0,
            max_delay_ns: 60_000_000_000,
            jitter_percent: 0,
            attempt_ns: 5_000_000_000,
        })
    }

    /// How tries are spaced.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// How many tries there are at most.
    pub fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// How long an attempt may go without an answer before it counts as failed.
    pub fn attempt_ns(&self) -> u64 {
        self.attempt_ns
    }

    /// The wait before attempt `number`, counted from 1, without jitter. Never more than the cap.
    pub fn delay_ns(&self, number: u32) -> u64 {
        let number = number.max(1);
        let delay = match self.strategy {
            Strategy::Exponential => {
                // A power that is too large for a float is infinite, and an infinite wait is the cap.
                let exponent = i32::try_from(number - 1).unwrap_or(i32::MAX);
                let delay = self.initial_delay_ns as f64 * self.multiplier.powi(exponent);
                if delay >= self.max_delay_ns as f64 { self.max_delay_ns } else { delay as u64 }
            }
            Strategy::Linear => self.initial_delay_ns.saturating_mul(u64::from(number)),
            Strategy::Immediate | Strategy::Manual => 0,
        };
        delay.min(self.max_delay_ns)
    }

    /// The wait before attempt `number` with jitter: shortened by up to the jitter's share of it, by `seed`.
    ///
    /// The same seed gives the same wait, so that a run can be repeated.
    pub fn delay_with_jitter_ns(&self, number: u32, seed: u64) -> u64 {
        let delay = self.delay_ns(number);
        let span = (u128::from(delay) * u128::from(self.jitter_percent) / 100) as u64;
        delay - if span == 0 { 0 } else { mix(seed ^ u64::from(number)) % (span + 1) }
    }
}

impl PolicyBuilder {
    /// Most tries.
    pub fn max_attempts(mut self, count: u32) -> Self {
        self.0.max_attempts = count;
        self
    }

    /// The first wait.
    pub fn initial_delay_ns(mut self, ns: u64) -> Self {
        self.0.initial_delay_ns = ns;
        self
    }

    /// How much longer each exponential wait is.
    pub fn multiplier(mut self, factor: f64) -> Self {
        self.0.multiplier = factor;
        self
    }

    /// The longest wait.
    pub fn max_delay_ns(mut self, ns: u64) -> Self {
        self.0.max_delay_ns = ns;
        self
    }

    /// How much a wait may be shortened by chance, in percent.
    pub fn jitter_percent(mut self, percent: u8) -> Self {
        self.0.jitter_percent = percent;
        self
    }

    /// How long an attempt may go without an answer.
    pub fn attempt_ns(mut self, ns: u64) -> Self {
        self.0.attempt_ns = ns;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`PolicyError`], each with its own reason.
    pub fn build(self) -> Result<Policy, PolicyError> {
        let Policy { max_attempts, initial_delay_ns, multiplier, max_delay_ns, jitter_percent, .. } = self.0;
        if max_attempts == 0 {
            return Err(PolicyError::NoAttempts);
        }
        if !(multiplier.is_finite() && multiplier >= 1.0) {
            return Err(PolicyError::Multiplier(multiplier));
        }
        if max_delay_ns < initial_delay_ns {
            return Err(PolicyError::Cap { initial_delay_ns, max_delay_ns });
        }
        if jitter_percent > 100 {
            return Err(PolicyError::Jitter(jitter_percent));
        }
        Ok(self.0)
    }
}

/// Spreads a seed over 64 bits.
///
/// # Source
/// Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014: the SplitMix64 finaliser.
fn mix(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn waits_ms(strategy: Strategy, count: u32) -> Vec<u64> {
        let policy = Policy::new(strategy).build().unwrap();
        (1..=count).map(|number| policy.delay_ns(number) / MS).collect()
    }

    #[test]
    fn waits_are_as_specified() {
        let exponential = [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000];
        assert_eq!(waits_ms(Strategy::Exponential, 8), exponential);
        assert_eq!(waits_ms(Strategy::Linear, 5), [1000, 2000, 3000, 4000, 5000]);
        assert_eq!(waits_ms(Strategy::Immediate, 3), [0, 0, 0]);
    }

    #[test]
    fn attempt_five_thousand_waits_exactly_the_cap() {
        let policy = Policy::new(Strategy::Exponential).build().unwrap();
        assert_eq!(policy.delay_ns(5000), 60_000 * MS);
        assert_eq!(policy.delay_ns(u32::MAX), 60_000 * MS);
        let policy = Policy::new(Strategy::Linear).initial_delay_ns(u64::MAX).max_delay_ns(u64::MAX);
        assert_eq!(policy.build().unwrap().delay_ns(u32::MAX), u64::MAX);
    }

    #[test]
    fn each_bad_setting_has_its_own_reason() {
        let policy = || Policy::new(Strategy::Exponential);
        assert_eq!(policy().max_attempts(0).build(), Err(PolicyError::NoAttempts));
        assert_eq!(policy().multiplier(0.99).build(), Err(PolicyError::Multiplier(0.99)));
        assert!(matches!(policy().multiplier(f64::NAN).build(), Err(PolicyError::Multiplier(_))));
        assert!(matches!(policy().max_delay_ns(1).build(), Err(PolicyError::Cap { .. })));
        assert_eq!(policy().jitter_percent(101).build(), Err(PolicyError::Jitter(101)));
    }

    #[test]
    fn jitter_shortens_by_no_more_than_its_share_and_repeats() {
        let policy = Policy::new(Strategy::Exponential).jitter_percent(20).build().unwrap();
        let waits: Vec<u64> = (0..1000).map(|seed| policy.delay_with_jitter_ns(1, seed)).collect();
        assert!(waits.iter().all(|wait| (800 * MS..=1000 * MS).contains(wait)));
        assert!(waits.iter().any(|wait| *wait < 850 * MS) && waits.iter().any(|wait| *wait > 950 * MS));
        assert_eq!(policy.delay_with_jitter_ns(1, 7), waits[7]);
    }
}
