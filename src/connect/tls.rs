//! TLS by rustls for tokio-postgres, with libpq's checks of certificates. `conninfo/tls.rs` parses `sslmode`;
//! `connect.rs` decides whether TLS is tried or required.

use std::future::Future;
use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::{fmt, io};

use anyhow::{Context as _, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, UnixTime,
};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, InconsistentKeys, RootCertStore,
    SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect};

use super::tap::{Ears, Tap};
use crate::connect::conninfo::{Root, Settings, SslMode};

/// TLS version of the handshake, such as `TLSv1.3`. `None`: no handshake yet.
type Agreed = Arc<Mutex<Option<String>>>;

/// The server's certificate and its chain, as sent in the last handshake (even if that handshake failed).
#[derive(Debug, Clone, Default)]
pub(crate) struct Chain(Arc<Mutex<Vec<CertificateDer<'static>>>>);

impl Chain {
    pub(crate) fn certificates(&self) -> Vec<CertificateDer<'static>> {
        self.0.lock().map(|of| of.clone()).unwrap_or_default()
    }

    fn set(&self, first: &CertificateDer<'_>, others: &[CertificateDer<'_>]) {
        if let Ok(mut kept) = self.0.lock() {
            let all = std::iter::once(first).chain(others);
            *kept = all.map(|of| of.clone().into_owned()).collect();
        }
    }
}

/// TLS to one server. `name`: the name that its certificate must have.
#[derive(Clone)]
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    name: String,
    checks_name: bool,
    agreed: Agreed,
    ears: Ears,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Tls {
    pub(super) fn new(config: Arc<ClientConfig>, name: String, checks_name: bool) -> Self {
        Self {
            config,
            name,
            checks_name,
            agreed: Agreed::default(),
            ears: Ears::default(),
        }
    }

    /// Returns this connector, which then records the decrypted answers in `ears`.
    pub(super) fn heard_by(self, ears: Ears) -> Self {
        Self { ears, ..self }
    }

    pub(super) fn agreed(&self) -> Agreed {
        Arc::clone(&self.agreed)
    }
}

/// The rustls configuration for these settings. The server's certificates are kept in `seen`.
pub(super) fn config(settings: &Settings, seen: Chain) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: Vec<_> = [
        (settings.versions.tls13, &TLS13),
        (settings.versions.tls12, &TLS12),
    ]
    .into_iter()
    .filter_map(|(may, version)| may.then_some(version))
    .collect();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)?;
    let chain = match &settings.root {
        Root::None => None,
        root => Some(checks(settings, root, &provider)?),
    };
    let checks_name = settings.sslmode == SslMode::VerifyFull;
    let verifier = Arc::new(Verifier {
        chain,
        checks_name,
        provider: Arc::clone(&provider),
        seen,
    });
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(Arc::new(match &settings.certificate {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let own = own(cert, key, &provider)?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own)))
        }
    }))
}

/// A verifier that checks a certificate's chain and name against the authorities in `root`.
fn checks(
    settings: &Settings,
    root: &Root,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>> {
    let roots = Arc::new(roots(root)?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
    Ok(verifier.with_crls(revoked(settings)?).build()?)
}

/// Returns an error if `sslmode=verify-full` would not accept these certificates from a server of this name.
pub(crate) fn verify_full(
    settings: &Settings,
    root: &Root,
    chain: &[CertificateDer<'_>],
    name: &str,
) -> Result<()> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = checks(settings, root, &provider)?;
    let (first, others) = chain.split_first().context("no certificate")?;
    let name = ServerName::try_from(name.to_owned())
        .with_context(|| format!("a certificate cannot contain the name {name:?}"))?;
    let outcome = verifier.verify_server_cert(first, others, &name, &[], UnixTime::now());
    outcome.map_err(in_words)?;
    Ok(())
}

/// The client's own certificate and its key. Only the server checks the certificate, so it is no error if rustls cannot parse the
/// certificate (as with X.509 v1).
fn own(cert: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey> {
    let about = || format!("certificate file \"{}\"", cert.display());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect);
    let chain = chain.with_context(about)?;
    anyhow::ensure!(
        !chain.is_empty(),
        "{} contains no certificate in PEM format",
        about()
    );
    let about_key = || format!("private key file \"{}\"", key.display());
    let secret = PrivateKeyDer::from_pem_file(key).with_context(|| {
        format!(
            "{} (PEM is needed, and encrypted keys are not supported)",
            about_key()
        )
    })?;
    let secret = (provider.key_provider.load_private_key(secret)).with_context(|| {
        format!(
            "{} (get a certificate with an RSA key of 2048 bits or more, or with a P-256, P-384 or Ed25519 key)",
            about_key()
        )
    })?;
    let own = CertifiedKey::new(chain, secret);
    anyhow::ensure!(
        own.keys_match() != Err(InconsistentKeys::KeyMismatch.into()),
        "{} is not the key of {}: name the right key with sslkey",
        about_key(),
        about()
    );
    Ok(own)
}

/// The certificate revocation lists; empty if no file is set.
fn revoked(settings: &Settings) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    let Some(file) = &settings.revoked else {
        return Ok(Vec::new());
    };
    let lists = CertificateRevocationListDer::pem_file_iter(file).and_then(Iterator::collect);
    lists.with_context(|| format!("certificate revocation list \"{}\"", file.display()))
}

fn roots(root: &Root) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    match root {
        Root::None => {}
        Root::System => {
            let found = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(found.certs);
            anyhow::ensure!(
                !store.is_empty(),
                "the platform's certificate store is empty: install ca-certificates, or name a file with sslrootcert"
            );
        }
        Root::File(file) => {
            let about = || format!("root certificate file \"{}\"", file.display());
            for certificate in CertificateDer::pem_file_iter(file).with_context(about)? {
                store
                    .add(certificate.with_context(about)?)
                    .with_context(about)?;
            }
            anyhow::ensure!(!store.is_empty(), "{} contains no certificate", about());
        }
    }
    Ok(store)
}

