//! The client's I/O: one connection at a time, lines in and out, and the clock.
//!
//! It relies on the [`Core`] for every decision. It never reads what it carries.

use std::io::BufRead as _;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::contract::{Environment, PREFIX};
use super::core::{Core, Effect, Input};
use super::policy::Policy;
use crate::link::upgrade::{self, Answer, HttpRequest};
use crate::link::{Connector, Stream};

/// A connection that a client has, or asks for. It ends with this, behind what is to be written.
#[derive(Debug)]
struct Wire {
    inputs: mpsc::UnboundedReceiver<Input>,
    octets: mpsc::UnboundedSender<Vec<u8>>,
}

impl Wire {
    fn open(connector: Connector, request: HttpRequest, policy: Policy) -> Wire {
        let (told, inputs) = mpsc::unbounded_channel();
        let (octets, written) = mpsc::unbounded_channel();
        tokio::spawn(carry(connector, request, policy, told, written));
        Wire { inputs, octets }
    }
}

/// Lives as a client until it exits; with which status. What its user says comes by `lines`, which ends with its input; what it tells goes to `print`.
pub async fn live(
    mut core: Core,
    policy: Policy,
    connector: Connector,
    mut lines: mpsc::UnboundedReceiver<String>,
    mut print: impl FnMut(String),
) -> u8 {
    let began = Instant::now();
    let mut wire: Option<Wire> = None;
    let mut listening = true;
    let mut input = Input::Start;
    loop {
        for effect in core.handle(input, began.elapsed()) {
            match effect {
                Effect::Open(request) => wire = Some(Wire::open(connector.clone(), request, policy)),
                Effect::Write(octets) => drop(wire.as_ref().map(|wire| wire.octets.send(octets))),
                Effect::Shut => wire = None,
                Effect::Print(line) => print(line),
                Effect::Exit(status) => return status,
            }
        }
        let wakes_at = core.wakes_at();
        let sleep = async {
            match wakes_at {
                Some(at) => tokio::time::sleep_until(began + at).await,
                None => std::future::pending().await,
            }
        };
        let came = async {
            match &mut wire {
                Some(wire) => wire.inputs.recv().await,
                None => std::future::pending().await,
            }
        };
        input = tokio::select! {
            biased;
            came = came => came.unwrap_or_else(|| {
                // Nothing more comes of it: it is not asked again.
                wire = None;
                Input::Ended
            }),
            line = lines.recv(), if listening => match line {
                Some(line) => Input::Line(line),
                None => {
                    listening = false;
                    Input::EndOfInput
                }
            },
            () = sleep => Input::Tick,
        };
    }
}

/// One connection from its beginning to its end.
async fn carry(
    connector: Connector,
    request: HttpRequest,
    policy: Policy,
    told: mpsc::UnboundedSender<Input>,
    written: mpsc::UnboundedReceiver<Vec<u8>>,
) {
    let asked = async {
        let stream = connector.connect().await.map_err(|e| e.to_string())?;
        upgrade::request(stream, &request).await.map_err(|e| e.to_string())
    };
    let asked = tokio::select! {
        biased;
        () = told.closed() => return,
        asked = asked => asked,
    };
    match asked {
        Err(why) => drop(told.send(Input::Failed(why))),
        Ok(Answer::Refused(mut answer, rest)) => {
            tokio::select! {
                biased;
                () = told.closed() => {}
                () = rest.read(&mut answer) => {}
            }
            let _ = told.send(Input::Answered(answer));
        }
        Ok(Answer::Upgraded(answer, stream, early)) => {
            let _ = told.send(Input::Answered(answer));
            if !early.is_empty() && policy.reads_early_octets() {
                let _ = told.send(Input::Octets(early));
            }
            exchange(stream, told, written).await;
        }
    }
}

async fn exchange(
    stream: Stream,
    told: mpsc::UnboundedSender<Input>,
    mut written: mpsc::UnboundedReceiver<Vec<u8>>,
) {
    let (mut reads, mut writes) = tokio::io::split(stream);
    let writing = async {
        while let Some(octets) = written.recv().await {
            if writes.write_all(&octets).await.is_err() {
                // That shows where it is read.
                std::future::pending::<()>().await;
            }
            let _ = writes.flush().await;
        }
        let _ = writes.shutdown().await;
    };
    let reading = async {
        let mut chunk = vec![0; 64 << 10];
        while let Ok(read @ 1..) = reads.read(&mut chunk).await {
            if told.send(Input::Octets(chunk[..read].to_vec())).is_err() {
                // Nobody is left who would hear it: what is to be written is all that counts.
                std::future::pending::<()>().await;
            }
        }
        let _ = told.send(Input::Ended);
        told.closed().await;
    };
    tokio::select! {
        () = writing => {}
        () = reading => {}
    }
}

/// Is a driver (docs/drivers.md): reads its environment and standard input, connects, and prints what its user would see.
/// Returns when it exits; with which status.
///
/// # Errors
/// Variables that are missing, or what the system says.
pub fn drive(policy: Policy, seed: u64, print: impl FnMut(String)) -> Result<u8, String> {
    let environment = Environment::read(|name| std::env::var(format!("{PREFIX}{name}")).ok())?;
    let (host, port) = environment.authority.rsplit_once(':').ok_or("an URL without a port")?;
    let port = port.parse().map_err(|e| format!("port {port}: {e}"))?;
    let connector = Connector::Tcp { host: host.to_owned(), port, tls: None };
    let core = Core::new(policy, environment, seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("cannot start: {e}"))?;
    let (say, lines) = mpsc::unbounded_channel();
    // A thread may wait for a line that never comes, and does not keep the process from its end.
    std::thread::spawn(move || {
        let input = std::io::BufReader::new(std::io::stdin());
        for line in input.split(b'\n') {
            let Ok(line) = line else { return };
            let _ = say.send(String::from_utf8_lossy(&line).into_owned());
        }
    });
    Ok(runtime.block_on(live(core, policy, connector, lines, print)))
}
