//! xtra, with mailboxes without a bound.

use std::future::Future;
use std::pin::pin;
use std::task::{Context as Task, Poll, Waker};

use xtra::prelude::*;

use super::{Kind, answer};
use crate::actors::Four;
use ephor_bench::tally::Tally;

pub struct Xtra;

#[derive(xtra::Actor)]
pub struct Sink(Tally);

#[derive(xtra::Actor)]
pub struct Answerer;

impl Handler<Four> for Sink {
    type Return = ();

    async fn handle(&mut self, four: Four, _: &mut Context<Self>) {
        self.0.take(four.sum());
    }
}

impl Handler<Four> for Answerer {
    type Return = Four;

    async fn handle(&mut self, four: Four, _: &mut Context<Self>) -> Four {
        answer(four)
    }
}

impl Kind for Xtra {
    type Sink = Address<Sink>;
    type Answerer = Address<Answerer>;

    async fn sink(tally: Tally) -> Self::Sink {
        let (address, mailbox) = Mailbox::unbounded();
        tokio::spawn(xtra::run(mailbox, Sink(tally)));
        address
    }

    async fn answerer() -> Self::Answerer {
        let (address, mailbox) = Mailbox::unbounded();
        tokio::spawn(xtra::run(mailbox, Answerer));
        address
    }

    fn tell(sink: &Self::Sink, four: Four) -> bool {
        // A mailbox without a bound takes a message at the first poll.
        let sending = pin!(sink.send(four).detach().into_future());
        matches!(sending.poll(&mut Task::from_waker(Waker::noop())), Poll::Ready(Ok(_)))
    }

    async fn ask(answerer: &Self::Answerer, four: Four) -> Option<Four> {
        answerer.send(four).await.ok()
    }
}
