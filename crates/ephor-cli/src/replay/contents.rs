//! What a message carries beyond its payload, made as the trace is read.
//!
//! What a run has changed follows from the trace alone: from the successful responses before the line. So it is
//! known when a line is read, whatever is still under way, and a line that cannot be sent is found there.

use std::collections::HashMap;

use crate::overlay::{Overlay, OverlayError, canonical_input};
use crate::replay::bus::BLOCK_BYTES;
use crate::trace::{Line, LineKind, RunName};

/// Why a line cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentsError {
    /// The run has changed more than one run may.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A block is too small.
    #[error(
        "the arguments and what the run has changed take {bytes} bytes; a pool block holds {BLOCK_BYTES}"
    )]
    TooLarge {
        /// What they take.
        bytes: usize,
    },
}

/// What the open runs have changed so far. Bounded by the runs that the reader of the trace keeps open.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    overlays: HashMap<RunName, Overlay>,
}

impl Contents {
    /// The block that travels with the message of `line`, if one does; and learns what the line changes.
    ///
    /// # Errors
    /// [`ContentsError`] when the line cannot be sent.
    pub(crate) fn of(&mut self, line: &mut Line) -> Result<Option<Vec<u8>>, ContentsError> {
        if let Some(forgotten) = line.forgets {
            self.overlays.remove(&forgotten);
        }
        let overlay = self.overlays.entry(line.run).or_default();
        if line.opens {
            *overlay = Overlay::default();
        }
        let block = match (line.kind, line.tool, &line.args) {
            (LineKind::Command, Some(tool), Some(args)) => Some(canonical_input(tool, args, overlay)),
            (LineKind::Query, _, Some(args)) => {
                Some(serde_json::to_vec(args).expect("memory takes every byte of a value"))
            }
            _ => None,
        };
        if let Some(reservation) = line.reservation.take()
            && line.ok == Some(true)
        {
            overlay.insert(reservation)?;
        }
        match block {
            Some(block) if block.len() > BLOCK_BYTES => Err(ContentsError::TooLarge { bytes: block.len() }),
            block => Ok(block),
        }
    }
}
