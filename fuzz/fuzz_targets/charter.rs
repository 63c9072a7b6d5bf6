//! A charter's text never panics; one that parses has a stamp that its own text gives again.
#![no_main]

use ephor_constitution::Charter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(charter) = Charter::parse(text, "fuzz.toml") {
        let again = Charter::parse(text, "elsewhere.toml").expect("the same text parses again");
        assert_eq!(charter.stamp(), again.stamp());
    }
});
