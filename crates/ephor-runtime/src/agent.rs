//! Agents: synchronous actors, one [`Handler`] a message type.
//!
//! A handler never waits. What it emits becomes visible when it returns; when it panics, it has sent
//! nothing, its message is kept, and its neighbours go on.

use ephor_core::{Frame, Frame128, Kind, Message};

use crate::Cx;

/// Handles messages of type `M`, one at a time.
///
/// The message is permitted: the check ran when it entered the lane and again when it left.
pub trait Handler<M: Message, F: Frame = Frame128> {
    /// Handles one message. Must not block; emits through the ports that the agent was built with.
    ///
    /// # Panics
    /// A panic is caught at the worker: what this call emitted is taken back, the message is kept, and
    /// the agent is rebuilt.
    fn on(&mut self, message: &M, cx: &mut Cx<'_, F>);
}

/// Says that an agent takes messages of type `M`. Written by [`agent!`](crate::agent).
#[diagnostic::on_unimplemented(
    message = "the agent `{Self}` does not handle `{M}`",
    label = "no edge can carry `{M}` to `{Self}`",
    note = "implement `Handler<{M}>` for `{Self}` and list it: `agent!({Self} {{ {M} }})`"
)]
pub trait Accepts<M: Message, F: Frame = Frame128>: Handler<M, F> {}

/// Finds the handler of a frame by its kind. Written by [`agent!`](crate::agent).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an agent yet",
    note = "list the messages it handles: `agent!({Self} {{ FirstMessage, SecondMessage }})`"
)]
pub trait Dispatch<F: Frame = Frame128> {
    /// The kinds with a handler, with the names of their types.
    const KINDS: &'static [(Kind, &'static str)];

    /// Calls the handler of `frame`; false when no handler takes its kind or its bytes are no valid value.
    fn dispatch(&mut self, frame: &F, cx: &mut Cx<'_, F>) -> bool;
}

/// The life of an agent. Every hook may be left out.
///
/// Hooks may emit like handlers do, except that [`Agent::on_stop`] has no guaranteed room: there only
/// `try_emit` and `offer` are allowed.
pub trait Agent<F: Frame = Frame128>: Dispatch<F> + 'static {
    /// Runs once after the agent was built, also when it was rebuilt after a crash.
    fn on_start(&mut self, cx: &mut Cx<'_, F>) {
        let _ = cx;
    }

    /// Runs when a timer that this agent scheduled is due. Timers have their own turn in the duty cycle.
    fn on_timer(&mut self, token: u64, cx: &mut Cx<'_, F>) {
        let _ = (token, cx);
    }

    /// Runs on every duty cycle, for agents that have a source of their own; returns how much it did.
    fn on_cycle(&mut self, cx: &mut Cx<'_, F>) -> usize {
        // An agent without a source is not asked again.
        cx.hands.has_cycle = false;
        0
    }

    /// Runs once when the bus stops, after the agent's last message.
    fn on_stop(&mut self, cx: &mut Cx<'_, F>) {
        let _ = cx;
    }
}

/// Lists the messages that an agent handles.
///
/// ```
/// use ephor_core::Message;
/// use ephor_runtime::{Agent, Cx, Handler, agent};
///
/// #[derive(Clone, Copy, Message)]
/// #[message(kind = 1, crate = ephor_core)]
/// struct Ball(u64);
///
/// struct Wall;
///
/// impl Agent for Wall {}
/// agent!(Wall { Ball });
///
/// impl Handler<Ball> for Wall {
///     fn on(&mut self, _ball: &Ball, _cx: &mut Cx<'_>) {}
/// }
/// ```
///
/// Two messages with one kind do not compile.
#[macro_export]
macro_rules! agent {
    ($agent:ty { $($message:ty),* $(,)? }) => {
        impl<F: $crate::__private::Frame> $crate::Dispatch<F> for $agent
        where
            $($agent: $crate::Handler<$message, F>,)*
        {
            const KINDS: &'static [($crate::__private::Kind, &'static str)] = &[
                $((
                    <$message as $crate::__private::Message>::KIND,
                    <$message as $crate::__private::Message>::NAME,
                ),)*
            ];

            #[inline]
            #[allow(unused_variables)]
            fn dispatch(&mut self, frame: &F, cx: &mut $crate::Cx<'_, F>) -> bool {
                let kind = $crate::__private::Frame::header(frame).kind;
                $(
                    if kind == <$message as $crate::__private::Message>::KIND {
                        let payload = $crate::__private::Frame::payload(frame);
                        let Some(message) = <$message as $crate::__private::Message>::read(payload) else {
                            return false;
                        };
                        <$agent as $crate::Handler<$message, F>>::on(self, &message, cx);
                        return true;
                    }
                )*
                false
            }
        }
        $(
            impl<F: $crate::__private::Frame> $crate::Accepts<$message, F> for $agent
            where
                $agent: $crate::Handler<$message, F>,
            {
            }
        )*
        const _: () = $crate::__private::assert_kinds_differ(&[
            $(<$message as $crate::__private::Message>::KIND,)*
        ]);
    };
}

/// Fails to compile when two kinds of one agent are equal.
#[doc(hidden)]
pub const fn assert_kinds_differ(kinds: &[Kind]) {
    let mut left = 0;
    while left < kinds.len() {
        let mut right = left + 1;
        while right < kinds.len() {
            assert!(kinds[left].0 != kinds[right].0, "two messages of this agent share a kind");
            right += 1;
        }
        left += 1;
    }
}
