//! What a writer puts on disk, and when it refuses.

use std::fs;
use std::path::PathBuf;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ephor_audit::{
    AuditRecord, Fault, LogError, LogReader, LogWriter, RECORD_BYTES, RECORD_PAYLOAD_BYTES, ReadError,
    VerifyOptions, verify,
};
use proptest::prelude::*;
use sha2::Sha256;

use crate::support::{Place, append_up_to, check, entry, files, names};

/// The root that another implementation gives the entries of a log.
fn other_root(reader: &LogReader) -> Vec<u8> {
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    reader.entries().for_each(|entry| tree.push(entry.unwrap()));
    tree.root().as_bytes().to_vec()
}

#[test]
fn the_live_root_is_another_implementations_at_every_size() {
    let place = Place::new();
    let mut log = LogWriter::create(&place.path("log"), place.key("log.key")).unwrap();
    let genesis = format!("ephor audit log v1\n{}\n", place.key("log.key").verifier_key());
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    tree.push(genesis.into_bytes());
    while log.size() <= 600 {
        assert_eq!(log.root().bytes().as_slice(), tree.root().as_bytes().as_slice(), "size {}", log.size());
        tree.push(entry(log.size()));
        append_up_to(&mut log, tree.len());
    }
}

#[test]
fn closed_logs_pass_at_every_edge_of_a_tile() {
    let place = Place::new();
    for size in [1, 2, 255, 256, 257, 511, 512, 513, 65_536] {
        let (dir, checkpoint) = place.closed(&size.to_string(), size);
        let verified = check(&dir).unwrap();
        assert_eq!((verified.size, checkpoint.size()), (size, size));
        assert_eq!(verified.root, checkpoint.root());
        let reader = LogReader::open(&dir).unwrap();
        assert_eq!(checkpoint.root().bytes().as_slice(), other_root(&reader), "size {size}");
        assert_eq!(reader.entry(size - 1).unwrap(), reader.entries().last().unwrap().unwrap());
    }
}

#[test]
fn a_closed_log_has_exactly_the_files_of_the_specification() {
    let place = Place::new();
    let names_at = |size: u64| {
        let (dir, _) = place.closed(&size.to_string(), size);
        names(&dir)
    };
    assert_eq!(names_at(1), ["checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1"]);
    assert_eq!(names_at(256), ["checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/000"]);
    assert_eq!(
        names_at(300),
        [
            "checkpoint",
            "tile/0/000",
            "tile/0/001.p/44",
            "tile/1/000.p/1",
            "tile/entries/000",
            "tile/entries/001.p/44"
        ]
    );
    let large = names_at(65_536);
    assert_eq!(large.len(), 1 + 256 + 256 + 1 + 1);
    assert!(large.contains(&"tile/1/000".into()) && large.contains(&"tile/2/000.p/1".into()), "{large:?}");
}

#[test]
fn a_partial_tile_stays_until_the_full_one_is_signed() {
    let place = Place::new();
    let dir = place.path("log");
    let mut log = LogWriter::create(&dir, place.key("log.key")).unwrap();
    append_up_to(&mut log, 255);
    log.checkpoint().unwrap();
    let partials = ["tile/entries/000.p/1", "tile/entries/000.p/255"];
    append_up_to(&mut log, 257);
    assert!(partials.iter().all(|name| files(&dir).contains_key(*name)), "{:?}", names(&dir));
    log.checkpoint().unwrap();
    let running = names(&dir);
    assert!(!running.iter().any(|name| name.contains("000.p/255")), "{running:?}");
    assert!(!dir.join("tile/entries/000.p").exists(), "the emptied directory is gone too");
    log.close().unwrap();
    check(&dir).unwrap();
}

/// Makes a log with a checkpoint at each size, and pins it at each of them.
#[track_caller]
fn check_history(sizes: &[u64]) {
    let place = Place::new();
    let dir = place.path("log");
    let mut log = LogWriter::create(&dir, place.key("log.key")).unwrap();
    let checkpoint_at = |&size| {
        append_up_to(&mut log, size);
        log.checkpoint().unwrap()
    };
    let checkpoints: Vec<_> = sizes.iter().map(checkpoint_at).collect();
    let last = log.close().unwrap();
    assert_eq!(checkpoints.last(), Some(&last));
    for checkpoint in checkpoints {
        let options = VerifyOptions { vkey: None, checkpoint: Some(checkpoint.note().into()) };
        let verified = verify(&dir, &options, |_, _| {});
        assert_eq!(verified.unwrap().size, last.size(), "pinned at {}", checkpoint.size());
    }
}

