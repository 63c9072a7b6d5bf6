//! The audit overseer's log: an append-only Merkle tree on disk, and the verifier that reads it back.
//!
//! A [`LogWriter`] appends entries, keeps the RFC 6962 hash tree over them, and signs checkpoints. [`verify`]
//! reads every byte of a log and says where it was changed, cut or added to. The directory is in a public
//! format (C2SP tlog-tiles, tlog-checkpoint, signed-note), so that programs that are not ours verify it too;
//! `docs/audit.md` has the formats, the order of writes and what a passing verification proves.
//!
//! ```
//! use ephor_audit::{LogWriter, SigningKey, VerifyOptions, verify};
//!
//! let place = tempfile::tempdir()?;
//! let key = SigningKey::load_or_create(&place.path().join("log.key"), "example.com/bus")?;
//! let vkey = key.verifier_key();
//!
//! let dir = place.path().join("log");
//! let mut log = LogWriter::create(&dir, key)?;
//! assert_eq!(log.append(b"order 7: permit")?, 1); // entry 0 names the log's key
//! let checkpoint = log.close()?;
//!
//! let options = VerifyOptions { vkey: Some(vkey), checkpoint: Some(checkpoint.note().into()) };
//! let verified = verify(&dir, &options, |_done, _total| {})?;
//! assert_eq!((verified.size, verified.pinned), (2, true));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An append costs two hashes and a copy, and one pair of file writes in 256; a checkpoint costs a few
//! synchronous writes. So one thread owns the log, and what must not wait hands its records to that thread.
//!
//! **Absent on purpose:** threads, a clock, reopening a log, retrying after an I/O error, pruning, and any
//! network. A log has one writer in its life; the next run writes the next log.
#![forbid(unsafe_code)]

mod agent;

mod hash;
mod tile;
mod tree;

mod bundle;
mod record;

mod key;
pub mod note;

mod checkpoint;
mod genesis;

mod fault;
mod load;
mod replay;

mod disk;
mod writer;

mod reader;
mod verify;

pub use crate::agent::{AuditAgent, AuditHandle};
pub use crate::checkpoint::{Checkpoint, CheckpointError};
pub use crate::fault::Fault;
pub use crate::hash::Hash;
pub use crate::key::{KeyError, KeyFileError, SigningKey, VerifierKey};
pub use crate::reader::{Entries, LogReader, ReadError};
pub use crate::record::{AuditRecord, DecodeError, RECORD_BYTES, RECORD_PAYLOAD_BYTES};
pub use crate::tile::ENTRY_BYTES_LIMIT;
pub use crate::verify::{Verified, VerifyError, VerifyOptions, verify};
pub use crate::writer::{LogError, LogWriter};
