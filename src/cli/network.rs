//! The flags for a bad network in between: `run` and `prove` have them alike.
//!
//! It relies on the link. It never puts one there by itself.

use std::time::Duration;

use crate::link::Badness;

/// What is put between the harness and the target.
#[derive(Debug, clap::Args)]
pub(super) struct Network {
    /// Put every connection behind a network that delays, cuts and joins what it carries, by this seed.
    #[arg(long, value_name = "SEED")]
    chaos: Option<u64>,
    /// The longest that --chaos holds anything back.
    #[arg(long, default_value = "30ms", value_name = "TIME", value_parser = humantime::parse_duration, requires = "chaos")]
    jitter: Duration,
}

impl Network {
    /// How bad it is, if there is one.
    pub(super) fn badness(&self) -> Option<Badness> {
        self.chaos.map(|seed| Badness { seed, longest: self.jitter })
    }

    /// The flags that give the same network again.
    pub(super) fn rerun(&self) -> String {
        match self.chaos {
            Some(seed) => format!(" --chaos {seed} --jitter {}", humantime::format_duration(self.jitter)),
            None => String::new(),
        }
    }
}