#[test]
fn every_checkpoint_is_contained_in_all_later_ones() {
    check_history(&[1, 2, 3, 255, 256, 257, 300, 310, 511, 512, 513, 700]);
    check_history(&[65_535, 65_536, 65_537]);
}

#[test]
fn a_checkpoint_without_new_entries_is_the_last_one() {
    let place = Place::new();
    let dir = place.path("log");
    let mut log = LogWriter::create(&dir, place.key("log.key")).unwrap();
    append_up_to(&mut log, 10);
    let first = log.checkpoint().unwrap();
    let before = files(&dir);
    assert_eq!(log.checkpoint().unwrap(), first);
    assert_eq!(files(&dir), before);
    assert_eq!(log.close().unwrap(), first);
    assert_eq!(fs::read_to_string(dir.join("checkpoint")).unwrap(), first.note());
}

#[test]
fn an_occupied_directory_is_refused_and_left_alone() {
    let place = Place::new();
    let (dir, _) = place.closed("log", 3);
    let before = files(&dir);
    let error = LogWriter::create(&dir, place.key("log.key")).unwrap_err();
    assert!(matches!(&error, LogError::Occupied { dir: named, .. } if *named == dir), "{error}");
    assert_eq!(files(&dir), before);

    let other = place.path("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("notes"), "").unwrap();
    let error = LogWriter::create(&other, place.key("log.key")).unwrap_err();
    assert!(matches!(&error, LogError::Occupied { found, .. } if *found == other.join("notes")), "{error}");
}

#[test]
fn missing_directories_are_made_and_a_file_in_the_way_is_named() {
    let place = Place::new();
    LogWriter::create(&place.path("a/b/c"), place.key("log.key")).unwrap().close().unwrap();
    check(&place.path("a/b/c")).unwrap();

    let below_a_file = place.path("log.key/log");
    let error = LogWriter::create(&below_a_file, place.key("log.key")).unwrap_err();
    assert!(matches!(&error, LogError::Io { path, .. } if *path == below_a_file), "{error}");
}

#[test]
fn the_longest_entry_is_accepted_and_a_longer_one_changes_nothing() {
    let place = Place::new();
    let dir = place.path("log");
    let mut log = LogWriter::create(&dir, place.key("log.key")).unwrap();
    let error = log.append(&[7; 65_536]).unwrap_err();
    assert!(matches!(error, LogError::Entry { bytes: 65_536 }), "{error}");
    assert_eq!(log.append(&[7; 65_535]).unwrap(), 1);
    assert_eq!(log.append(&[]).unwrap(), 2);
    log.close().unwrap();
    check(&dir).unwrap();
    let reader = LogReader::open(&dir).unwrap();
    assert_eq!(reader.entry(1).unwrap(), [7; 65_535]);
    assert_eq!(reader.entry(2).unwrap(), []);
}

#[test]
fn after_an_io_error_nothing_more_is_accepted() {
    let place = Place::new();
    let dir = place.path("log");
    let mut log = LogWriter::create(&dir, place.key("log.key")).unwrap();
    let in_the_way = dir.join("tile/entries/000");
    fs::write(&in_the_way, "somebody else's").unwrap();
    append_up_to(&mut log, 255);
    let error = log.append(b"the 256th").unwrap_err();
    assert!(matches!(&error, LogError::Io { path, .. } if *path == in_the_way), "{error}");

    assert_eq!(fs::read(&in_the_way).unwrap(), b"somebody else's", "nothing is written over");
    fs::remove_file(&in_the_way).unwrap();
    assert!(matches!(log.append(b"again"), Err(LogError::Poisoned)));
    assert!(matches!(log.checkpoint(), Err(LogError::Poisoned)));
    assert!(matches!(log.close(), Err(LogError::Poisoned)));
    assert_eq!(check(&dir).unwrap().size, 1, "the last checkpoint still stands");
}

/// Runs a log up to `size`, lets `damage` at its directory, and returns what the next checkpoint comes to.
fn damaged_before_signing(size: u64, damage: impl FnOnce(&PathBuf)) -> (Fault, u64) {
    let place = Place::new();
    let dir = place.path("log");
    let mut log = LogWriter::create(&dir, place.key("log.key")).unwrap();
    append_up_to(&mut log, 100);
    log.checkpoint().unwrap();
    append_up_to(&mut log, size);
    damage(&dir);
    let Err(LogError::ReadBack(fault)) = log.checkpoint() else { panic!("the damage was signed") };
    assert!(matches!(log.append(b"more"), Err(LogError::Poisoned)));
    (fault, LogReader::open(&dir).unwrap().checkpoint().size())
}

#[test]
fn what_does_not_read_back_is_not_signed() {
    let flip = |file: PathBuf, at: usize| {
        let mut bytes = fs::read(&file).unwrap();
        bytes[at] ^= 1;
        fs::write(file, bytes).unwrap();
    };
    let (fault, size) = damaged_before_signing(300, |dir| {
        let file = dir.join("tile/entries/000");
        flip(file.clone(), fs::metadata(file).unwrap().len() as usize - 1);
    });
    assert!(matches!(fault, Fault::Entry { index: 255, .. }), "{fault}");
    assert_eq!(size, 100, "the last checkpoint on disk is the one before");

    let (fault, _) = damaged_before_signing(300, |dir| flip(dir.join("tile/0/000"), 32 * 99));
    assert!(matches!(fault, Fault::Tile { position: 99, offset: 3168, .. }), "{fault}");

    let (fault, _) = damaged_before_signing(300, |dir| {
        let file = dir.join("tile/entries/000");
        let genesis_bytes = fs::read(&file).unwrap()[1];
        flip(file, usize::from(genesis_bytes) + 2 + 2);
    });
    assert!(matches!(fault, Fault::Entry { index: 1, .. }), "an entry under the last checkpoint: {fault}");
}

#[test]
fn a_missing_entry_says_how_many_there_are() {
    let place = Place::new();
    let (dir, _) = place.closed("log", 300);
    let reader = LogReader::open(&dir).unwrap();
    for index in [300, u64::MAX] {
        let error = reader.entry(index).unwrap_err();
        assert!(matches!(error, ReadError::Index { size: 300, .. }), "{error}");
    }
    fs::remove_file(dir.join("tile/entries/001.p/44")).unwrap();
    let read: Vec<bool> = reader.entries().map(|entry| entry.is_ok()).collect();
    assert_eq!(read, [vec![true; 256], vec![false]].concat(), "an error ends the iteration");
}

#[test]
fn a_record_comes_back_from_the_log() {
    let place = Place::new();
    let dir = place.path("log");
    let mut log = LogWriter::create(&dir, place.key("log.key")).unwrap();
    let record = AuditRecord {
        stamp: 0xcdd0_1ef0_66bc_6cf2,
        correlation: 1,
        sent_ticks: 2,
        at_ticks: 3,
        sequence: 4,
        reasons: 5,
        source: 6,
        target: 7,
        kind: 8,
        flags: 9,
        worker: 10,
        verdict: 11,
        disposition: 12,
        boundary: 13,
        payload_bytes: 32,
        payload: [14; RECORD_PAYLOAD_BYTES],
    };
    let mut bytes = [0; RECORD_BYTES];
    record.encode(&mut bytes);
    log.append(&bytes).unwrap();
    log.close().unwrap();
    let entries: Vec<_> = LogReader::open(&dir).unwrap().entries().map(Result::unwrap).collect();
    assert_eq!(AuditRecord::decode(&entries[1]), Ok(record));
    assert!(AuditRecord::decode(&entries[0]).is_err(), "entry 0 is no record");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_was_appended_is_what_is_read(
        runs in prop::collection::vec((0..200_usize, 0..40_usize), 1..8),
    ) {
        let place = Place::new();
        let dir = place.path("log");
        let mut log = LogWriter::create(&dir, place.key("log.key")).unwrap();
        let mut appended = Vec::new();
        for (count, entry_bytes) in runs {
            for _ in 0..count {
                let bytes = vec![appended.len() as u8; entry_bytes];
                log.append(&bytes).unwrap();
                appended.push(bytes);
            }
            let checkpoint = log.checkpoint().unwrap();
            let reader = LogReader::open(&dir).unwrap();
            prop_assert_eq!(reader.checkpoint(), &checkpoint);
            prop_assert_eq!(other_root(&reader), checkpoint.root().bytes().to_vec());
        }
        log.close().unwrap();
        prop_assert_eq!(check(&dir).unwrap().size, appended.len() as u64 + 1);
        let read: Vec<_> = LogReader::open(&dir).unwrap().entries().skip(1).map(Result::unwrap).collect();
        prop_assert_eq!(read, appended);
    }
}
