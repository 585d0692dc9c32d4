//! Connections that cannot hold the program up: few at once, and none for long (floor 8).
//!
//! Whoever sends or reads slowly is cut off when the time of the connection is over, and so cannot keep
//! others out. Answers are small and made at once.

use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

const CONNECTIONS_MAX: usize = 32;
/// The whole life of a connection, with every request on it.
const CONNECTION_LIFE: Duration = Duration::from_secs(20);
/// After a failure to accept, as when file descriptors are short.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

pub(super) struct BoundedListener {
    listener: TcpListener,
    address: SocketAddr,
    places: Arc<Semaphore>,
    life: Duration,
}

impl BoundedListener {
    pub(super) async fn bind(listen: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        Ok(Self { listener, address, places, life: CONNECTION_LIFE })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Listener for BoundedListener {
    type Io = BoundedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                // It is never closed.
                return std::future::pending().await;
            };
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let end = Box::pin(tokio::time::sleep(self.life));
                    return (BoundedStream { stream, end, _place: place }, peer);
                }
                Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// A connection with an end.
pub(super) struct BoundedStream {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl BoundedStream {
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        self.end.as_mut().poll(context).is_ready()
    }
}

fn over<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
}

impl AsyncRead for BoundedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_over(context) { over() } else { Pin::new(&mut self.stream).poll_read(context, buffer) }
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_over(context) { over() } else { Pin::new(&mut self.stream).poll_write(context, bytes) }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_over(context) { over() } else { Pin::new(&mut self.stream).poll_flush(context) }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn who_is_slow_is_cut_off_and_keeps_nobody_out() {
        let mut listener = BoundedListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        listener.life = Duration::from_millis(300);
        let address = listener.address();
        let router = Router::new().route("/", get(|| async { "here" }));
        tokio::spawn(async move { axum::serve(listener, router).await });
        // More than there are places, each with the beginning of a request.
        let mut slow = Vec::new();
        for _ in 0..CONNECTIONS_MAX + 8 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
            slow.push(stream);
        }
        let mut good = TcpStream::connect(address).await.unwrap();
        good.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        let read = good.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(5), read).await.expect("it has its turn").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"), "{answer}");
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), slow[0].read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "the slow one is still there");
    }
}
