use ephor_core::Message;

#[derive(Clone, Copy, Message)]
#[message(kind = 1, crate = ephor_core)]
struct Letter {
    text: [u8; 200],
}

fn main() {}
