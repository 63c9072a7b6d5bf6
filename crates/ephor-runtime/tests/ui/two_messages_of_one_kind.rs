use ephor_core::Message;
use ephor_runtime::{Agent, Cx, Handler, agent};

#[derive(Clone, Copy, Message)]
#[message(kind = 1, crate = ephor_core)]
struct Buy(u8);

#[derive(Clone, Copy, Message)]
#[message(kind = 1, crate = ephor_core)]
struct Sell(u8);

struct Desk;
impl Agent for Desk {}
agent!(Desk { Buy, Sell });
impl Handler<Buy> for Desk {
    fn on(&mut self, _buy: &Buy, _cx: &mut Cx<'_>) {}
}
impl Handler<Sell> for Desk {
    fn on(&mut self, _sell: &Sell, _cx: &mut Cx<'_>) {}
}

fn main() {}
