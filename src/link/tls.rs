//! TLS for `wss` targets: the system's roots, roots of one's own, or none at all.
//!
//! It relies on rustls with ring, chosen explicitly so that no other crate can change it. Without being told so it
//! never accepts a certificate that it cannot verify.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, InvalidMessage, RootCertStore, SignatureScheme,
};

/// Speaks TLS to one target.
#[derive(Clone)]
pub struct TlsConnector(tokio_rustls::TlsConnector);

impl std::fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsConnector")
    }
}

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file with the roots cannot be used.
    #[error("the CA file {path}: {why}")]
    Ca {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The system has no roots, so that no certificate could be verified.
    #[error("the system has no root certificates ({0}); name a CA file, or use --insecure")]
    NoRoots(String),
    /// rustls refused the configuration.
    #[error("TLS cannot be set up: {0}")]
    Setup(Error),
}

impl TlsConnector {
    /// Trusts the roots in `ca`, or else those of the system; with `insecure` any certificate.
    ///
    /// # Errors
    /// A CA file that cannot be read or holds no certificate, or a system without roots.
    pub fn new(ca: Option<&Path>, insecure: bool) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?;
        let config = if insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        } else {
            builder.with_root_certificates(roots(ca)?)
        };
        Ok(TlsConnector(Arc::new(config.with_no_client_auth()).into()))
    }

    /// Shakes hands over a socket that is connected to `host`.
    ///
    /// # Errors
    /// What rustls says of the peer or its certificate.
    pub(super) async fn connect(&self, host: &str, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.0.connect(name, socket).await.map(TlsStream::Client)
    }
}

/// What may be done about a handshake that failed, as the end of a sentence; nothing where nobody knows.
pub(super) fn remedy(error: &io::Error) -> &'static str {
    match error.get_ref().and_then(|e| e.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(_)) => {
            "; name the file of its issuer with --ca, or accept any with --insecure"
        }
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "; no TLS is spoken there: try ws://"
        }
        _ => "",
    }
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    match ca {
        Some(path) => {
            let bad = |why: String| TlsError::Ca { path: path.display().to_string(), why };
            for certificate in CertificateDer::pem_file_iter(path).map_err(|e| bad(e.to_string()))? {
                let certificate = certificate.map_err(|e| bad(e.to_string()))?;
                store.add(certificate).map_err(|e| bad(e.to_string()))?;
            }
            if store.is_empty() {
                return Err(bad("no certificate in it".into()));
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(found.certs);
            if store.is_empty() {
                let why = found.errors.first().map_or_else(|| "none found".into(), ToString::to_string);
                return Err(TlsError::NoRoots(why));
            }
        }
    }
    Ok(store)
}

/// Accepts any certificate, but still wants its key to have signed the handshake.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
