//! What only a key or a checkpoint kept elsewhere can find: a log that is sound in itself, but not the one.

use ephor_audit::{Checkpoint, CheckpointError, LogWriter, Verified, VerifyError, VerifyOptions, verify};

use crate::support::{NAME, Place, append_up_to, check};

fn with(options: VerifyOptions, dir: &std::path::Path) -> Result<Verified, VerifyError> {
    verify(dir, &options, |_, _| {})
}

fn pinned_at(note: impl Into<Vec<u8>>) -> VerifyOptions {
    VerifyOptions { vkey: None, checkpoint: Some(note.into()) }
}

#[test]
fn a_key_that_is_given_is_reported_as_pinned() {
    let place = Place::new();
    let (dir, checkpoint) = place.closed("log", 5);
    let vkey = place.key("log.key").verifier_key();
    let expected =
        Verified { size: 5, root: checkpoint.root(), origin: NAME.into(), vkey: vkey.clone(), pinned: false };
    assert_eq!(check(&dir).unwrap(), expected);
    let options = VerifyOptions { vkey: Some(vkey), checkpoint: None };
    assert_eq!(with(options, &dir).unwrap(), Verified { pinned: true, ..expected });
}

#[test]
fn a_log_made_anew_under_another_key_needs_the_key_to_be_seen() {
    let place = Place::new();
    let dir = place.path("forged");
    LogWriter::create(&dir, place.key("thief.key")).unwrap().close().unwrap();
    assert!(!check(&dir).unwrap().pinned, "sound in itself");
    let options = VerifyOptions { vkey: Some(place.key("log.key").verifier_key()), checkpoint: None };
    let error = with(options, &dir).unwrap_err();
    assert_eq!(error.file(), Some(dir.join("checkpoint").as_path()), "{error}");
}

#[test]
fn a_log_rewritten_under_its_own_key_needs_a_checkpoint_to_be_seen() {
    let place = Place::new();
    let (_, checkpoint) = place.closed("log", 300);
    let dir = place.path("rewritten");
    let mut log = LogWriter::create(&dir, place.key("log.key")).unwrap();
    append_up_to(&mut log, 299);
    log.append(b"another 300th entry").unwrap();
    append_up_to(&mut log, 400);
    log.close().unwrap();
    let vkey = Some(place.key("log.key").verifier_key());
    let unseen = VerifyOptions { vkey: vkey.clone(), checkpoint: None };
    assert!(with(unseen, &dir).unwrap().pinned, "the key alone does not see it");
    for vkey in [None, vkey] {
        let options = VerifyOptions { vkey, checkpoint: Some(checkpoint.note().into()) };
        let error = with(options, &dir).unwrap_err();
        assert!(
            matches!(error, VerifyError::Fork { size: 300, stated } if stated == checkpoint.root()),
            "{error}"
        );
    }
}

#[test]
fn a_cut_log_needs_a_checkpoint_to_be_seen() {
    let place = Place::new();
    let (_, checkpoint) = place.closed("log", 300);
    let (dir, shorter) = place.closed("cut", 299);
    assert_eq!(check(&dir).unwrap().size, 299, "a shorter log of the same key is sound in itself");
    let error = with(pinned_at(checkpoint.note()), &dir).unwrap_err();
    assert!(matches!(error, VerifyError::Cut { size: 299, stated: 300 }), "{error}");
    with(pinned_at(shorter.note()), &dir).unwrap();
}

#[test]
fn a_longer_log_still_contains_the_checkpoint() {
    let place = Place::new();
    for (short, long) in [(1, 1), (1, 2), (255, 256), (256, 300), (257, 300), (300, 301), (300, 600)] {
        let (_, checkpoint) = place.closed(&format!("short-{short}-{long}"), short);
        let (dir, _) = place.closed(&format!("long-{short}-{long}"), long);
        assert_eq!(with(pinned_at(checkpoint.note()), &dir).unwrap().size, long);
    }
}

#[test]
fn a_given_checkpoint_may_be_signed_by_witnesses_and_must_be_signed_by_the_log() {
    let place = Place::new();
    let (dir, checkpoint) = place.closed("log", 5);
    let witnessed = format!("{}— witness.example/w AAAAAAE=\n", checkpoint.note());
    with(pinned_at(witnessed), &dir).unwrap();

    let forged = checkpoint.note().replace("\n5\n", "\n4\n");
    for bad in ["", "checkpoint", forged.as_str()] {
        let error = with(pinned_at(bad), &dir).unwrap_err();
        assert!(matches!(error, VerifyError::Outside { .. }), "{bad}: {error}");
    }

    let other = LogWriter::create(&place.path("other"), place.key("other.key")).unwrap().close().unwrap();
    let error = with(pinned_at(other.note()), &dir).unwrap_err();
    assert!(
        matches!(error, VerifyError::Outside { error: CheckpointError::Signature(_) }),
        "another log's checkpoint: {error}"
    );
    assert!(
        Checkpoint::parse(other.note().as_bytes())
            .unwrap()
            .check(&place.key("other.key").verifier_key())
            .is_ok()
    );
}
