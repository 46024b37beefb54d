//! A DICOM node that stores what it receives: C-ECHO and C-STORE as a provider (PS3.7), over the
//! upper layer (PS3.8). It keeps nothing: an object is received once the store has it.
//!
//! Written here because it is small: libraries of the upper layer also bring data sets, codecs and
//! dictionaries, and received objects are not looked into beyond their UIDs.

pub mod association;
mod command;
pub mod node;
mod pdu;
pub mod storage;
