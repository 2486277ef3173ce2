//! A limit of connections: each costs memory, even when nothing is called over it.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv6Addr},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures::{Stream, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

/// Things of which there may be so many: connections, streams.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    taken: AtomicUsize,
    refused: AtomicU64,
}

impl Places {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: AtomicUsize::new(0), refused: AtomicU64::new(0) })
    }

    pub(crate) fn take(self: &Arc<Self>) -> Option<Taken> {
        let one_more = |taken: usize| (taken < self.most).then_some(taken + 1);
        if self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Taken(self.clone()))
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Taken(Arc<Places>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Places of each network, so that one caller can't take all: an IPv4 address or an IPv6 /64, which one host may have to
/// itself.
#[derive(Debug)]
pub(crate) struct PlacesByNetwork {
    most: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

impl PlacesByNetwork {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default() })
    }

    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Option<TakenByNetwork> {
        let network = network_of(address);
        let mut all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = all.entry(network).or_default();
        if *taken >= self.most {
            return None;
        }
        *taken += 1;
        Some(TakenByNetwork { places: self.clone(), network })
    }
}

/// A place of a network.
#[derive(Debug)]
pub(crate) struct TakenByNetwork {
    places: Arc<PlacesByNetwork>,
    network: IpAddr,
}

impl Drop for TakenByNetwork {
    fn drop(&mut self) {
        let mut all = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = all.get_mut(&self.network) {
            *taken -= 1;
            if *taken == 0 {
                all.remove(&self.network);
            }
        }
    }
}

fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

/// Closes connections beyond the limit at once, so that their clients go elsewhere; left in the backlog they would wait.
pub(crate) fn limited<T, E>(
    incoming: impl Stream<Item = Result<T, E>>,
    places: Arc<Places>,
) -> impl Stream<Item = Result<Counted<T>, E>> {
    incoming.filter_map(move |accepted| {
        let counted = match accepted {
            Ok(io) => places.take().map(|taken| Ok(Counted { io, _taken: taken })),
            Err(error) => Some(Err(error)),
        };
        std::future::ready(counted)
    })
}

/// A connection that counts.
#[derive(Debug)]
pub(crate) struct Counted<T> {
    io: T,
    _taken: Taken,
}

impl<T: Connected> Connected for Counted<T> {
    type ConnectInfo = T::ConnectInfo;

    fn connect_info(&self) -> T::ConnectInfo {
        self.io.connect_info()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_places_and_gives_them_back() {
        let places = PlacesByNetwork::new(2);
        let take = |text: &str| places.take(text.parse().unwrap());
        let held = [take("2001:db8::1"), take("2001:db8::2")];
        assert!(held.iter().all(Option::is_some));
        assert!(take("2001:db8::3").is_none(), "one /64 is one network");
        assert!(take("2001:db8:0:1::1").is_some() && take("192.0.2.1").is_some());
        let _mapped = (take("192.0.2.1"), take("::ffff:192.0.2.1"));
        assert!(take("192.0.2.1").is_none());
        drop(held);
        assert!(take("2001:db8::3").is_some());
    }
}
