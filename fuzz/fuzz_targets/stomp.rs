//! What holds of every stream of octets, by libFuzzer.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| stompliance::stomp::laws::hold(octets));
