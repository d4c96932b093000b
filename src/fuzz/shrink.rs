//! Making what was found smaller: fewer inputs, shorter ones, until nothing can be left out.
//!
//! It relies on proptest's trees. Every step is judged afresh on a fresh server by the same scenario and judge, and only a failure of the
//! same clause counts, so that one finding does not turn into another. It is bounded in sessions and time.

use std::time::{Duration, Instant};

use proptest::strategy::{Strategy as _, ValueTree as _};

use super::finding::Finding;
use super::trial::{Bench, Failure, Fault};
use super::{Scenario, runner};

/// The most scenarios that one finding is worth, and the most time.
const MOST: usize = 300;
const LONGEST: Duration = Duration::from_secs(60);

/// The smallest scenario, found within this time, that fails in the same way; or the very one, marked, where it does not fail again by itself.
pub(super) fn smallest(
    seed: u64,
    found: &Scenario,
    failure: Failure,
    bench: &mut Bench,
    most: Duration,
) -> Result<Finding, Fault> {
    let (begun, mut runs, clause) = (Instant::now(), 0, failure.clause.clone());
    let mut finding = Finding::new(seed, found, failure);
    let mut fails = |scenario: &Scenario| -> Result<Option<Failure>, Fault> {
        runs += 1;
        bench.alone(scenario, &clause)
    };
    // Where it is a race it may take a few tries.
    for _ in 0..3 {
        if let Some(again) = fails(found)? {
            (finding.failure, finding.reproduced) = (again, true);
            break;
        }
    }
    let tree = found.strategy.inputs().new_tree(&mut runner(seed, &found.strategy, found.number));
    let (true, Ok(mut tree)) = (finding.reproduced, tree) else {
        finding.runs = 3;
        return Ok(finding);
    };
    let mut tried = 0;
    let mut more = tree.simplify();
    while more && tried < MOST && begun.elapsed() < most.min(LONGEST) {
        let smaller = Scenario { inputs: tree.current(), ..found.clone() };
        if smaller.inputs == finding.scenario.inputs {
            // What could not be done anyway was left out.
            more = tree.simplify();
            continue;
        }
        tried += 1;
        more = match fails(&smaller)? {
            Some(again) => {
                (finding.failure, finding.scenario) = (again, smaller);
                tree.simplify()
            }
            None => tree.complicate(),
        };
    }
    // What is reported has just been judged from scratch, once more.
    if let Some(again) = fails(&finding.scenario)? {
        finding.failure = again;
    } else {
        finding.reproduced = false;
    }
    finding.kinds.insert(finding.failure.kind());
    finding.runs = runs;
    Ok(finding)
}
