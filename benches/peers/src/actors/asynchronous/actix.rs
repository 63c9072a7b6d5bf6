//! actix, in its own system.

use std::future::Future;

use actix::{Actor, Addr, Context, Handler, Message, MessageResult};

use super::{Kind, answer};
use crate::actors::Four;
use ephor_bench::tally::Tally;

pub struct Actix;

pub struct Sink(Tally);

pub struct Answerer;

pub struct Telling(Four);

pub struct Question(Four);

impl Message for Telling {
    type Result = ();
}

impl Message for Question {
    type Result = Four;
}

impl Actor for Sink {
    type Context = Context<Self>;
}

impl Actor for Answerer {
    type Context = Context<Self>;
}

impl Handler<Telling> for Sink {
    type Result = ();

    fn handle(&mut self, telling: Telling, _: &mut Context<Self>) {
        self.0.take(telling.0.sum());
    }
}

impl Handler<Question> for Answerer {
    type Result = MessageResult<Question>;

    fn handle(&mut self, question: Question, _: &mut Context<Self>) -> Self::Result {
        MessageResult(answer(question.0))
    }
}

impl Kind for Actix {
    type Sink = Addr<Sink>;
    type Answerer = Addr<Answerer>;

    fn block_on<T>(body: impl Future<Output = T>) -> T {
        actix::System::new().block_on(body)
    }

    async fn sink(tally: Tally) -> Self::Sink {
        Sink(tally).start()
    }

    async fn answerer() -> Self::Answerer {
        Answerer.start()
    }

    fn tell(sink: &Self::Sink, four: Four) -> bool {
        sink.do_send(Telling(four));
        true
    }

    async fn ask(answerer: &Self::Answerer, four: Four) -> Option<Four> {
        answerer.send(Question(four)).await.ok()
    }
}
