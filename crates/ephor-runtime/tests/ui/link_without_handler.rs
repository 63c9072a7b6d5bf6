use ephor_constitution::Charter;
use ephor_core::Message;
use ephor_runtime::{Agent, Cx, Handler, Out, Topology, agent};

#[derive(Clone, Copy, Message)]
#[message(kind = 1, crate = ephor_core)]
struct Known(u8);

#[derive(Clone, Copy, Message)]
#[message(kind = 2, crate = ephor_core)]
struct Unknown(u8);

struct Node;
impl Agent for Node {}
agent!(Node { Known });
impl Handler<Known> for Node {
    fn on(&mut self, _known: &Known, _cx: &mut Cx<'_>) {}
}

fn main() {
    let mut topology: Topology = Topology::new(Charter::default());
    let (left, right) = (topology.reserve::<Node>("left"), topology.reserve::<Node>("right"));
    let _port: Out<Unknown> = topology.hold::<Unknown, _, _, 1>(left, right, 64);
}
