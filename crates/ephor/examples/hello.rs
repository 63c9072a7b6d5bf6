//! Two agents and a gateway: numbers go in, their squares come out, and the ledger adds up.
//!
//! Run it: `cargo run --release --example hello`

use std::time::Duration;

use ephor::prelude::*;

/// A message is a plain struct with a number; the number is part of the format.
#[derive(Clone, Copy, Message)]
#[message(kind = 1)]
struct Number(u64);

#[derive(Clone, Copy, Message)]
#[message(kind = 2)]
struct Square {
    of: u64,
    is: u64,
}

/// Squares numbers, and sends the result on through its port.
struct Squarer {
    results: Out<Square>,
}

impl Agent for Squarer {}
agent!(Squarer { Number });

impl Handler<Number> for Squarer {
    fn on(&mut self, number: &Number, cx: &mut Cx<'_>) {
        // A hold port: there is room, or this agent would not have been run.
        cx.emit(&self.results, Square { of: number.0, is: number.0 * number.0 });
    }
}

/// Prints what it gets.
struct Printer;

impl Agent for Printer {}
agent!(Printer { Square });

impl Handler<Square> for Printer {
    fn on(&mut self, square: &Square, _cx: &mut Cx<'_>) {
        println!("{} squared is {}", square.of, square.is);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Every message is checked against this charter when it enters a lane and when it leaves one.
    let mut topology = Topology::new(Charter::default());
    let squarer = topology.reserve::<Squarer>("squarer");
    let printer = topology.reserve::<Printer>("printer");
    let results = topology.hold(squarer, printer, 64);
    let numbers = topology.gateway(squarer, 64);
    topology.install(squarer, move || Squarer { results });
    topology.install(printer, || Printer);

    let bus = topology.build()?.start()?;
    for number in 1..=5 {
        numbers.send_timeout(Number(number), Duration::from_secs(1))?;
    }
    let report = bus.shutdown(Duration::from_secs(5))?;
    println!("{}", report.ledger);
    Ok(())
}
