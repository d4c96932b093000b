//! The command `stompliance`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    stompliance::cli::main()
}
