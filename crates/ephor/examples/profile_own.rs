//! Profiles a topology of one's own: orders go to a desk, which passes every one on to a till.
//!
//! `cargo run --release --features profile --example profile_own` prints the report as Markdown; `-- --quick` takes less than 20 seconds.

use std::process::{Command, ExitCode};

use ephor::prelude::*;
use ephor::profile::targets::Targets;
use ephor::profile::{Begun, Config, Effort, Subject, cold_start, markdown, run};
use ephor::{IdleStrategy, Pin, WorkerOptions};

/// What this shop has to keep.
const TARGETS: &str = r#"
[targets]
latency_p99 = { below = 5, unit = "ms" }
throughput = { above = 100_000, unit = "msg/s" }
lost = { at_most = 0, unit = "count" }
availability = { at_least = 100, unit = "%" }
"#;

#[derive(Clone, Copy, Message)]
#[message(kind = 1)]
struct Order {
    number: u64,
    amount: u64,
}

struct Desk {
    till: Out<Order>,
}

impl Agent for Desk {}
agent!(Desk { Order });

impl Handler<Order> for Desk {
    fn on(&mut self, _order: &Order, cx: &mut Cx<'_>) {
        cx.forward(&self.till);
    }
}

struct Till {
    total: u64,
}

impl Agent for Till {}
agent!(Till { Order });

impl Handler<Order> for Till {
    fn on(&mut self, order: &Order, _cx: &mut Cx<'_>) {
        self.total += order.amount;
    }
}

/// The topology, made anew for each measurement, with what drives it.
fn shop() -> Subject {
    let mut topology = Topology::new(Charter::default());
    topology.worker(WorkerOptions {
        pin: Pin::IfPossible(1),
        idle: IdleStrategy::Backoff {
            spins: 1_000_000,
            yields: 1_000,
            park_ns_min: 1_000,
            park_ns_max: 100_000,
        },
    });
    let desk = topology.reserve::<Desk>("desk");
    let till = topology.reserve::<Till>("till");
    let to_till = topology.hold(desk, till, 1024);
    let orders = topology.gateway(desk, 1 << 14);
    topology.install(desk, move || Desk { till: to_till });
    topology.install(till, || Till { total: 0 });
    let mut number = 0;
    Subject::new(topology).load("orders", &orders, move || {
        number += 1;
        Order { number, amount: number % 100 }
    })
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let begun = Begun::now();
    let asked = |option: &str| std::env::args().any(|argument| argument == option);
    if asked("--cold-start") {
        println!("{}", cold_start(begun, shop)?.to_json());
        return Ok(ExitCode::SUCCESS);
    }
    let program = std::env::current_exe()?;
    let config = Config::new("shop")
        .targets(Targets::parse(TARGETS, "the shop's targets")?)
        .effort(if asked("--quick") { Effort::Quick } else { Effort::Full })
        .fresh_processes(move || {
            let mut command = Command::new(&program);
            command.arg("--cold-start");
            command
        });
    let report = run(shop, config)?;
    println!("{}", markdown(&report));
    Ok(if report.is_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
