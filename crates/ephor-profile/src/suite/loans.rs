//! Loans: blocks of the pool travel with their messages, whole, and come home whatever becomes of them.

use ephor_constitution::Charter;
use ephor_runtime::pool::{Handle, Pool};
use ephor_runtime::{Address, Bus, Disposition, Gateway, Out, Topology};

use super::bench::{Door, LONG, Seen, apart, charter, settle, some, start, stop, stop_at_once, until};
use super::cast::{Actor, Answer, Parcel, Warden};
use crate::check::{Check, Checked, Failing, ensure, ensure_eq};

const GROUP: &str = "loans";

const BLOCKS: usize = 8;
const BLOCK_BYTES: usize = 64;

/// Everybody may send parcels, but nobody to the stranger.
const CHARTER: &str = r#"
name = "parcels"
[roles]
gateway = {}
hub = {}
end = {}
stranger = {}
warden = {}
[kinds_default]
action = "send"
[[grants]]
from = ["*"]
action = ["send"]
to = ["hub", "end"]
"#;

pub(super) fn checks() -> Vec<Check> {
    let check = |sentence, run: fn() -> Checked| Check::new(GROUP, sentence, run);
    vec![
        check("a block arrives with the bytes that were written, over two workers", bytes_arrive),
        check("a block comes home when its message was handled, denied, passed on or refused", comes_home),
        check("a block that was put away with its message is in the report, and comes home", quarantined),
        check("a handle that names no block makes a malformed message, and no more", made_up_handle),
        check("a handle that is sent twice is redeemed once", sent_twice),
        check("blocks of a burst that was not sent come home", burst_unsent),
        check("a pool that is empty lends again when a message has been handled", empty_pool),
        check("a block that was under way when the bus stopped comes home", undelivered),
    ]
}

/// A hub and an end, on a worker each, and what the end read.
struct Post {
    topology: Topology,
    pool: Pool,
    gate: Gateway<Actor>,
    hub: Address<Actor>,
    end: Address<Actor>,
    read: Seen<Vec<u8>>,
}

fn post(text: &str) -> Result<Post, Failing> {
    let mut topology = Topology::new(charter(text)?);
    let pool = Pool::new(BLOCKS, BLOCK_BYTES);
    topology.pool(pool.clone());
    let read = Seen::new();
    let noted = read.clone();
    let end =
        Actor::new().on_parcel(move |_, cx| noted.note(cx.loan().map_or_else(Vec::new, <[u8]>::to_vec)));
    let end = end.seat(&mut topology, "end");
    let hub = topology.reserve("hub");
    apart(&mut topology, &[end.id()]);
    let gate = topology.gateway(hub, 16);
    Ok(Post { topology, pool, gate, hub, end, read })
}

/// Sends `bytes` as parcel `number`.
fn send(pool: &Pool, gate: &Gateway<Actor>, bytes: &[u8], number: u64) -> Checked {
    let mut loan = some(pool.take(), "free block")?;
    loan.write(bytes)?;
    gate.send_timeout(Parcel { block: loan.share().to_bits(), number }, LONG)?;
    Ok(())
}

/// Holds when all blocks are free.
fn all_home(pool: &Pool) -> Checked {
    ensure_eq(pool.free_estimate(), BLOCKS, "free blocks")
}

fn bytes_arrive() -> Checked {
    let Post { mut topology, pool, gate, hub, end, read } = post(CHARTER)?;
    let out: Out<Parcel> = topology.hold(hub, end, 4);
    Actor::new().on_parcel(move |_, cx| cx.forward(&out)).install(&mut topology, hub);
    let bus = start(topology)?;
    let texts: Vec<Vec<u8>> =
        (0..200_u8).map(|number| vec![number; usize::from(number) % (BLOCK_BYTES + 1)]).collect();
    for (number, text) in (0..).zip(&texts) {
        until("a free block", || pool.free_estimate() > 0)?;
        send(&pool, &gate, text, number)?;
    }
    stop(bus)?;
    ensure(read.values() == texts, || "what was read is not what was written".to_owned())?;
    all_home(&pool)
}

/// What the hub does with a parcel, by its number.
const TAKE: u64 = 0;
const DENY: u64 = 1;
const PASS_ON: u64 = 2;
const PASS_TO_STRANGER: u64 = 3;

fn comes_home() -> Checked {
    let Post { mut topology, pool, gate, hub, end, read } = post(CHARTER)?;
    let stranger = Actor::new().seat(&mut topology, "stranger");
    let (out, refused): (Out<Parcel>, Out<Parcel>) =
        (topology.hold(hub, end, 4), topology.hold(hub, stranger, 4));
    let act = Actor::new().on_parcel(move |parcel, cx| {
        assert_eq!(cx.loan(), Some(&b"sent"[..]), "the block is in hand");
        match parcel.number {
            TAKE => {}
            DENY => cx.deny(1),
            PASS_ON => cx.forward(&out),
            _ => cx.forward(&refused),
        }
    });
    act.install(&mut topology, hub);
    let bus = start(topology)?;
    for number in [TAKE, DENY, PASS_ON, PASS_TO_STRANGER] {
        send(&pool, &gate, b"sent", number)?;
    }
    settle(&bus)?;
    all_home(&pool)?;
    let ledger = stop(bus)?.ledger;
    ensure_eq((ledger.handled(), ledger.lost(Disposition::Denied)), (2, 2), "handled and denied")?;
    ensure_eq(read.values(), vec![b"sent".to_vec()], "what the end read")
}

