//! kameo, with mailboxes without a bound.

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::mailbox;
use kameo::message::{Context, Message};

use super::{Kind, answer};
use crate::actors::Four;
use ephor_bench::tally::Tally;

pub struct Kameo;

#[derive(Actor)]
pub struct Sink(Tally);

#[derive(Actor)]
pub struct Answerer;

#[derive(Clone, Copy)]
struct Question(Four);

impl Message<Four> for Sink {
    type Reply = ();

    async fn handle(&mut self, four: Four, _: &mut Context<Self, ()>) {
        self.0.take(four.sum());
    }
}

#[derive(kameo::Reply)]
struct Answer(Four);

impl Message<Question> for Answerer {
    type Reply = Answer;

    async fn handle(&mut self, question: Question, _: &mut Context<Self, Answer>) -> Answer {
        Answer(answer(question.0))
    }
}

impl Kind for Kameo {
    type Sink = ActorRef<Sink>;
    type Answerer = ActorRef<Answerer>;

    async fn sink(tally: Tally) -> Self::Sink {
        Sink::spawn_with_mailbox(Sink(tally), mailbox::unbounded())
    }

    async fn answerer() -> Self::Answerer {
        Answerer::spawn_with_mailbox(Answerer, mailbox::unbounded())
    }

    fn tell(sink: &Self::Sink, four: Four) -> bool {
        sink.tell(four).try_send().is_ok()
    }

    async fn ask(answerer: &Self::Answerer, four: Four) -> Option<Four> {
        answerer.ask(Question(four)).await.ok().map(|answer| answer.0)
    }
}
