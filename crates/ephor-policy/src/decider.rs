//! An engine behind a cache: what the policy agent asks.
//!
//! A decision that was made before, for the same policy, data, entry point and input, is given again
//! without evaluating: no allocation, one hash of the input. Failures are evaluated every time.

use crate::cache::DecisionCache;
use crate::decision::Decision;
use crate::engine::Engine;
use crate::reasons::ReasonSet;

/// An [`Engine`] and the [`DecisionCache`] in front of it.
pub struct Decider {
    engine: Engine,
    cache: DecisionCache,
}

impl Decider {
    /// Puts `cache` in front of `engine`. What the cache held is forgotten.
    pub fn new(engine: Engine, mut cache: DecisionCache) -> Self {
        cache.clear();
        Self { engine, cache }
    }

    /// Decides about an input, which is canonical JSON text: see [`crate::canonical`].
    ///
    /// Text that is not canonical is decided just as rightly, and remembered apart.
    pub fn decide(&mut self, canonical_input: &[u8]) -> Decision {
        let key = self.engine.key(canonical_input);
        if let Some(decision) = self.cache.find(&key) {
            return decision;
        }
        let decision = self.engine.decide(canonical_input);
        self.cache.insert(&key, decision);
        decision
    }

    /// Changes the policy between two decisions, and hands the old engine back.
    ///
    /// The cache is cleared: the bits of its decisions belong to the names of the old engine, also when the
    /// same policy comes back later.
    pub fn reload(&mut self, engine: Engine) -> Engine {
        self.cache.clear();
        std::mem::replace(&mut self.engine, engine)
    }

    /// The names of the reasons of a decision made since the last reload, in alphabetical order.
    pub fn reason_names(&self, reasons: ReasonSet) -> impl Iterator<Item = &str> {
        self.engine.reason_names(reasons)
    }

    /// The engine that decides now.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The cache, for its counters.
    pub fn cache(&self) -> &DecisionCache {
        &self.cache
    }
}
