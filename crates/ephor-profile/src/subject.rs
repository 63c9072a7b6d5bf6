//! What is profiled: a recipe for a topology, and the loads that it may be driven with.

use std::error::Error;
use std::fmt;

use ephor_core::{AgentId, Correlation, Frame, Frame128, Message};
use ephor_oversight::Oversight;
use ephor_runtime::{Accepts, Gateway, Pulse, SendError, Topology};

/// Why a subject could not be built.
pub type SubjectError = Box<dyn Error + Send + Sync>;

/// What a load is asked to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A message whose fate nobody asks for.
    Plain,
    /// A message under this number, with a receipt.
    Receipt(Correlation),
}

/// What became of a message that a load was asked to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is under way.
    Taken,
    /// There was no room, and it was not sent.
    Refused,
    /// The check denied it.
    Denied,
}

/// Something that sends messages into the topology, one a call.
pub struct Load {
    pub(crate) name: String,
    /// The agent that gets them.
    pub(crate) target: AgentId,
    /// How many of them go before the next load has its turn.
    pub(crate) weight: u32,
    pub(crate) send: Box<dyn FnMut(Ask) -> Sent + Send>,
}

impl Load {
    /// A load that sends to `target` by `send`.
    pub fn new(name: &str, target: AgentId, send: impl FnMut(Ask) -> Sent + Send + 'static) -> Self {
        Self { name: name.to_owned(), target, weight: 1, send: Box::new(send) }
    }

    /// A load that sends what `message` makes through `gateway`.
    pub fn through<M, A, F>(
        name: &str,
        gateway: &Gateway<A, F>,
        mut message: impl FnMut() -> M + Send + 'static,
    ) -> Self
    where
        M: Message,
        A: Accepts<M, F> + 'static,
        F: Frame,
    {
        let (plain, asking) = (gateway.clone(), gateway.with_receipts());
        Self::new(name, gateway.target(), move |ask| match ask {
            Ask::Plain => outcome(plain.try_send(message())),
            Ask::Receipt(number) => outcome(asking.try_send_as(number, message())),
        })
    }

    /// Sends `weight` messages before the next load has its turn.
    ///
    /// # Panics
    /// When it is 0.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        assert!(weight > 0, "a load sends at least one message a turn");
        self.weight = weight;
        self
    }
}

/// What a gateway's answer means for a load.
pub fn outcome<T, M>(answer: Result<T, SendError<M>>) -> Sent {
    match answer {
        Ok(_) => Sent::Taken,
        Err(SendError::Denied(..) | SendError::Held(..)) => Sent::Denied,
        Err(_) => Sent::Refused,
    }
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Load({} to agent {})", self.name, self.target.0)
    }
}

/// A way to report to health from outside.
pub(crate) struct Watch(pub(crate) Box<dyn FnMut(Pulse) -> Sent + Send>);

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// A topology that is not built yet, with its loads. A recipe makes one for each measurement.
///
/// The profile adds receipts, measuring and drills to the topology before it builds it, so a subject sets none of these.
pub struct Subject<F: Frame = Frame128> {
    pub(crate) topology: Topology<F>,
    pub(crate) loads: Vec<Load>,
    pub(crate) oversight: Option<Oversight>,
    /// How the profile may report to health what it sees from outside.
    pub(crate) watch: Option<Watch>,
    /// Messages that make the policy engine fail.
    pub(crate) poison: Option<Load>,
    /// Kept until the bus has gone: directories and the like.
    pub(crate) keep: Vec<Box<dyn Send>>,
}

impl<F: Frame> Subject<F> {
    /// A subject without a load yet.
    pub fn new(topology: Topology<F>) -> Self {
        Self { topology, loads: Vec::new(), oversight: None, watch: None, poison: None, keep: Vec::new() }
    }

    /// Adds a load: what `message` makes goes through `gateway`.
    #[must_use]
    pub fn load<M, A>(
        self,
        name: &str,
        gateway: &Gateway<A, F>,
        message: impl FnMut() -> M + Send + 'static,
    ) -> Self
    where
        M: Message,
        A: Accepts<M, F> + 'static,
    {
        self.with(Load::through(name, gateway, message))
    }

    /// Adds a load.
    #[must_use]
    pub fn with(mut self, load: Load) -> Self {
        self.loads.push(load);
        self
    }

    /// Has health and recovery watched during faults: the overseers that were installed and finished in the topology.
    #[must_use]
    pub fn overseen_by(mut self, oversight: Oversight) -> Self {
        self.oversight = Some(oversight);
        self
    }

    /// Lets the profile report through `report` what it sees from outside: an agent that answers no ping is down, with the
    /// number of its breaker.
    #[must_use]
    pub fn watched_through(mut self, report: impl FnMut(Pulse) -> Sent + Send + 'static) -> Self {
        self.watch = Some(Watch(Box::new(report)));
        self
    }

    /// Names a load whose messages make the policy engine fail, for the fault of that name.
    #[must_use]
    pub fn poisoned_by(mut self, load: Load) -> Self {
        self.poison = Some(load);
        self
    }

    /// Keeps `thing` until the bus has gone.
    #[must_use]
    pub fn keeping(mut self, thing: impl Send + 'static) -> Self {
        self.keep.push(Box::new(thing));
        self
    }
}

/// What a recipe may return: a subject, or why there is none.
pub trait IntoSubject<F: Frame> {
    /// The subject.
    ///
    /// # Errors
    /// Why it could not be built.
    fn into_subject(self) -> Result<Subject<F>, SubjectError>;
}

impl<F: Frame> IntoSubject<F> for Subject<F> {
    fn into_subject(self) -> Result<Subject<F>, SubjectError> {
        Ok(self)
    }
}

impl<F: Frame, E: Into<SubjectError>> IntoSubject<F> for Result<Subject<F>, E> {
    fn into_subject(self) -> Result<Subject<F>, SubjectError> {
        self.map_err(Into::into)
    }
}

impl<F: Frame> fmt::Debug for Subject<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({:?}, {:?})", self.topology, self.loads)
    }
}
