//! The log that a bus leaves behind: what it holds beside the records, and that nobody can change it unseen.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ephor_audit::{LogError, LogReader, LogWriter, ReadError, SigningKey, VerifyOptions, verify};
use ephor_constitution::Charter;
use ephor_core::Correlation;
use ephor_health::BreakerState;
use ephor_runtime::Topology;

use super::{GROUP, archive, audited};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};
use crate::suite::bench::{refused, send_all, settle, some, start, stop, until};
use crate::suite::cast::{Actor, Item};

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check(
            "two equal results are different entries, and the root is the same when the log is read again",
            equal_results,
        )
        .case("A4"),
        check("the last checkpoint is signed by the log's key, and another key is refused", signed),
        check("a changed byte in any file of a bus's log is found, in its first entry too", changed_byte)
            .case("A5 (changed byte)"),
        check("a file of a bus's log that is cut short is found", cut_file).case("A5 (cut short)"),
        check("a log takes no second writer", no_second_writer).case("A5 (refuses to extend)"),
        check("a legend of the host is the last entry", legend),
        check("a log that can no longer be written is told, and opens its breaker", failed_log),
    ]
}

fn equal_results() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let archive = archive(&mut topology)?;
    let sink = Actor::new().seat(&mut topology, "sink");
    let gate = topology.gateway(sink, 64);
    let bus = start(topology)?;
    for _ in 0..3 {
        gate.try_send_as(Correlation(7), Item(1))?;
    }
    stop(bus)?;
    let entries: BTreeSet<Vec<u8>> = LogReader::open(&archive.dir())?.entries().collect::<Result<_, _>>()?;
    ensure_eq(entries.len(), 4, "different entries, with the first")?;
    let roots = [
        archive.verified()?.root,
        LogReader::open(&archive.dir())?.checkpoint().root(),
        archive.verified()?.root,
    ];
    ensure_eq(roots[1..].iter().all(|root| *root == roots[0]), true, "whether the root stays")?;
    let error = refused(LogReader::open(&archive.dir())?.entry(4), "an entry that is not there")?;
    ensure(matches!(error, ReadError::Index { index: 4, size: 4 }), || format!("told as: {error}"))
}

fn signed() -> Checked {
    let (archive, _) = audited(3)?;
    let checkpoint = some(archive.handle.closed(), "checkpoint")?;
    checkpoint.check(&archive.vkey)?;
    ensure_eq((checkpoint.origin(), checkpoint.size()), ("ephor.check/bus", 4), "name and size")?;
    let other = SigningKey::generate("ephor.check/bus")?.verifier_key();
    refused(checkpoint.check(&other), "the key of another log")?;
    let options = VerifyOptions { vkey: Some(other), checkpoint: None };
    refused(verify(&archive.dir(), &options, |_, _| {}), "a log under another key").map(drop)
}

/// Every file of a log.
fn files(dir: &Path) -> Result<Vec<PathBuf>, Failing> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

/// Puts `change` to each file of a sound log, one at a time, and holds the verifier to naming that file.
fn tampered(change: impl Fn(&[u8]) -> Vec<Vec<u8>>) -> Checked {
    let (archive, _) = audited(20)?;
    let files = files(&archive.dir())?;
    ensure(files.len() >= 3, || format!("a checkpoint, entries and hashes are not there: {files:?}"))?;
    for file in &files {
        let sound = fs::read(file)?;
        for bytes in change(&sound) {
            fs::write(file, bytes)?;
            let complaint = archive.complaint()?;
            ensure(complaint.file() == Some(file), || format!("{} changed: {complaint}", file.display()))?;
        }
        fs::write(file, sound)?;
    }
    // Put back, it verifies: it was the changes that were found.
    archive.verified().map(drop)
}

fn changed_byte() -> Checked {
    tampered(|sound| {
        let places = [0, 2, 30, sound.len() / 2, sound.len() - 1];
        let flipped = places.map(|at| {
            let mut bytes = sound.to_vec();
            bytes[at.min(sound.len() - 1)] ^= 1;
            bytes
        });
        flipped.to_vec()
    })
}

fn cut_file() -> Checked {
    tampered(|sound| vec![sound[..sound.len() - 1].to_vec(), sound[..sound.len() / 2].to_vec(), Vec::new()])
}

fn no_second_writer() -> Checked {
    let (archive, _) = audited(3)?;
    let again = LogWriter::create(&archive.dir(), SigningKey::generate("ephor.check/bus")?);
    let error = refused(again, "a second writer")?;
    ensure(matches!(error, LogError::Occupied { .. }), || format!("told as: {error}"))?;
    archive.verified().map(drop)
}

fn legend() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let archive = archive(&mut topology)?;
    archive.handle.set_legend(|| b"what the numbers mean".to_vec());
    let sink = Actor::new().seat(&mut topology, "sink");
    let gate = topology.gateway(sink, 8);
    let bus = start(topology)?;
    send_all(&gate, (0..2).map(Item))?;
    stop(bus)?;
    ensure_eq(archive.verified()?.size, 4, "entries: the first, two records and the legend")?;
    let last = LogReader::open(&archive.dir())?.entry(3)?;
    ensure_eq(last, b"what the numbers mean".to_vec(), "the last entry")
}

fn failed_log() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let archive = archive(&mut topology)?;
    let sink = Actor::new().seat(&mut topology, "sink");
    let gate = topology.gateway(sink, 64);
    // A file in the place of the log's directory: what is to be written there fails.
    fs::remove_dir_all(archive.dir())?;
    fs::write(archive.dir(), "no directory")?;
    let bus = start(topology)?;
    // Each 256th entry is written at once.
    send_all(&gate, (0..300).map(Item))?;
    until("the failure", || archive.handle.failure().is_some())?;
    let state = || {
        let breakers = archive.oversight.view().health.breakers;
        breakers.into_iter().find(|breaker| breaker.name == "audit").map(|breaker| breaker.state)
    };
    until("an open breaker", || state() == Some(BreakerState::Open))?;
    settle(&bus)?;
    let report = stop(bus)?;
    ensure(archive.handle.closed().is_none(), || "a log that failed was closed as sound".to_owned())?;
    ensure(report.trail_gaps > 0, || "what was not recorded is not counted".to_owned())?;
    let failure = some(archive.handle.failure(), "failure")?;
    ensure(matches!(*failure, LogError::Io { .. }), || format!("told as: {failure}"))
}
