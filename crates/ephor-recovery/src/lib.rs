//! The recovery overseer: strategies, timer wheel, heap, scheduler
#![forbid(unsafe_code)]
