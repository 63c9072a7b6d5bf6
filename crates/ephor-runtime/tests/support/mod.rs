//! Messages and agents that several tests use.
#![allow(dead_code, unreachable_pub)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ephor_core::Message;
use ephor_runtime::{Agent, Cx, Handler, Out, agent};

pub const LONG: Duration = Duration::from_secs(30);

/// A numbered message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[message(kind = 1, crate = ephor_core)]
pub struct Item(pub u64);

/// Another kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[message(kind = 2, crate = ephor_core)]
pub struct Other(pub u64);

/// A sum and a count that a test can look at while the bus runs.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub count: Arc<AtomicU64>,
    pub sum: Arc<AtomicU64>,
}

impl Tally {
    pub fn add(&self, value: u64) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.sum.fetch_add(value, Ordering::SeqCst);
    }

    pub fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::SeqCst)
    }
}

/// Counts what it gets.
pub struct Sink {
    pub tally: Tally,
}

impl Agent for Sink {}
agent!(Sink { Item, Other });

impl Handler<Item> for Sink {
    fn on(&mut self, item: &Item, _cx: &mut Cx<'_>) {
        self.tally.add(item.0);
    }
}

impl Handler<Other> for Sink {
    fn on(&mut self, other: &Other, _cx: &mut Cx<'_>) {
        self.tally.add(other.0);
    }
}

/// Passes on what it gets.
pub struct Relay {
    pub out: Out<Item>,
}

impl Agent for Relay {}
agent!(Relay { Item });

impl Handler<Item> for Relay {
    fn on(&mut self, item: &Item, cx: &mut Cx<'_>) {
        cx.emit(&self.out, *item);
    }
}
