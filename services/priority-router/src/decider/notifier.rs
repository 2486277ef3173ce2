//! Tells streams of this replica what turns have changed: those of this replica with the events themselves, those of others by a hint
//! to read them.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::{
    domain::{ContactId, Name, Presence, PresenceReason},
    store::events::Told,
};

/// What a stream that does not keep up has waiting; beyond that it reads from the database.
const WAITING: usize = 64;

/// What a stream is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    Agent(Name),
    Contact(ContactId),
}

/// What is new.
#[derive(Debug, Clone)]
pub(crate) enum News {
    /// An event of the agent.
    Told(Arc<Told>),
    /// The agent's presence, which may be what it was.
    Presence(Presence, PresenceReason),
    /// Something that the database tells.
    Changed,
    /// The agent is deleted.
    Gone,
    /// All that was known may be wrong, or something was missed: the state was loaded anew, as after a failover that lost commits, or
    /// the stream did not keep up.
    Anew,
}

/// Who wants to know of what. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notifier(Arc<Mutex<Topics>>);

#[derive(Debug, Default)]
struct Topics {
    listeners: HashMap<Topic, Vec<(u64, Sender)>>,
    made: u64,
}

#[derive(Debug, Clone)]
struct Sender {
    news: mpsc::Sender<News>,
    has_missed: Arc<AtomicBool>,
}

/// One stream's part of it.
#[derive(Debug)]
pub(crate) struct Listener {
    topic: Topic,
    number: u64,
    news: mpsc::Receiver<News>,
    has_missed: Arc<AtomicBool>,
    notifier: Notifier,
}

impl Notifier {
    /// Listens from now on: what happens after this call is told, so call it before reading.
    pub(crate) fn listen(&self, topic: Topic) -> Listener {
        let (news, receiver) = mpsc::channel(WAITING);
        let has_missed = Arc::new(AtomicBool::new(false));
        let mut topics = self.0.lock();
        topics.made += 1;
        let number = topics.made;
        let sender = Sender { news, has_missed: has_missed.clone() };
        topics.listeners.entry(topic.clone()).or_default().push((number, sender));
        Listener { topic, number, news: receiver, has_missed, notifier: self.clone() }
    }

    /// Tells of several things, in their order.
    pub(super) fn tell(&self, news: impl IntoIterator<Item = (Topic, News)>) {
        let topics = self.0.lock();
        for (topic, news) in news {
            for (_, sender) in topics.listeners.get(&topic).into_iter().flatten() {
                sender.send(news.clone());
            }
        }
    }

    /// Tells all that what they knew may be wrong.
    pub(super) fn tell_anew(&self) {
        let topics = self.0.lock();
        for (_, sender) in topics.listeners.values().flatten() {
            sender.send(News::Anew);
        }
    }
}

impl Sender {
    fn send(&self, news: News) {
        if self.news.try_send(news).is_err() {
            self.has_missed.store(true, Ordering::Release);
        }
    }
}

impl Listener {
    /// Waits for news. A stream that has missed something is told that all may have changed.
    pub(crate) async fn next(&mut self) -> News {
        if self.has_missed.swap(false, Ordering::AcqRel) {
            while self.news.try_recv().is_ok() {}
            return News::Anew;
        }
        match self.news.recv().await {
            Some(news) => news,
            // The notifier holds the other end for as long as this one is there.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut topics = self.notifier.0.lock();
        if let Some(listeners) = topics.listeners.get_mut(&self.topic) {
            listeners.retain(|(number, _)| *number != self.number);
            if listeners.is_empty() {
                topics.listeners.remove(&self.topic);
            }
        }
    }
}
