//! Where connections come from: dialled over sockets, TLS or memory, or accepted.
//!
//! It relies on tokio's sockets and on `tls`. It never decides how long to wait: the caller bounds it, and each
//! error says which of the stages failed.

use std::io;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};

use super::chaos::Chaos;
use super::memory::{MemoryConnector, MemoryListener};
use super::stream::Stream;
use super::tls::{self, TlsConnector};

/// Opens connections to one target.
#[derive(Debug, Clone)]
pub enum Connector {
    /// Over sockets.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
        /// TLS, for `wss` targets.
        tls: Option<TlsConnector>,
    },
    /// In memory.
    Memory(MemoryConnector),
    /// Behind a bad network.
    Chaotic(Arc<Chaos>, Box<Connector>),
}

/// Why no connection came about, by stage.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("cannot resolve the host `{host}`: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// TCP said no.
    #[error("cannot connect to {host}:{port}: {source}")]
    Connect {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// TLS said no.
    #[error("TLS failed with {host}:{port}: {source}{}", tls::remedy(source))]
    Tls {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
        /// What rustls said.
        source: io::Error,
    },
}

impl Connector {
    /// Opens a connection.
    ///
    /// # Errors
    /// The stage that failed: name, TCP or TLS.
    pub async fn connect(&self) -> Result<Stream, DialError> {
        match self {
            Connector::Chaotic(chaos, inner) => Ok(chaos.wrap(Box::pin(inner.connect()).await?)),
            Connector::Memory(connector) => connector.connect().map_err(|source| DialError::Connect {
                host: "memory".into(),
                port: 0,
                source,
            }),
            Connector::Tcp { host, port, tls } => {
                let (host, port) = (host.clone(), *port);
                let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let addresses: Vec<_> = match tokio::net::lookup_host((bare.as_str(), port)).await {
                    Ok(found) => found.collect(),
                    Err(source) => return Err(DialError::Resolve { host, source }),
                };
                let socket = match TcpStream::connect(&addresses[..]).await {
                    Ok(socket) => socket,
                    Err(source) => return Err(DialError::Connect { host, port, source }),
                };
                match tls {
                    None => Ok(Stream::tcp(socket)),
                    Some(tls) => {
                        let _ = socket.set_nodelay(true);
                        tls.connect(&bare, socket).await.map(Stream::tls).map_err(|source| DialError::Tls {
                            host,
                            port,
                            source,
                        })
                    }
                }
            }
        }
    }
}

/// Accepts connections.
#[derive(Debug)]
pub enum Listener {
    /// Over sockets.
    Tcp(TcpListener),
    /// In memory.
    Memory(MemoryListener),
}

impl Listener {
    /// Listens on a socket.
    pub fn tcp(listener: TcpListener) -> Self {
        Listener::Tcp(listener)
    }

    /// Listens in memory.
    pub fn memory(listener: MemoryListener) -> Self {
        Listener::Memory(listener)
    }

    /// The next connection.
    ///
    /// # Errors
    /// What the system says, or that no connector is left.
    pub async fn accept(&self) -> io::Result<Stream> {
        match self {
            Listener::Tcp(listener) => listener.accept().await.map(|(socket, _)| Stream::tcp(socket)),
            Listener::Memory(listener) => listener.accept().await,
        }
    }
}
