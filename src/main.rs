use std::sync::Arc;
use stompliance::case::library::Library;
use stompliance::run::*;
fn main() {
    let l = Library::embedded();
    for d in &l.found { println!("{}\n", d.render(false)); }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mem = args.iter().any(|a| a == "-m");
    let pats: Vec<String> = args.into_iter().filter(|a| a != "-m").collect();
    let plan = Plan::new(&l, &pats).unwrap();
    let profile = l.profiles["reference"].clone();
    let folder = journal::JournalFolder { journals: "/tmp/j".into(), bodies: "/tmp/j/bodies".into() };
    let _ = std::fs::remove_dir_all("/tmp/j");
    std::fs::create_dir_all("/tmp/j").unwrap();
    let settings = Settings { seed: 7, anchor_ms: epoch_ms(), floor: std::time::Duration::from_secs(5), jobs: 16, fail_fast: false, repeat: 1, strict: false, no_preflight: false };
    let (_tx, rx) = tokio::sync::watch::channel(false);
    let tell: Tell = Arc::new(|e| match e {
        RunEvent::Finished(r) => println!("{:9} {} {} {:?} {}", r.verdict.word(), r.id, r.duration_ms, r.journal.as_ref().map(|j| j.display().to_string()).unwrap_or_default(), r.reason),
        RunEvent::Started { total } => println!("{total}"),
        _ => {}
    });
    let subject = Subject::Embedded { directory: stompliance::reference::Directory::demo(40), policy: stompliance::reference::Policy::default(), in_memory: mem };
    match execute(&l, &plan, subject, profile, settings, folder, tell, rx) {
        Ok(c) => println!("{c:?}"),
        Err(e) => println!("ERR {e}"),
    }
}
