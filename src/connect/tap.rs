//! Reads the server's answers up to the end of the start-up, for `hypertop doctor`. The driver does not report them.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The answers of a server during the start-up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    /// The answer to the request for TLS: `S` (yes) or `N` (no); `None`: no request, or another answer.
    pub tls: Option<u8>,
    /// Authentication method that the server requested, by its number in the protocol; 0: none requested.
    pub method: Option<i32>,
    /// The role is logged in.
    pub admitted: bool,
    /// Process id of the backend.
    pub pid: Option<i32>,
    /// Whether the server sent anything.
    pub anything: bool,
    /// First bytes of an answer that is not in PostgreSQL's protocol.
    pub foreign: Option<Vec<u8>>,
}

/// The recorded answers, shared by all streams of a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Ears(Arc<Mutex<Heard>>);

impl Ears {
    pub(super) fn heard(&self) -> Heard {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of the protocol that the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// One byte: the answer to the request for TLS.
    TlsAnswer,
    /// Type and length of a message, and the part of its body that is parsed.
    Message,
    /// Number of bytes left of a body that is skipped.
    Body(usize),
    End,
}

/// A stream whose incoming bytes are recorded.
#[derive(Debug)]
pub(super) struct Tap<S> {
    inner: S,
    ears: Ears,
    at: At,
    kept: Vec<u8>,
}

/// Bytes of a message's type and length.
const HEAD: usize = 5;
/// Number of bytes kept of an answer that is not in PostgreSQL's protocol.
const FOREIGN: usize = 24;
/// Maximum length of a message before the server is ready. A longer message is not PostgreSQL's.
const LONGEST: usize = 100_000;

impl<S> Tap<S> {
    /// `asks_tls`: the client first sends a request for TLS.
    pub(super) fn new(inner: S, ears: Ears, asks_tls: bool) -> Self {
        Self {
            inner,
            ears,
            at: if asks_tls { At::TlsAnswer } else { At::Message },
            kept: Vec::new(),
        }
    }

    fn listen(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.at != At::End {
            bytes = match self.at {
                At::End => return,
                At::Body(left) => {
                    let (_, rest) = bytes.split_at(left.min(bytes.len()));
                    let left = left - (bytes.len() - rest.len());
                    self.at = if left == 0 {
                        At::Message
                    } else {
                        At::Body(left)
                    };
                    rest
                }
                At::TlsAnswer => self.tls_answer(bytes),
                At::Message => {
                    self.kept.push(bytes[0]);
                    self.message(bytes);
                    &bytes[1..]
                }
            };
        }
    }

    fn tls_answer<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let mut heard = self.ears.lock();
        heard.anything = true;
        let answer = bytes[0];
        // After `S` the bytes are encrypted. A tap inside the TLS stream records them decrypted.
        self.at = if answer == b'S' { At::End } else { At::Message };
        if matches!(answer, b'S' | b'N') {
            heard.tls = Some(answer);
            &bytes[1..]
        } else {
            // Not an answer to the TLS request: an error message, or another protocol.
            bytes
        }
    }

    /// Parses a message when enough bytes have arrived. `rest` is the byte that was just kept, and the bytes after it. If the bytes are not
    /// a PostgreSQL message, some bytes of `rest` are recorded too.
    fn message(&mut self, rest: &[u8]) {
        if self.kept.len() < HEAD {
            return;
        }
        let kind = self.kept[0];
        let length = number(&self.kept[1..HEAD]).and_then(|length| usize::try_from(length).ok());
        let body = length.and_then(|length| length.checked_sub(4));
        let Some(body) = body.filter(|body| *body <= LONGEST && b"RSKENZvA".contains(&kind)) else {
            let mut first = self.kept.clone();
            first.extend(rest.iter().skip(1).take(FOREIGN - HEAD));
            let mut heard = self.ears.lock();
            heard.anything = true;
            heard.foreign = Some(first);
            self.at = At::End;
            return;
        };
        let wanted = if b"RK".contains(&kind) {
            body.min(4)
        } else {
            0
        };
        if self.kept.len() < HEAD + wanted {
            return;
        }
        let value = number(&self.kept[HEAD..]);
        let mut heard = self.ears.lock();
        heard.anything = true;
        match (kind, value) {
            (b'R', Some(0)) => {
                heard.admitted = true;
                heard.method.get_or_insert(0);
            }
            (b'R', Some(method)) => {
                heard.method.get_or_insert(method);
            }
            (b'K', Some(pid)) => heard.pid = Some(pid),
            _ => {}
        }
        drop(heard);
        self.kept.clear();
        self.at = match (kind, body - wanted) {
            (b'Z', _) => At::End,
            (_, 0) => At::Message,
            (_, left) => At::Body(left),
        };
    }
}

/// The number in the first four bytes.
fn number(bytes: &[u8]) -> Option<i32> {
    let bytes: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    Some(i32::from_be_bytes(bytes))
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if self.at != At::End && matches!(read, Poll::Ready(Ok(()))) {
            self.listen(&buf.filled()[before..]);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the bytes in pieces of every length, and returns the recorded answers.
    fn heard(bytes: &[u8], asks_tls: bool) -> Heard {
        let mut all = (1..=bytes.len()).map(|length| {
            let ears = Ears::default();
            let mut tap = Tap::new((), ears.clone(), asks_tls);
            for piece in bytes.chunks(length) {
                tap.listen(piece);
            }
            ears.heard()
        });
        let first = all.next().unwrap();
        for other in all {
            let same = |heard: &Heard| (heard.tls, heard.method, heard.admitted, heard.pid);
            assert_eq!(same(&first), same(&other));
        }
        first
    }

    #[test]
    fn a_login_is_heard_in_pieces_of_any_length() {
        let sasl = b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0";
        let ok =
            b"R\0\0\0\x08\0\0\0\0S\0\0\0\x09a\0bc\0K\0\0\0\x0c\0\0\x01\x02\0\0\0\0Z\0\0\0\x05I";
        let more = b"D\0\0\0\x08\0\0\0\0";
        let heard = heard(&[&sasl[..], ok, more].concat(), false);
        assert_eq!(
            (heard.method, heard.admitted, heard.pid),
            (Some(10), true, Some(258))
        );
        assert_eq!(heard.foreign, None);
    }

    #[test]
    fn the_answer_to_a_request_for_tls_is_no_message() {
        let plain = heard(b"NR\0\0\0\x08\0\0\0\0", true);
        assert_eq!((plain.tls, plain.method), (Some(b'N'), Some(0)));
        assert_eq!(heard(b"S\x16\x03\x03", true).tls, Some(b'S'));
    }

    #[test]
    fn what_is_not_postgresql_is_kept_as_it_is() {
        let heard = heard(b"HTTP/1.1 400 Bad Request\r\n", true);
        assert!(heard.foreign.unwrap().starts_with(b"HTTP/"));
    }
}
