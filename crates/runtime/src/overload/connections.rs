//! How many connections there may be: each costs memory, even when nothing is called over it.
//!
//! Where callers are told apart, those that have not shown who they are count apart from the others: a certificate names a connection
//! at its handshake, a token with the first call that its caller may make. Whoever has no name is bounded by network, in all, and in
//! time, so that who has one always finds a place. Without identities nobody has a name, and there is one limit for all.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use segue_core::{CallerId, Network};

use super::Limits;
use crate::shares::{Full, Held, Holders, Share, of_network};

/// An address may take one of so many parts of what there is for those without a name.
const ADDRESS_PART: usize = 8;
/// Connections of which not even the first words have come. More would only wait for the processor.
pub(crate) const MAX_OPENING: usize = 1024;

/// The connections of a service.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    all: Arc<Holders<CallerId>>,
    share: Share,
    unnamed: Option<Unnamed>,
}

/// Those that have shown no name, where one is needed.
#[derive(Debug, Clone)]
struct Unnamed {
    opening: Arc<Holders<Network>>,
    open: Arc<Holders<Network>>,
    most: usize,
    time: Duration,
}

impl Connections {
    pub(super) fn new(limits: &Limits, callers_have_names: bool) -> Self {
        let most = (limits.connections * limits.unnamed_percent / 100).max(1);
        let unnamed = callers_have_names.then(|| Unnamed {
            opening: Holders::new("opening_connections", MAX_OPENING),
            open: Holders::new("unnamed_connections", most),
            most,
            time: limits.unnamed,
        });
        Self {
            all: Holders::new("connections", limits.connections),
            share: Share::Percent(limits.caller_percent),
            unnamed,
        }
    }

    /// A place for one that is being opened; inside, none where nobody has a name.
    pub(crate) fn opening(&self, from: IpAddr) -> Result<Option<Held<Network>>, Full> {
        let Some(unnamed) = &self.unnamed else { return Ok(None) };
        let claims = of_network(from, MAX_OPENING / ADDRESS_PART, MAX_OPENING);
        unnamed.opening.take(claims).map(Some)
    }

    /// A place for one that has been opened, with a name or without.
    pub(crate) fn place(&self, from: IpAddr, name: Option<&CallerId>) -> Result<Place, Full> {
        let claims = name.map(|name| (name.clone(), self.share));
        let unnamed = match (&self.unnamed, name) {
            (Some(unnamed), None) => {
                let most = (unnamed.most / ADDRESS_PART).max(1);
                Some((unnamed.open.take(of_network(from, most, unnamed.most))?, unnamed.time))
            }
            _ => None,
        };
        Ok(Place {
            is_named: AtomicBool::new(unnamed.is_none()),
            nameless_for: unnamed.as_ref().map(|(_, time)| *time),
            held: Mutex::new((self.all.take(claims.into_iter().collect())?, unnamed.map(|(held, _)| held))),
            share: self.share,
        })
    }

    pub(super) fn open(&self) -> usize {
        self.all.held()
    }

    /// How many were turned away.
    pub(super) fn refused(&self) -> u64 {
        let unnamed = self.unnamed.as_ref().map_or(0, |some| some.opening.refused() + some.open.refused());
        self.all.refused() + unnamed
    }
}

/// The place of a connection. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    is_named: AtomicBool,
    /// How long it may stay without a name; none: as long as it likes.
    pub(crate) nameless_for: Option<Duration>,
    held: Mutex<(Held<CallerId>, Option<Held<Network>>)>,
    share: Share,
}

impl Place {
    pub(crate) fn is_named(&self) -> bool {
        self.is_named.load(Ordering::Relaxed)
    }

    /// Its caller has shown who it is. Later callers over the same connection, as behind a proxy, change nothing.
    pub(crate) fn name(&self, caller: CallerId) -> Result<(), Full> {
        if self.is_named() {
            return Ok(());
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, unnamed) = &mut *held;
        if unnamed.is_some() {
            all.claim(caller, self.share)?;
            *unnamed = None;
            self.is_named.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(connections: usize, callers_have_names: bool) -> Connections {
        Connections::new(&Limits { connections, ..Limits::default() }, callers_have_names)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// As many without a name as an address gets.
    fn fill(connections: &Connections, from: &str) -> Vec<Place> {
        std::iter::repeat_with(|| connections.place(address(from), None)).map_while(Result::ok).collect()
    }

    #[test]
    fn those_without_a_name_leave_room_to_those_with_one() {
        let connections = connections(320, true);
        let one = fill(&connections, "192.0.2.1");
        assert_eq!(one.len(), 10, "an eighth of a quarter");
        let others: Vec<_> = (1..100).map(|n| fill(&connections, &format!("198.51.{n}.1"))).collect();
        assert_eq!(one.len() + others.iter().map(Vec::len).sum::<usize>(), 80);
        let named = CallerId::of_subject("desk");
        let place = || connections.place(address("192.0.2.1"), Some(&named));
        let held: Vec<_> = std::iter::repeat_with(place).map_while(Result::ok).collect();
        assert!(held.len() > 160, "{}", held.len());
        assert!(held.iter().all(|place| place.is_named() && place.nameless_for.is_none()));
        let other = CallerId::of_subject("another");
        assert!(connections.place(address("192.0.2.1"), Some(&other)).is_ok());
        drop((one, others, held));
        assert_eq!(connections.open(), 0);
    }

    #[test]
    fn a_name_that_comes_later_frees_the_place_of_one_without() {
        let connections = connections(64, true);
        let places = fill(&connections, "192.0.2.1");
        assert_eq!(places.len(), 2);
        places[0].name(CallerId::of_subject("a")).unwrap();
        places[0].name(CallerId::of_subject("b")).unwrap();
        assert!(places[0].is_named() && !places[1].is_named());
        assert_eq!(fill(&connections, "192.0.2.1").len(), 1);
        assert_eq!(connections.open(), 2);
    }

    #[test]
    fn without_identities_there_is_one_limit() {
        let connections = connections(50, false);
        let places = fill(&connections, "127.0.0.1");
        assert_eq!(places.len(), 50);
        assert!(places.iter().all(Place::is_named));
        assert!(connections.opening(address("127.0.0.1")).unwrap().is_none());
    }
}