fn quarantined() -> Checked {
    let Post { mut topology, pool, gate, hub, .. } = post(CHARTER)?;
    Actor::new().on_parcel(|_, _| panic!("poison")).install(&mut topology, hub);
    let bus = start(topology)?;
    send(&pool, &gate, b"the poison", 0)?;
    settle(&bus)?;
    all_home(&pool)?;
    let report = stop(bus)?;
    let put_away = some(report.quarantine.first(), "message in quarantine")?;
    ensure_eq(put_away.block.as_deref(), Some(&b"the poison"[..]), "the block in quarantine")
}

fn made_up_handle() -> Checked {
    let Post { mut topology, pool, gate, hub, .. } = post(CHARTER)?;
    let seen = Seen::new();
    let noted = seen.clone();
    Actor::new().on_parcel(move |parcel, _| noted.note(parcel.number)).install(&mut topology, hub);
    let bus = start(topology)?;
    for (number, bits) in (0..).zip([0, 7, u64::MAX]) {
        gate.send_timeout(Parcel { block: Handle::from_bits(bits).to_bits(), number }, LONG)?;
    }
    send(&pool, &gate, b"real", 9)?;
    let ledger = stop(bus)?.ledger;
    ensure_eq((seen.values(), ledger.lost(Disposition::Malformed)), (vec![9], 3), "handled, and malformed")?;
    all_home(&pool)
}

fn sent_twice() -> Checked {
    let Post { mut topology, pool, gate, hub, .. } = post(CHARTER)?;
    let read = Seen::new();
    let noted = read.clone();
    let act = Actor::new().on_parcel(move |_, cx| noted.note(cx.loan().map_or(0, <[u8]>::len)));
    act.install(&mut topology, hub);
    let bus = start(topology)?;
    let mut loan = some(pool.take(), "free block")?;
    loan.write(b"once")?;
    let parcel = Parcel { block: loan.share().to_bits(), number: 0 };
    gate.send_timeout(parcel, LONG)?;
    gate.send_timeout(parcel, LONG)?;
    let ledger = stop(bus)?.ledger;
    ensure_eq(
        (read.values(), ledger.lost(Disposition::Malformed)),
        (vec![4], 1),
        "bytes read, and malformed",
    )?;
    all_home(&pool)
}

fn burst_unsent() -> Checked {
    let Post { mut topology, pool, gate, hub, end, read } = post(CHARTER)?;
    let out: Out<Parcel, 4> = topology.hold(hub, end, 8);
    let shared = pool.clone();
    let fresh = move || shared.take().map_or(0, |loan| loan.share().to_bits());
    let act = Actor::new().on_parcel(move |_, cx| {
        cx.emit_all(
            &out,
            (0..4).map(|number| {
                assert!(number < 2, "in the middle of the burst");
                Parcel { block: fresh(), number }
            }),
        );
    });
    act.install(&mut topology, hub);
    let bus = start(topology)?;
    send(&pool, &gate, b"go", 0)?;
    settle(&bus)?;
    all_home(&pool)?;
    let report = stop(bus)?;
    ensure_eq((report.quarantine.len(), read.count()), (1, 0), "put away, and arrived")
}

fn empty_pool() -> Checked {
    let Post { mut topology, pool, gate, hub, .. } = post(CHARTER)?;
    let door = Door::new();
    let held = door.clone();
    Actor::new().on_parcel(move |_, _| held.pass()).install(&mut topology, hub);
    let bus = start(topology)?;
    for number in 0..BLOCKS as u64 {
        send(&pool, &gate, b"full", number)?;
    }
    door.until_entered()?;
    ensure(pool.take().is_none(), || "an empty pool lent a block".to_owned())?;
    door.open();
    until("a free block", || pool.take().is_some())?;
    stop(bus)?;
    all_home(&pool)
}

fn undelivered() -> Checked {
    let mut topology = Topology::new(Charter::default());
    let pool = Pool::new(BLOCKS, BLOCK_BYTES);
    topology.pool(pool.clone());
    let ill = Actor::new().on_parcel(|_, _| panic!("nobody will restart this")).seat(&mut topology, "ill");
    let heard = Warden::seat(&mut topology, ill, |_| Answer::Wait);
    let gate = topology.gateway(ill, 8);
    let bus: Bus = start(topology)?;
    for number in 0..3 {
        send(&pool, &gate, b"left", number)?;
    }
    until("the crash", || heard.count() == 1)?;
    ensure_eq(pool.free_estimate(), BLOCKS - 3, "free blocks while they are under way")?;
    let ledger = stop_at_once(bus)?.ledger;
    ensure_eq(ledger.lost(Disposition::Undelivered), 3, "undelivered")?;
    all_home(&pool)
}
