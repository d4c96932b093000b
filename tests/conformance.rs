//! Every declarative case and rule as a test of its own: `cargo test --test conformance -- 'im/revoke*'`.
//!
//! The patterns are those of `stompliance run`; a selection of nothing is an error. With `STOMPLIANCE_CONFIG=FILE` the
//! cases run on the server of that file, otherwise on the embedded reference server.

use std::process::ExitCode;

fn main() -> ExitCode {
    stompliance::conformance::main(std::env::var_os("STOMPLIANCE_CONFIG").map(Into::into))
}
