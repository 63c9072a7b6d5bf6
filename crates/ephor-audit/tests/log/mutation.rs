//! One change to a closed log, of every kind and in every place, and what the verifier says.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

use ephor_audit::{CheckpointError, Fault, VerifyError};

use crate::support::{Place, check, files};

/// Enough for full and partial tiles on two levels, in 12 KB.
const SIZE: u64 = 300;

/// A closed log that passes, in a place of its own.
fn sound() -> (Place, PathBuf) {
    let place = Place::new();
    let (dir, _) = place.closed("log", SIZE);
    assert_eq!(check(&dir).unwrap().size, SIZE);
    (place, dir)
}

/// The verifier's complaint, which must name one of `suspects`.
#[track_caller]
fn complaint(dir: &Path, suspects: &[&str]) -> VerifyError {
    let error = check(dir).expect_err(&format!("a change to {suspects:?} goes unseen"));
    let file = error.file().unwrap_or_else(|| panic!("names no file: {error}"));
    let name = file.strip_prefix(dir).unwrap().to_str().unwrap();
    assert!(suspects.contains(&name), "{suspects:?}: {error}");
    assert!(error.to_string().contains(name), "the message names the file: {error}");
    error
}

/// Overwrites a file, expects a complaint about it, and puts it back.
#[track_caller]
fn overwrite(dir: &Path, name: &str, bytes: &[u8], sound: &[u8]) -> VerifyError {
    fs::write(dir.join(name), bytes).unwrap();
    let error = complaint(dir, &[name]);
    fs::write(dir.join(name), sound).unwrap();
    error
}

/// Flips a bit in each byte of the files that `choose` takes, one at a time.
fn flip_each_byte(choose: impl Fn(&str) -> bool) {
    let (_place, dir) = sound();
    let chosen = files(&dir).into_iter().filter(|(name, _)| choose(name));
    for (name, sound) in chosen {
        let file = File::options().write(true).open(dir.join(&name)).unwrap();
        for at in 0..sound.len() {
            file.write_all_at(&[sound[at] ^ 1 << (at % 8)], at as u64).unwrap();
            complaint(&dir, &[&name]);
            file.write_all_at(&sound[at..=at], at as u64).unwrap();
        }
    }
    check(&dir).expect("all is put back");
}

/// The file that has most of the bytes; apart from the others, so that two threads can share the work.
const LARGEST: &str = "tile/0/000";

#[test]
fn no_byte_of_the_largest_file_can_change() {
    flip_each_byte(|name| name == LARGEST);
}

#[test]
fn no_byte_of_any_other_file_can_change() {
    flip_each_byte(|name| name != LARGEST);
}

#[test]
fn no_bit_of_the_checkpoint_can_change() {
    let (_place, dir) = sound();
    let sound = files(&dir)["checkpoint"].clone();
    for at in 0..sound.len() {
        for bit in 0..8 {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << bit;
            let error = overwrite(&dir, "checkpoint", &bytes, &sound);
            assert!(matches!(error, VerifyError::File(Fault::Checkpoint { .. })), "byte {at}: {error}");
        }
    }
}

#[test]
fn a_changed_entry_is_told_from_a_changed_hash() {
    let (_place, dir) = sound();
    let files = files(&dir);
    let entries = &files["tile/entries/001.p/44"];
    for position in 0..44 {
        let mut bytes = entries.clone();
        bytes[4 * position + 3] ^= 1;
        let error = overwrite(&dir, "tile/entries/001.p/44", &bytes, entries);
        let index = 256 + position as u64;
        assert!(matches!(error, VerifyError::File(Fault::Entry { index: at, .. }) if at == index), "{error}");
    }
    for (name, width) in [("tile/0/000", 256), ("tile/0/001.p/44", 44), ("tile/1/000.p/1", 1)] {
        for position in 0..width {
            let mut bytes = files[name].clone();
            bytes[32 * position + 31] ^= 1;
            let error = overwrite(&dir, name, &bytes, &files[name]);
            let is_it =
                matches!(error, VerifyError::File(Fault::Tile { position: at, .. }) if at == position);
            assert!(is_it, "{error}");
        }
    }
}

