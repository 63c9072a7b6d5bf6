//! How far apart two cores are right now: the probe of the profiling workflow.

pub use ephor::profile::distance::{Class, between_probes, probe};
