//! Blocks of the pool: they come home whatever becomes of their message.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use ephor_constitution::Charter;
use ephor_core::Message;
use ephor_runtime::pool::{Handle, Pool};
use ephor_runtime::{Agent, Cx, Disposition, Handler, Out, Topology, agent};
use support::LONG;

/// Everybody may send parcels, but nobody to the stranger.
const CHARTER: &str = r#"
name = "parcels"
[roles]
gateway = {}
hub = {}
end = {}
stranger = {}
[kinds_default]
action = "send"
[[grants]]
from = ["*"]
action = ["send"]
to = ["hub", "end"]
"#;

#[derive(Clone, Copy, Message)]
#[message(kind = 1, crate = ephor_core, loan)]
struct Parcel {
    block: u64,
    what: u64,
}

/// Does with a parcel what it says.
struct Hub {
    pool: Pool,
    end: Out<Parcel>,
    stranger: Out<Parcel>,
}

impl Agent for Hub {}
agent!(Hub { Parcel });

impl Hub {
    fn fresh(&self) -> Parcel {
        let mut loan = self.pool.take().unwrap();
        loan.write(b"fresh").unwrap();
        Parcel { block: loan.share().to_bits(), what: 0 }
    }
}

impl Handler<Parcel> for Hub {
    fn on(&mut self, parcel: &Parcel, cx: &mut Cx<'_>) {
        match parcel.what {
            0 => {}
            1 => cx.forward(&self.end),
            2 => cx.deny(1),
            3 => cx.emit(&self.end, self.fresh()),
            4 => cx.emit(&self.stranger, self.fresh()),
            5 => {
                cx.emit(&self.end, self.fresh());
                panic!("behind an emit");
            }
            _ => cx.forward(&self.stranger),
        }
        assert_eq!(cx.loan(), Some(&b"sent"[..]), "the block in hand stays in hand");
    }
}

struct End;

impl Agent for End {}
agent!(End { Parcel });

impl Handler<Parcel> for End {
    fn on(&mut self, _parcel: &Parcel, cx: &mut Cx<'_>) {
        assert!(cx.loan().is_some());
    }
}

#[test]
fn every_block_comes_home() {
    const BLOCKS: usize = 64;
    for workers in [1, 2] {
        let mut topology = Topology::new(Charter::parse(CHARTER, "parcels.toml").unwrap());
        let workers: Vec<_> = (0..workers).map(|_| topology.worker(Default::default())).collect();
        let pool = Pool::new(BLOCKS, 16);
        topology.pool(pool.clone());
        let hub = topology.reserve::<Hub>("hub");
        let end = topology.reserve::<End>("end");
        let stranger = topology.reserve::<End>("stranger");
        topology.place(end.id(), *workers.last().unwrap());
        let (to_end, to_stranger) = (topology.hold(hub, end, 8), topology.hold(hub, stranger, 8));
        let gate = topology.gateway(hub, 64);
        let shared = pool.clone();
        topology.install(hub, move || Hub { pool: shared.clone(), end: to_end, stranger: to_stranger });
        topology.install(end, || End);
        topology.install(stranger, || End);
        let bus = topology.build().unwrap().start().unwrap();
        for what in 0..7 {
            let mut loan = pool.take().unwrap();
            loan.write(b"sent").unwrap();
            gate.send_timeout(Parcel { block: loan.share().to_bits(), what }, LONG).unwrap();
        }
        // A handle that names nothing is a malformed message, and no more.
        gate.send_timeout(Parcel { block: Handle::from_bits(7).to_bits(), what: 0 }, LONG).unwrap();
        let report = bus.shutdown(LONG).unwrap();
        let ledger = &report.ledger;
        assert!(ledger.adds_up(), "{ledger}");
        assert_eq!(ledger.lost(Disposition::Denied), 3, "one by the hub, two on their way to the stranger");
        assert_eq!(ledger.lost(Disposition::Malformed), 1);
        assert_eq!(ledger.lost(Disposition::Quarantined), 1);
        assert_eq!(report.quarantine[0].block.as_deref(), Some(&b"sent"[..]));
        assert_eq!(pool.free_estimate(), BLOCKS, "a block did not come home");
    }
}

/// Emits a burst of parcels and panics in the middle of it.
struct Careless {
    pool: Pool,
    end: Out<Parcel, 4>,
}

impl Agent for Careless {}
agent!(Careless { Parcel });

impl Handler<Parcel> for Careless {
    fn on(&mut self, _parcel: &Parcel, cx: &mut Cx<'_>) {
        let pool = &self.pool;
        cx.emit_all(
            &self.end,
            (0..4).map(|number| {
                assert!(number < 2, "in the middle of the burst");
                Parcel { block: pool.take().unwrap().share().to_bits(), what: 0 }
            }),
        );
    }
}

#[test]
fn blocks_of_a_burst_that_is_not_sent_come_home() {
    let mut topology = Topology::new(Charter::default());
    let pool = Pool::new(8, 64);
    topology.pool(pool.clone());
    let careless = topology.reserve::<Careless>("careless");
    let end = topology.reserve::<End>("end");
    let out = topology.hold(careless, end, 64);
    let gate = topology.gateway(careless, 64);
    let shared = pool.clone();
    topology.install(careless, move || Careless { pool: shared.clone(), end: out });
    topology.install(end, || End);
    let bus = topology.build().unwrap().start().unwrap();
    let parcel = Parcel { block: pool.take().unwrap().share().to_bits(), what: 0 };
    gate.send_timeout(parcel, LONG).unwrap();
    let report = bus.shutdown(LONG).unwrap();
    assert!(report.quarantine[0].panic.contains("in the middle of the burst"));
    assert!(report.ledger.adds_up(), "{}", report.ledger);
    assert_eq!(pool.free_estimate(), 8, "a block did not come home");
}