#[test]
fn an_entry_changed_together_with_its_hash_is_seen() {
    let (_place, dir) = sound();
    let files = files(&dir);
    let mut entries = files["tile/entries/001.p/44"].clone();
    entries[3] ^= 1;
    let mut hashes = files["tile/0/001.p/44"].clone();
    let leaf = [&[0][..], &entries[2..4]].concat();
    hashes[..32].copy_from_slice(&<sha2::Sha256 as sha2::Digest>::digest(leaf));
    fs::write(dir.join("tile/entries/001.p/44"), &entries).unwrap();
    fs::write(dir.join("tile/0/001.p/44"), &hashes).unwrap();
    let error = check(&dir).unwrap_err();
    assert!(matches!(error, VerifyError::File(Fault::Root { size: SIZE, .. })), "{error}");
}

#[test]
fn no_file_can_be_cut_or_continued() {
    let (_place, dir) = sound();
    for (name, sound) in files(&dir) {
        for bytes in [0, 1, sound.len() / 2, sound.len() - 1] {
            overwrite(&dir, &name, &sound[..bytes], &sound);
        }
        for tail in [&b"\0"[..], b"\n", b"\0\0", &sound] {
            overwrite(&dir, &name, &[&sound, tail].concat(), &sound);
        }
    }
}

#[test]
fn a_tile_of_the_wrong_length_says_so() {
    let (_place, dir) = sound();
    let sound = files(&dir)[LARGEST].clone();
    let error = overwrite(&dir, LARGEST, &sound[..8191], &sound);
    assert!(error.to_string().ends_with("has 8191 bytes, not 8192"), "{error}");
    let error = overwrite(&dir, LARGEST, &[&sound[..], &sound].concat(), &sound);
    assert!(error.to_string().ends_with("has more than 8192 bytes"), "{error}");
}

#[test]
fn an_added_entry_0_is_not_asked_for_the_key() {
    let (place, dir) = sound();
    let thief = place.key("thief.key").verifier_key();
    let entry = format!("ephor audit log v1\n{thief}\n");
    let bundle = [&(entry.len() as u16).to_be_bytes(), entry.as_bytes()].concat();
    fs::create_dir(dir.join("tile/entries/000.p")).unwrap();
    fs::write(dir.join("tile/entries/000.p/1"), bundle).unwrap();
    complaint(&dir, &["tile/entries/000.p/1"]);
}

#[test]
fn no_file_can_be_removed_or_renamed() {
    let (place, dir) = sound();
    let elsewhere = place.path("moved");
    for name in files(&dir).keys() {
        fs::rename(dir.join(name), &elsewhere).unwrap();
        complaint(&dir, &[name]);
        for other in ["renamed", "tile/0/002", "tile/entries/000.p/7", "tile/7/x001/000"] {
            fs::create_dir_all(dir.join(other).parent().unwrap()).unwrap();
            fs::copy(&elsewhere, dir.join(other)).unwrap();
            complaint(&dir, &[name, other]);
            fs::remove_file(dir.join(other)).unwrap();
        }
        fs::remove_dir_all(dir.join("tile/7")).unwrap();
        fs::remove_dir_all(dir.join("tile/entries/000.p")).unwrap();
        fs::rename(&elsewhere, dir.join(name)).unwrap();
        check(&dir).unwrap();
    }
    fs::remove_dir_all(dir.join("tile")).unwrap();
    let error = check(&dir).unwrap_err();
    assert!(matches!(error, VerifyError::File(Fault::Missing { .. })), "{error}");
}

