use ephor_core::Message;

#[derive(Clone, Copy, Message)]
struct Order {
    id: u64,
}

fn main() {}
