//! What is left when a writer ends without closing its log.

use std::fs;

use ephor_audit::{LogReader, LogWriter, VerifyError, VerifyOptions, verify};

use crate::support::{Place, append_up_to, check, entry, files, names};

/// Leaves a log as a killed process would: a checkpoint at each size of `checkpoints`, then up to `size`.
fn killed(place: &Place, checkpoints: &[u64], size: u64) -> std::path::PathBuf {
    let dir = place.path("log");
    let mut log = LogWriter::create(&dir, place.key("log.key")).unwrap();
    for &checkpoint in checkpoints {
        append_up_to(&mut log, checkpoint);
        log.checkpoint().unwrap();
    }
    append_up_to(&mut log, size);
    dir
}

#[test]
fn a_log_is_sound_from_the_moment_it_is_made() {
    let place = Place::new();
    let dir = killed(&place, &[], 200);
    assert_eq!(check(&dir).unwrap().size, 1, "what was only in memory leaves no trace");
}

#[test]
fn partial_tiles_of_earlier_checkpoints_show_that_it_was_not_closed() {
    let place = Place::new();
    let dir = killed(&place, &[10, 20], 20);
    let error = check(&dir).unwrap_err();
    assert!(matches!(error, VerifyError::Unfinished { count: 4, size: 20, .. }), "{error}");
    assert!(error.to_string().contains("sound log of 20 entries"), "{error}");
}

#[test]
fn tiles_beyond_the_checkpoint_show_that_it_was_not_closed() {
    let place = Place::new();
    let dir = killed(&place, &[300], 600);
    let error = check(&dir).unwrap_err();
    // Bundle and tile 001, complete but not signed; the partial tiles of size 1 are gone with tile 000.
    assert!(matches!(error, VerifyError::Unfinished { count: 2, size: 300, .. }), "{error}");
    let reader = LogReader::open(&dir).unwrap();
    assert_eq!(reader.entry(299).unwrap(), entry(299));
    assert!(reader.entry(300).is_err());
}

#[test]
fn without_what_is_left_over_the_log_is_as_if_closed_at_its_checkpoint() {
    let place = Place::new();
    let dir = killed(&place, &[300, 310], 600);
    fs::write(dir.join("checkpoint.next"), "a checkpoint half wri").unwrap();
    let mut removed = 0;
    loop {
        match check(&dir) {
            Ok(verified) => break assert_eq!(verified.size, 310),
            Err(VerifyError::Unfinished { file, .. }) => fs::remove_file(file).unwrap(),
            Err(other) => panic!("{other}"),
        }
        removed += 1;
    }
    assert_eq!(removed, 5);
    let (closed, _) = place.closed("closed", 310);
    assert_eq!(files(&dir), files(&closed));
}

#[test]
fn damage_under_the_checkpoint_comes_before_what_is_left_over() {
    let place = Place::new();
    let dir = killed(&place, &[300], 600);
    fs::write(dir.join("tile/1/000.p/1"), [0; 32]).unwrap();
    let error = check(&dir).unwrap_err();
    assert!(matches!(error, VerifyError::File(_)), "{error}");
}

#[test]
fn an_unfinished_log_is_not_written_to_again() {
    let place = Place::new();
    let dir = killed(&place, &[10], 20);
    let before = names(&dir);
    LogWriter::create(&dir, place.key("log.key")).unwrap_err();
    assert_eq!(names(&dir), before);
}

#[test]
fn progress_goes_up_to_the_size() {
    let place = Place::new();
    let (dir, _) = place.closed("log", 700);
    let mut steps = Vec::new();
    verify(&dir, &VerifyOptions::default(), |done, total| steps.push((done, total))).unwrap();
    assert_eq!(steps, [(256, 700), (512, 700), (700, 700)]);
}
