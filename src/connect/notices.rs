//! What drives a connection, and keeps the server's notices.

use std::future::poll_fn;

use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;
use tokio_postgres::AsyncMessage;
use tokio_postgres::error::Severity;

use crate::model::text;

/// So many notices are kept until somebody reads them.
const NOTICES: usize = 500;

/// Runs the connection until it ends, and collects the server's notices.
pub(super) fn drive<S, T>(
    mut connection: tokio_postgres::Connection<S, T>,
) -> (JoinHandle<()>, Receiver<String>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (told, notices) = channel(NOTICES);
    let driver = tokio::spawn(async move {
        // Why it ended is told to whoever waits for an answer.
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notice(notice) = message {
                // A session whose notices nobody reads drops them, and one that is flooded does not fill the memory.
                let mut words = text::bounded(notice.message());
                if let Some(detail) = notice
                    .detail()
                    .filter(|_| notice.parsed_severity() == Some(Severity::Warning))
                {
                    words = format!("{words} ({})", text::bounded(detail));
                }
                let _ = told.try_send(match told.capacity() {
                    0 => continue,
                    1 => "further notices came faster than they were read, and are left out"
                        .to_owned(),
                    _ => format!("{}: {words}", notice.severity()),
                });
            }
        }
    });
    (driver, notices)
}
