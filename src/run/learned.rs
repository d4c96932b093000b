//! What a run learns of its target as it goes: how long things take, what it does not do though it was said to. A later run on the same
//! target may go on from there.
//!
//! It relies on nothing. It never decides a verdict: patience and the choice of a barrier follow from it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::calibrate::Calibration;

/// What was learned.
#[derive(Debug, Default)]
pub struct Learned {
    /// The usual round trip, smoothed, in microseconds.
    round_trip: AtomicU64,
    /// By how much they usually differ from it.
    deviation: AtomicU64,
    /// How often a target was waited for in vain to close after an ERROR.
    unclosed: AtomicU64,
    calibration: Mutex<Option<Calibration>>,
    /// Whether a receipt that was asked for did not come.
    receipt_missed: AtomicBool,
    /// Inversions of one sender's messages to one destination, seen in cases.
    inversions: AtomicU64,
}

impl Learned {
    /// Takes note of a round trip.
    pub fn round_trip_seen(&self, time: Duration) {
        // Smoothed as TCP does it (RFC 6298, section 2): one pause of a busy machine must not set the patience of a whole
        // run.
        let new = time.as_micros() as u64;
        let (old, deviation) = (&self.round_trip, &self.deviation);
        match old.load(Ordering::Relaxed) {
            0 => {
                old.store(new, Ordering::Relaxed);
                deviation.store(new / 2, Ordering::Relaxed);
            }
            usual => {
                let differs = (3 * deviation.load(Ordering::Relaxed) + usual.abs_diff(new)) / 4;
                deviation.store(differs, Ordering::Relaxed);
                old.store((7 * usual + new) / 8, Ordering::Relaxed);
            }
        }
    }

    /// The usual round trip.
    pub fn round_trip(&self) -> Duration {
        Duration::from_micros(self.round_trip.load(Ordering::Relaxed))
    }

    /// By how much round trips usually differ from the usual one.
    pub fn deviation(&self) -> Duration {
        Duration::from_micros(self.deviation.load(Ordering::Relaxed))
    }

    /// Takes note that a target did not close after an ERROR.
    pub fn never_closes(&self) {
        self.unclosed.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it did not.
    pub fn unclosed(&self) -> u64 {
        self.unclosed.load(Ordering::Relaxed)
    }

    /// Takes note of what was measured.
    pub fn calibrated(&self, calibration: Calibration) {
        *self.calibration.lock().unwrap_or_else(PoisonError::into_inner) = Some(calibration);
    }

    /// What was measured, if it was.
    pub fn calibration(&self) -> Option<Calibration> {
        self.calibration.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note that a receipt which was asked for did not come.
    pub fn receipt_missed(&self) {
        self.receipt_missed.store(true, Ordering::Relaxed);
    }

    /// Whether one did not.
    pub fn misses_receipts(&self) -> bool {
        self.receipt_missed.load(Ordering::Relaxed)
    }

    /// Takes note that a message overtook another of the same sender to the same destination.
    pub fn inversion_seen(&self) {
        self.inversions.fetch_add(1, Ordering::Relaxed);
    }

    /// How often that was seen.
    pub fn inversions(&self) -> u64 {
        self.inversions.load(Ordering::Relaxed)
    }
}
