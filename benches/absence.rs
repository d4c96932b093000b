//! What it costs to know that nothing came: 1, 11 and 101 cases with an absence each, on the reference server over
//! sockets. Each should cost its round trips and no more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use stompliance::case::diagnostic::Source;
use stompliance::case::library::Library;
use stompliance::case::script::Side;
use stompliance::judge::Verdict;
use stompliance::reference::{Directory, Policy};
use stompliance::run::{Job, Plan, Settings, Subject, each_record, epoch_ms};

/// A suite of so many cases in which somebody receives nothing.
fn suite(count: usize) -> String {
    let rows: Vec<String> = (0..count).map(|n| format!("r{n}")).collect();
    format!(
        "suite: bench/absence\ntitle: Absence\ndialect: im\ncases:\n  - id: nothing\n    title: Nothing comes to who is \
         not addressed\n    requirements: [ IM-SEND-07 ]\n    each: {{ row: [ {} ] }}\n    cast: {{ alice: online, bob: \
         online, carol: online }}\n    steps:\n      - alice: {{ send: {{ to: $bob }}, as: m }}\n      - bob: {{ receive: \
         $m }}\n      - carol: {{ receive: nothing, clause: IM-SEND-07 }}\n",
        rows.join(", ")
    )
}

fn run(count: usize) -> (Duration, u64, u64) {
    let library = Library::with_suites(vec![Source::new("bench.yaml", &suite(count))]);
    assert!(library.is_sound(), "{:?}", library.found);
    let plan = Plan::new(&library, &["bench".to_owned()], Side::Server).unwrap();
    let settings =
        Settings { seed: 1, anchor_ms: epoch_ms(), jobs: 1, no_preflight: true, ..Settings::default() };
    let subject =
        Subject::Embedded { directory: Directory::demo(40), policy: Policy::default(), in_memory: false };
    let profile = library.profiles["reference"].clone();
    let begun = Instant::now();
    let job = Job {
        library: &library,
        plan: &plan,
        subject,
        profile,
        settings,
        folder: None,
        learned: Arc::default(),
    };
    let cost = each_record(job, |record| {
        assert!(
            matches!(record.verdict, Verdict::Pass | Verdict::NotApplicable),
            "{}: {}",
            record.id,
            record.reason
        );
    })
    .unwrap();
    let took = begun.elapsed();
    (took, cost.waiting["grace_ms"], cost.waiting["patience_ms"])
}

fn main() {
    println!(
        "{:>6} {:>12} {:>14} {:>10} {:>13}",
        "cases", "whole run", "per case", "grace", "spent patience"
    );
    for count in [1, 11, 101] {
        // The last case's connections linger for a quarter of a second: it is not the cases' cost.
        let (took, grace, patience) = run(count);
        let own = took.saturating_sub(Duration::from_millis(250));
        println!(
            "{count:>6} {:>9.1} ms {:>11.2} ms {grace:>7} ms {patience:>10} ms",
            took.as_secs_f64() * 1000.0,
            own.as_secs_f64() * 1000.0 / count as f64
        );
    }
}
