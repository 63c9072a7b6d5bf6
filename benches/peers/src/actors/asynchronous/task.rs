//! A tokio task with a channel.

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

use super::{Kind, answer};
use crate::actors::Four;
use ephor_bench::tally::Tally;

/// Room in a channel that has a bound.
const ROOM: usize = 1024;

type Question = (Four, oneshot::Sender<Four>);

/// Channels without a bound.
pub struct Unbounded;

impl Kind for Unbounded {
    type Sink = mpsc::UnboundedSender<Four>;
    type Answerer = mpsc::UnboundedSender<Question>;

    async fn sink(mut tally: Tally) -> Self::Sink {
        let (tx, mut rx) = mpsc::unbounded_channel::<Four>();
        spawn_local(async move {
            while let Some(four) = rx.recv().await {
                tally.take(four.sum());
            }
        });
        tx
    }

    async fn answerer() -> Self::Answerer {
        let (tx, mut rx) = mpsc::unbounded_channel::<Question>();
        spawn_local(async move {
            while let Some((four, asker)) = rx.recv().await {
                // An asker that has gone wants no answer.
                let _ = asker.send(answer(four));
            }
        });
        tx
    }

    fn tell(sink: &Self::Sink, four: Four) -> bool {
        sink.send(four).is_ok()
    }

    async fn ask(answerer: &Self::Answerer, four: Four) -> Option<Four> {
        let (asker, answer) = oneshot::channel();
        answerer.send((four, asker)).ok()?;
        answer.await.ok()
    }
}

/// Channels with a bound.
pub struct Bounded;

impl Kind for Bounded {
    type Sink = mpsc::Sender<Four>;
    type Answerer = mpsc::Sender<Question>;

    async fn sink(mut tally: Tally) -> Self::Sink {
        let (tx, mut rx) = mpsc::channel::<Four>(ROOM);
        spawn_local(async move {
            while let Some(four) = rx.recv().await {
                tally.take(four.sum());
            }
        });
        tx
    }

    async fn answerer() -> Self::Answerer {
        let (tx, mut rx) = mpsc::channel::<Question>(ROOM);
        spawn_local(async move {
            while let Some((four, asker)) = rx.recv().await {
                // An asker that has gone wants no answer.
                let _ = asker.send(answer(four));
            }
        });
        tx
    }

    fn tell(sink: &Self::Sink, four: Four) -> bool {
        sink.try_send(four).is_ok()
    }

    async fn ask(answerer: &Self::Answerer, four: Four) -> Option<Four> {
        let (asker, answer) = oneshot::channel();
        answerer.try_send((four, asker)).ok()?;
        answer.await.ok()
    }
}
