//! WebSocket (RFC 6455), in both roles, without I/O: frames, messages, the accept key.
//!
//! Our own, because a harness must show what a peer did (masks, reserved bits, fragments, length forms) and must be
//! able to do what no library does. It never repairs a violation silently and never answers by itself.

mod frame;
pub mod laws;
mod message;

pub use frame::{FrameReader, Role, Violation, WsFrame, encode_frame, opcode};
pub use message::{Assembler, Message};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The value of `Sec-WebSocket-Accept` that answers a key (RFC 6455, 4.2.2).
pub fn accept_key(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finalize())
}

/// A key for `Sec-WebSocket-Key` out of sixteen octets (RFC 6455, 4.1).
pub fn key_from(octets: [u8; 16]) -> String {
    STANDARD.encode(octets)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_accept_key_is_that_of_the_rfc() {
        assert_eq!(super::accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
