//! ractor.

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, rpc::CallResult};

use super::{Kind, answer};
use crate::actors::Four;
use ephor_bench::tally::Tally;

pub struct Ractor;

pub struct Sink;

pub struct Answerer;

pub struct Question(Four, RpcReplyPort<Four>);

impl Actor for Sink {
    type Msg = Four;
    type State = Tally;
    type Arguments = Tally;

    async fn pre_start(&self, _: ActorRef<Four>, tally: Tally) -> Result<Tally, ActorProcessingErr> {
        Ok(tally)
    }

    async fn handle(
        &self,
        _: ActorRef<Four>,
        four: Four,
        tally: &mut Tally,
    ) -> Result<(), ActorProcessingErr> {
        tally.take(four.sum());
        Ok(())
    }
}

impl Actor for Answerer {
    type Msg = Question;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Question>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Question>,
        Question(four, asker): Question,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        asker.send(answer(four))?;
        Ok(())
    }
}

impl Kind for Ractor {
    type Sink = ActorRef<Four>;
    type Answerer = ActorRef<Question>;

    async fn sink(tally: Tally) -> Self::Sink {
        Actor::spawn(None, Sink, tally).await.expect("the sink's start cannot fail").0
    }

    async fn answerer() -> Self::Answerer {
        Actor::spawn(None, Answerer, ()).await.expect("the answerer's start cannot fail").0
    }

    fn tell(sink: &Self::Sink, four: Four) -> bool {
        sink.cast(four).is_ok()
    }

    async fn ask(answerer: &Self::Answerer, four: Four) -> Option<Four> {
        match answerer.call(|asker| Question(four, asker), None).await {
            Ok(CallResult::Success(answer)) => Some(answer),
            _ => None,
        }
    }
}
