//! Drives a connection in a task, and collects the server's notices.

use std::future::poll_fn;

use tokio::sync::mpsc::{Receiver, channel};
use tokio_postgres::AsyncMessage;
use tokio_postgres::error::Severity;

use crate::model::text;

/// Maximum number of notices that wait to be read.
const NOTICES: usize = 500;

/// Starts the task, which ends when the connection does. Returns the notices.
pub(super) fn drive<S, T>(mut connection: tokio_postgres::Connection<S, T>) -> Receiver<String>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, notices) = channel(NOTICES);
    tokio::spawn(async move {
        // An error ends the loop. The requests that wait for an answer report the error.
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notice(notice) = message {
                // Notices that no one reads are dropped, so that memory use stays bounded.
                let mut words = text::bounded(notice.message());
                if let Some(detail) = notice
                    .detail()
                    .filter(|_| notice.parsed_severity() == Some(Severity::Warning))
                {
                    words = format!("{words} ({})", text::bounded(detail));
                }
                let _ = sender.try_send(match sender.capacity() {
                    0 => continue,
                    1 => "further notices were dropped: they came faster than they were read"
                        .to_owned(),
                    _ => format!("{}: {words}", notice.severity()),
                });
            }
        }
    });
    notices
}
