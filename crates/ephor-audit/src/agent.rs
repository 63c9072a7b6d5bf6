//! The audit agent: takes the records that the workers hand over and appends them to the log.
//!
//! The log lives in an [`AuditHandle`] outside, so that an agent which is rebuilt goes on with the same log. When
//! the log fails, the agent reads no more: the trail fills, and the bus holds rather than go on unrecorded. The
//! host sees the failure in the handle and decides.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ephor_core::Frame;
use ephor_runtime::{Agent, Cx, Lossy, Pulse, Record, Vital, agent};

use crate::{AuditRecord, Checkpoint, LogError, LogWriter, RECORD_BYTES, RECORD_PAYLOAD_BYTES};

/// Records that one duty cycle takes: the fairness bound.
const BATCH_LIMIT: usize = 256;
/// How often a log that grows is signed while the bus runs.
const CHECKPOINT_EVERY_NS: u64 = 1_000_000_000;

const _: () = assert!(RECORD_PAYLOAD_BYTES == ephor_runtime::RECORD_PAYLOAD_BYTES);

/// Where the log is in its life.
#[derive(Debug)]
enum Log {
    Open(Box<LogWriter>),
    Closed(Checkpoint),
    Failed(Arc<LogError>),
}

/// Says, when the log is about to be closed, what the numbers in its records mean.
type Legend = Box<dyn FnOnce() -> Vec<u8> + Send>;

/// The log outside of the agent: for the agent's next life, and for whoever wants to know how it ended.
#[derive(Clone)]
pub struct AuditHandle {
    log: Arc<Mutex<Log>>,
    legend: Arc<Mutex<Option<Legend>>>,
}

impl AuditHandle {
    /// Takes an open log in.
    pub fn new(log: LogWriter) -> Self {
        Self { log: Arc::new(Mutex::new(Log::Open(Box::new(log)))), legend: Arc::default() }
    }

    /// Has `legend` appended as the log's last entry when it is closed: names for the numbers in the records, such
    /// as those of agents and reasons, which are known in full only then. At most 65,535 bytes.
    pub fn set_legend(&self, legend: impl FnOnce() -> Vec<u8> + Send + 'static) {
        *self.legend.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(legend));
    }

    /// The last checkpoint, once the bus has stopped and the log is closed.
    pub fn closed(&self) -> Option<Checkpoint> {
        match &*self.lock() {
            Log::Closed(checkpoint) => Some(checkpoint.clone()),
            _ => None,
        }
    }

    /// Why the log failed, if it did.
    pub fn failure(&self) -> Option<Arc<LogError>> {
        match &*self.lock() {
            Log::Failed(error) => Some(Arc::clone(error)),
            _ => None,
        }
    }

    /// Runs `work` on the open log; false when there is none, or when `work` failed and with it the log.
    fn with_log(&self, work: impl FnOnce(&mut LogWriter) -> Result<(), LogError>) -> bool {
        let mut log = self.lock();
        let Log::Open(writer) = &mut *log else { return false };
        match work(writer) {
            Ok(()) => true,
            Err(error) => {
                *log = Log::Failed(Arc::new(error));
                false
            }
        }
    }

    fn close(&self) {
        let mut log = self.lock();
        let open = |log: &Log| matches!(log, Log::Open(_));
        if !open(&log) {
            return;
        }
        let poisoned = Log::Failed(Arc::new(LogError::Poisoned));
        if let Log::Open(writer) = std::mem::replace(&mut *log, poisoned) {
            let legend = self.legend.lock().unwrap_or_else(PoisonError::into_inner).take();
            *log = match close_with(*writer, legend) {
                Ok(checkpoint) => Log::Closed(checkpoint),
                Err(error) => Log::Failed(Arc::new(error)),
            };
        }
    }

    /// A panic while the lock was held leaves a log whose writer poisons itself when it is not whole.
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for AuditHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AuditHandle({:?})", self.lock())
    }
}

fn close_with(mut writer: LogWriter, legend: Option<Legend>) -> Result<Checkpoint, LogError> {
    if let Some(legend) = legend {
        writer.append(&legend())?;
    }
    writer.close()
}

/// Appends the trail's records to the log.
pub struct AuditAgent {
    handle: AuditHandle,
    pulse: Option<(Lossy<Pulse>, u16)>,
    has_failed: bool,
}

agent!(AuditAgent {});

impl AuditAgent {
    /// An agent that appends to the log in `handle` and reports itself to `pulse`.
    pub fn new(handle: AuditHandle, pulse: Option<(Lossy<Pulse>, u16)>) -> Self {
        Self { handle, pulse, has_failed: false }
    }

    /// Appends what is there, up to the bound.
    fn append<F: Frame>(&mut self, cx: &mut Cx<'_, F>) -> usize {
        let mut count = 0;
        let is_good = self.handle.with_log(|log| {
            while count < BATCH_LIMIT {
                let Some(record) = cx.next_record() else { break };
                count += 1;
                let mut entry = [0; RECORD_BYTES];
                audit_record(&record).encode(&mut entry);
                log.append(&entry)?;
            }
            Ok(())
        });
        self.note(is_good, cx);
        count
    }

    /// Reports the log's failure, once.
    fn note<F: Frame>(&mut self, is_good: bool, cx: &mut Cx<'_, F>) {
        if is_good || self.has_failed {
            return;
        }
        self.has_failed = true;
        if let Some((port, subject)) = &self.pulse {
            // A pulse that is shed is counted in the ledger; the handle keeps the failure itself.
            let _offered = cx.offer(port, Pulse::new(*subject, Vital::Down));
        }
    }
}

impl<F: Frame> Agent<F> for AuditAgent {
    fn on_start(&mut self, cx: &mut Cx<'_, F>) {
        let deadline = cx.now().after_ns(CHECKPOINT_EVERY_NS);
        // Without a timer the log is signed when it is closed, and no sooner.
        cx.schedule(deadline, 0).map(|_| ()).unwrap_or_default();
    }

    fn on_timer(&mut self, _token: u64, cx: &mut Cx<'_, F>) {
        let is_good = self.handle.with_log(|log| log.checkpoint().map(|_| ()));
        self.note(is_good, cx);
        if is_good {
            self.on_start(cx);
        }
    }

    fn on_cycle(&mut self, cx: &mut Cx<'_, F>) -> usize {
        if self.has_failed { 0 } else { self.append(cx) }
    }

    fn on_stop(&mut self, cx: &mut Cx<'_, F>) {
        while !self.has_failed && self.append(cx) > 0 {}
        self.handle.close();
    }
}

/// The record as the log keeps it.
fn audit_record(record: &Record) -> AuditRecord {
    let header = &record.header;
    AuditRecord {
        stamp: header.stamp.0,
        correlation: header.correlation.0,
        sent_ticks: header.sent_ticks.as_ns(),
        at_ticks: record.at_ticks.as_ns(),
        sequence: record.sequence,
        reasons: record.reasons,
        source: header.source.0,
        target: header.target.0,
        kind: header.kind.0.into(),
        flags: header.flags.bits(),
        worker: record.worker,
        verdict: record.verdict.bits(),
        disposition: record.disposition as u8,
        boundary: record.boundary as u8,
        payload_bytes: record.payload_bytes,
        payload: record.payload,
    }
}