/// Checks the server's certificate: its chain (`verify-ca`), or chain and host name (`verify-full`), or nothing (`prefer`, and `require`
/// without a root certificate).
#[derive(Debug)]
struct Verifier {
    chain: Option<Arc<WebPkiServerVerifier>>,
    checks_name: bool,
    provider: Arc<CryptoProvider>,
    seen: Chain,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.seen.set(end_entity, intermediates);
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        // rustls checks the name last, so a wrong name means that the chain is valid.
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_name => Ok(ServerCertVerified::assertion()),
            other => other.map_err(in_words),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.chain.is_none() {
            // If the certificate is not checked, a signature by its key proves nothing. rustls could not even parse a
            // certificate of X.509 v1 or with a P-521 key.
            return Ok(HandshakeSignatureValid::assertion());
        }
        refuse_unknown_key(dss)?;
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.chain.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        refuse_unknown_key(dss)?;
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.provider.signature_verification_algorithms;
        let mut schemes = known.supported_schemes();
        // If this scheme is missing, a server whose only key is P-521 ends the handshake without a clear error.
        schemes.push(SignatureScheme::ECDSA_NISTP521_SHA512);
        schemes
    }
}

/// Clear errors for certificates that `OpenSSL` would accept but rustls does not. [`crate::connect`] adds the remedy.
fn in_words(error: Error) -> Error {
    let text = format!("{error:?}");
    if text.contains("UnsupportedCertVersion") {
        Error::General(VERSION_1.to_owned())
    } else if text.contains("UnsupportedSignatureAlgorithm") {
        Error::General(UNKNOWN_KEY.to_owned())
    } else {
        error
    }
}

fn refuse_unknown_key(signed: &DigitallySignedStruct) -> Result<(), Error> {
    if signed.scheme == SignatureScheme::ECDSA_NISTP521_SHA512 {
        return Err(Error::General(UNKNOWN_KEY.to_owned()));
    }
    Ok(())
}

pub(super) const VERSION_1: &str =
    "the server's certificate is of X.509 version 1, which cannot be verified here";
pub(super) const UNKNOWN_KEY: &str = "the server's certificate, or an authority's, has a key (such as P-521) that cannot be verified here";

type Handshake<S> = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Tls {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Handshake<S>;

    fn connect(self, tcp: S) -> Self::Future {
        Box::pin(async move {
            let name = match ServerName::try_from(self.name.clone()) {
                Ok(name) => name,
                // The name may be an address with a scope, which rustls does not accept. If names are not checked, any valid name will do.
                Err(_) if !self.checks_name => ServerName::from(IpAddr::from([0, 0, 0, 0])),
                Err(_) => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidInput,
                        format!("a certificate cannot contain the name {:?}", self.name),
                    ));
                }
            };
            let stream = tokio_rustls::TlsConnector::from(self.config)
                .connect(name, tcp)
                .await?;
            let version = stream.get_ref().1.protocol_version();
            let version = version
                .and_then(|version| version.as_str().map(str::to_owned))
                .map(|name| name.replace("TLSv1_", "TLSv1."));
            if let Ok(mut agreed) = self.agreed.lock() {
                *agreed = version.or_else(|| Some("TLS".to_owned()));
            }
            Ok(Stream(Tap::new(stream, self.ears, false)))
        })
    }
}

#[derive(Debug)]
pub(crate) struct Stream<S>(Tap<tokio_rustls::client::TlsStream<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
