//! Live views: whoever watches a task is shown its newest state soon after it changes.
//!
//! One query per change for all watched tasks of the node, and what a watcher sees is exactly what a GET would
//! show. The latest view wins: a slow watcher gets fewer views, never an old one, and always the last one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::values::TaskId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{
    queries::tasks::{TaskQueries, TaskView},
    signal::Signal,
};

/// Changes made on other nodes send no signal here.
const POLL: Duration = Duration::from_millis(250);
/// The least time between two queries.
const BREATH: Duration = Duration::from_millis(20);

pub struct WatchTasks {
    tasks: Arc<dyn TaskQueries>,
    changed: Signal,
    watched: Mutex<HashMap<TaskId, watch::Sender<Arc<TaskView>>>>,
}

impl WatchTasks {
    /// `changed` is raised when the read model or the live progress of a task moved on this node.
    pub fn new(tasks: Arc<dyn TaskQueries>, changed: Signal) -> Self {
        Self { tasks, changed, watched: Mutex::default() }
    }

    /// A receiver that holds `now` and is told of every later change.
    pub fn watch(&self, now: TaskView) -> watch::Receiver<Arc<TaskView>> {
        let mut watched = self.lock();
        let sender = watched.entry(now.id).or_insert_with(|| watch::Sender::new(Arc::new(now.clone())));
        let receiver = sender.subscribe();
        offer(sender, now);
        drop(watched);
        self.changed.raise();
        receiver
    }

    pub async fn run(&self, stop: CancellationToken) {
        let mut changes = self.changed.waiter();
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => return,
                () = changes.raised() => {}
                () = tokio::time::sleep(POLL) => {}
            }
            let ids = self.ids();
            if ids.is_empty() {
                continue;
            }
            match self.tasks.get_many(&ids).await {
                Ok(views) => self.show(views),
                Err(error) => debug!(%error, "watched tasks cannot be read"),
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Those somebody still watches.
    fn ids(&self) -> Vec<TaskId> {
        let mut watched = self.lock();
        watched.retain(|_, sender| sender.receiver_count() > 0);
        watched.keys().copied().collect()
    }

    fn show(&self, views: Vec<TaskView>) {
        let watched = self.lock();
        for view in views {
            if let Some(sender) = watched.get(&view.id) {
                offer(sender, view);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TaskId, watch::Sender<Arc<TaskView>>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two queries may end in the other order: an older view never replaces a newer one.
fn offer(sender: &watch::Sender<Arc<TaskView>>, view: TaskView) {
    sender.send_if_modified(|shown| {
        let newer = (view.sequence, view.percent) >= (shown.sequence, shown.percent) && **shown != view;
        if newer {
            *shown = Arc::new(view);
        }
        newer
    });
}
