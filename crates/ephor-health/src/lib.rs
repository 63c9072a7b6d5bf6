//! The health overseer: breakers in, score and status out
#![forbid(unsafe_code)]
