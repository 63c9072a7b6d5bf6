//! The check alone: a permit and a denial, one header and a batch.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ephor::constitution::{Charter, Seat, check};
use ephor::{AgentId, Header, Kind, Ticks};
use ephor_bench as _;

fn benches(criterion: &mut Criterion) {
    let seat = |name: &str| Seat { name: name.into(), role: "agent".into(), tenant: None };
    let tables = Charter::default().compile(&[seat("left"), seat("right")]).expect("the roles are known");
    let permitted = Header {
        stamp: tables.stamp(),
        kind: Kind(7),
        source: AgentId(0),
        target: AgentId(1),
        ..Header::default()
    };
    let denied = Header { source: AgentId(9), ..permitted };
    assert!(check(&permitted, &tables, Ticks::ZERO).is_permit());
    assert!(check(&denied, &tables, Ticks::ZERO).is_denied());

    let mut group = criterion.benchmark_group("check");
    for (name, header) in [("permit", permitted), ("deny", denied)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| check(black_box(&header), &tables, black_box(Ticks::ZERO)));
        });
    }
    let batch = [permitted; 64];
    group.throughput(Throughput::Elements(64));
    group.bench_function("batch of 64", |bencher| {
        bencher.iter(|| {
            black_box(&batch).iter().fold(0, |sum, header| sum + check(header, &tables, Ticks::ZERO).bits())
        });
    });
    group.bench_function("pass, batch of 64", |bencher| {
        let pass = tables.pass(permitted.kind, permitted.source, permitted.target);
        bencher.iter(|| {
            let pass = black_box(&pass);
            black_box(&batch).iter().filter(|header| pass.admits(header, black_box(Ticks::ZERO))).count()
        });
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
