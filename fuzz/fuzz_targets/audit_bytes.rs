//! Bytes of a log that somebody else wrote never panic, and what decodes encodes to the same bytes.
#![no_main]

use ephor_audit::{AuditRecord, Checkpoint, RECORD_BYTES, VerifierKey, note};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = AuditRecord::decode(bytes) {
        let mut again = [0; RECORD_BYTES];
        record.encode(&mut again);
        assert_eq!(again, bytes);
    }
    let parsed = note::parse(bytes);
    if let Ok(checkpoint) = Checkpoint::parse(bytes) {
        assert!(parsed.is_ok(), "a checkpoint is a note");
        assert_eq!(checkpoint.note().as_bytes(), bytes);
    }
    if let Some(key) = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<VerifierKey>().ok()) {
        assert_eq!(key.to_string().as_bytes(), bytes);
    }
});
