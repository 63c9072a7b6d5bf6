//! What the checks put on a bus: a few messages, and agents that do what a check wants done.

use std::sync::Arc;

use ephor_core::Message;
use ephor_runtime::{
    Address, Agent, Cx, Handler, Incident, Notice, Out, Record, Supervision, Topology, agent,
};

use super::bench::{Door, Seen};

/// Records and notices that an overseer of the checks takes in one duty cycle.
const BATCH_LIMIT: usize = 64;

/// A numbered message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[message(kind = 1, crate = ephor_core)]
pub(crate) struct Item(pub(crate) u64);

/// Another kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[message(kind = 2, crate = ephor_core)]
pub(crate) struct Note(pub(crate) u64);

/// A message with a pool block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[message(kind = 3, crate = ephor_core, loan)]
pub(crate) struct Parcel {
    pub(crate) block: u64,
    pub(crate) number: u64,
}

/// A message whose kind does not live long, where a charter says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[message(kind = 4, crate = ephor_core)]
pub(crate) struct Brief(pub(crate) u64);

type Act<M> = Arc<dyn Fn(&M, &mut Cx<'_>) + Send + Sync>;
type Hook = Arc<dyn Fn(&mut Cx<'_>) + Send + Sync>;

/// An agent that does what a check wants done; what the check leaves out does nothing.
#[derive(Clone, Default)]
pub(crate) struct Actor {
    item: Option<Act<Item>>,
    note: Option<Act<Note>>,
    parcel: Option<Act<Parcel>>,
    brief: Option<Act<Brief>>,
    start: Option<Hook>,
    timer: Option<Act<u64>>,
    stop: Option<Hook>,
}

macro_rules! does {
    ($($(#[$doc:meta])* $name:ident: $field:ident($message:ty)),+ $(,)?) => {
        $($(#[$doc])*
        pub(crate) fn $name(mut self, act: impl Fn(&$message, &mut Cx<'_>) + Send + Sync + 'static) -> Self {
            self.$field = Some(Arc::new(act));
            self
        })+
    };
}

impl Actor {
    /// An agent that does nothing.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// An agent that notes the numbers of what it gets, but for parcels.
    pub(crate) fn noting(seen: &Seen) -> Self {
        let (items, notes, briefs) = (seen.clone(), seen.clone(), seen.clone());
        Self::new()
            .on_item(move |item, _| items.note(item.0))
            .on_note(move |note, _| notes.note(note.0))
            .on_brief(move |brief, _| briefs.note(brief.0))
    }

    /// An agent that waits at `door` with the first item in hand, and notes it and all that come after.
    pub(crate) fn at_door(door: &Door, seen: &Seen) -> Self {
        let (held, noted) = (door.clone(), seen.clone());
        Self::new().on_item(move |item, _| {
            held.pass();
            noted.note(item.0);
        })
    }

    /// An agent that sends on each item that it gets, as a message of its own.
    pub(crate) fn relay(out: Out<Item>) -> Self {
        Self::new().on_item(move |item, cx| cx.emit(&out, *item))
    }

    does! {
        /// What it does with an item.
        on_item: item(Item),
        /// What it does with a note.
        on_note: note(Note),
        /// What it does with a parcel.
        on_parcel: parcel(Parcel),
        /// What it does with a brief message.
        on_brief: brief(Brief),
        /// What it does with the token of a timer.
        on_ring: timer(u64),
    }

    /// What it does when it was built.
    pub(crate) fn at_start(mut self, hook: impl Fn(&mut Cx<'_>) + Send + Sync + 'static) -> Self {
        self.start = Some(Arc::new(hook));
        self
    }

    /// What it does when the bus stops.
    pub(crate) fn at_stop(mut self, hook: impl Fn(&mut Cx<'_>) + Send + Sync + 'static) -> Self {
        self.stop = Some(Arc::new(hook));
        self
    }

    /// Installs it at a reserved address.
    pub(crate) fn install(self, topology: &mut Topology, address: Address<Actor>) {
        topology.install(address, move || self.clone());
    }

    /// Reserves a name and installs it there.
    pub(crate) fn seat(self, topology: &mut Topology, name: &str) -> Address<Actor> {
        let address = topology.reserve(name);
        self.install(topology, address);
        address
    }
}

agent!(Actor { Item, Note, Parcel, Brief });

impl Agent for Actor {
    fn on_start(&mut self, cx: &mut Cx<'_>) {
        if let Some(hook) = &self.start {
            hook(cx);
        }
    }

    fn on_timer(&mut self, token: u64, cx: &mut Cx<'_>) {
        if let Some(act) = &self.timer {
            act(&token, cx);
        }
    }

    fn on_stop(&mut self, cx: &mut Cx<'_>) {
        if let Some(hook) = &self.stop {
            hook(cx);
        }
    }
}

macro_rules! handles {
    ($($message:ident: $field:ident),+ $(,)?) => {
        $(impl Handler<$message> for Actor {
            fn on(&mut self, message: &$message, cx: &mut Cx<'_>) {
                if let Some(act) = &self.$field {
                    act(message, cx);
                }
            }
        })+
    };
}

handles!(Item: item, Note: note, Parcel: parcel, Brief: brief);

/// An auditor that keeps every record.
pub(crate) struct Scribe {
    records: Seen<Record>,
}

agent!(Scribe {});

impl Scribe {
    /// Makes one the topology's auditor, under the name `audit`, and returns what it will keep.
    pub(crate) fn seat(topology: &mut Topology, capacity: usize) -> Seen<Record> {
        let records = Seen::new();
        let address = topology.reserve::<Scribe>("audit");
        topology.auditor(address.id(), capacity);
        let kept = records.clone();
        topology.install(address, move || Scribe { records: kept.clone() });
        records
    }
}

impl Agent for Scribe {
    fn on_cycle(&mut self, cx: &mut Cx<'_>) -> usize {
        let records = std::iter::from_fn(|| cx.next_record()).take(BATCH_LIMIT);
        records.map(|record| self.records.note(record)).count()
    }

    fn on_stop(&mut self, cx: &mut Cx<'_>) {
        while self.on_cycle(cx) > 0 {}
    }
}

/// What a warden does about a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Restart,
    Abandon,
    Wait,
}

/// A supervisor that hears of everything, and answers each crash as the check wants.
pub(crate) struct Warden {
    heard: Seen<Notice>,
    answer: Arc<dyn Fn(usize) -> Answer + Send + Sync>,
    crashes: usize,
}

agent!(Warden {});

impl Warden {
    /// Makes one the supervisor of `ward`; `answer` is asked at each crash, with how many there were before.
    pub(crate) fn seat(
        topology: &mut Topology,
        ward: Address<Actor>,
        answer: impl Fn(usize) -> Answer + Send + Sync + 'static,
    ) -> Seen<Notice> {
        let heard = Seen::new();
        let address = topology.reserve::<Warden>("warden");
        topology.supervisor(address.id()).supervise(ward.id(), Supervision::by_supervisor());
        let (kept, answer) = (heard.clone(), Arc::new(answer));
        topology.install(address, move || Warden { heard: kept.clone(), answer: answer.clone(), crashes: 0 });
        heard
    }
}

impl Agent for Warden {
    fn on_cycle(&mut self, cx: &mut Cx<'_>) -> usize {
        let Some(notice) = cx.next_notice() else { return 0 };
        self.heard.note(notice);
        if let Incident::Crashed { .. } = notice.incident {
            let is_sent = match (self.answer)(self.crashes) {
                Answer::Restart => cx.restart(notice.agent),
                Answer::Abandon => cx.abandon(notice.agent),
                Answer::Wait => true,
            };
            assert!(is_sent, "the control lane has room for one order");
            self.crashes += 1;
        }
        1
    }
}
