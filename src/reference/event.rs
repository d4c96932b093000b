//! What goes into the core of the reference server and what comes out of it.
//!
//! It relies on the codec's frames only. It must never carry a socket, a clock or anything else that a test could not
//! write down.

use crate::stomp::{Fault, Frame, Version};

/// One connection, for as long as the server lives: ids are never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// Something that happened on a connection.
#[derive(Debug, Clone)]
pub enum Event {
    /// The upgrade was accepted; `user` is whom the query token names.
    Opened {
        /// The new connection.
        conn: ConnId,
        /// The user of the query token, if there was a valid one.
        user: Option<String>,
    },
    /// A whole frame came.
    Frame {
        /// Where it came from.
        conn: ConnId,
        /// The frame, decoded.
        frame: Frame,
    },
    /// Something came that is no frame.
    Fault {
        /// Where it came from.
        conn: ConnId,
        /// What was wrong with it.
        fault: Fault,
    },
    /// Octets came, whatever they were: the client is alive (STOMP12-HB-11, STOMP12-HB-12).
    Data {
        /// Where they came from.
        conn: ConnId,
    },
    /// The connection has ended.
    Closed {
        /// Which one.
        conn: ConnId,
    },
    /// Time has passed: [`super::Core::next_wake`] asked to be told.
    Tick,
}

/// What the shell has to do, and to which connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The connection that it is done to.
    pub to: ConnId,
    /// What is done.
    pub act: Act,
}

/// One thing to do to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// From now on read and write by the rules of this version.
    Speak(Version),
    /// Write this frame.
    Send(Frame),
    /// Write one line end (STOMP12-HB-08).
    Beat,
    /// Start the closing handshake; nothing follows.
    Close {
        /// The WebSocket close code.
        code: u16,
        /// The reason given in the close frame.
        reason: String,
    },
}
