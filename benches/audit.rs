//! Appending an audit record to the log, without syncing it.

use criterion::{Criterion, criterion_group, criterion_main};
use ephor::audit::{LogWriter, RECORD_BYTES, SigningKey};
use ephor_bench as _;

fn benches(criterion: &mut Criterion) {
    let place = tempfile::tempdir().expect("there is a place for temporary files");
    let key = SigningKey::generate("ephor.bench/audit").expect("the name is good");
    let mut log = LogWriter::create(&place.path().join("log"), key).expect("the directory is new");
    let record = [7; RECORD_BYTES];
    let before = log.size();
    criterion.bench_function("audit/append", |bencher| {
        bencher.iter(|| log.append(&record).expect("the disk has room"));
    });
    assert!(log.size() > before);
}

criterion_group!(all, benches);
criterion_main!(all);