#[test]
fn no_file_can_be_added() {
    let (_place, dir) = sound();
    let files = files(&dir);
    let names = [
        "a",
        "checkpoint.bak",
        "checkpoint.next",
        "tile/a",
        "tile/0/0",
        "tile/0/001",
        "tile/0/001.p/43",
        "tile/0/001.p/045",
        "tile/0/002.p/1",
        "tile/1/001",
        "tile/2/000.p/1",
        "tile/8/000",
        "tile/entries/001",
        "tile/entries/001.p/45",
        "tile/entries/x000/001",
        "log/checkpoint",
    ];
    for name in names {
        let path = dir.join(name);
        let dirs_new: Vec<_> = path.ancestors().skip(1).take_while(|above| !above.exists()).collect();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Even with bytes that are right for a narrower tile of the kind.
        for bytes in [&b""[..], &files["tile/0/001.p/44"][..32]] {
            fs::write(&path, bytes).unwrap();
            complaint(&dir, &[name]);
        }
        fs::remove_file(&path).unwrap();
        // The directories that were made for it, empty now, are seen as well.
        for dir_new in dirs_new {
            complaint(&dir, &[dir_new.strip_prefix(&dir).unwrap().to_str().unwrap()]);
            fs::remove_dir(dir_new).unwrap();
        }
        check(&dir).unwrap();
    }
}

#[test]
fn no_two_files_can_change_places() {
    let (_place, dir) = sound();
    let files = files(&dir);
    for (one, one_bytes) in &files {
        for (two, two_bytes) in files.iter().filter(|(two, _)| *two > one) {
            fs::write(dir.join(one), two_bytes).unwrap();
            fs::write(dir.join(two), one_bytes).unwrap();
            complaint(&dir, &[one, two]);
            fs::write(dir.join(one), one_bytes).unwrap();
            fs::write(dir.join(two), two_bytes).unwrap();
        }
    }
    check(&dir).unwrap();
}

#[test]
fn two_entries_cannot_change_places() {
    let (_place, dir) = sound();
    let sound = files(&dir)["tile/entries/001.p/44"].clone();
    let mut bytes = sound.clone();
    bytes[..4].copy_from_slice(&sound[40..44]);
    bytes[40..44].copy_from_slice(&sound[..4]);
    let error = overwrite(&dir, "tile/entries/001.p/44", &bytes, &sound);
    assert!(matches!(error, VerifyError::File(Fault::Entry { index: 256, .. })), "{error}");
}

#[test]
fn a_link_or_a_directory_is_no_file_of_a_log() {
    let (place, dir) = sound();
    for name in files(&dir).keys() {
        let elsewhere = place.path("elsewhere");
        fs::rename(dir.join(name), &elsewhere).unwrap();
        symlink(&elsewhere, dir.join(name)).unwrap();
        let error = complaint(&dir, &[name]);
        assert!(matches!(error, VerifyError::File(Fault::Kind { .. })), "{error}");
        fs::remove_file(dir.join(name)).unwrap();
        fs::create_dir(dir.join(name)).unwrap();
        complaint(&dir, &[name]);
        fs::remove_dir(dir.join(name)).unwrap();
        fs::rename(&elsewhere, dir.join(name)).unwrap();
    }
}

#[test]
fn a_second_signature_in_the_log_is_seen() {
    let (_place, dir) = sound();
    let sound = files(&dir)["checkpoint"].clone();
    let more = [&sound, "— witness.example/w AAAAAAE=\n".as_bytes()].concat();
    let error = overwrite(&dir, "checkpoint", &more, &sound);
    let VerifyError::File(Fault::Checkpoint { error: CheckpointError::Signatures { count: 2 }, .. }) = error
    else {
        panic!("{error}")
    };
}

#[test]
fn no_log_is_no_log() {
    let place = Place::new();
    let nothing = place.path("nothing");
    for _ in 0..2 {
        let error = check(&nothing).unwrap_err();
        assert!(matches!(error, VerifyError::File(Fault::Missing { .. })), "{error}");
        let _ = fs::create_dir(&nothing);
    }
}
