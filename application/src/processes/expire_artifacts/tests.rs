use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    recorded::Cursor,
    values::{Dialect, GroupId, Role, TaskId},
};

use super::*;
use crate::{
    ports::{
        blobs::Blobs as _,
        freshness::Freshness,
        packages::{IconFile, Package},
    },
    publishing::{
        Change, Expects,
        tests::{Ground, Stored, for_inkdrop, tarball},
    },
    queries::tasks::{Storage, TaskQueries},
};

/// No task needs anything.
struct Idle;

#[async_trait]
impl TaskQueries for Idle {
    async fn get(&self, _: TaskId) -> Result<Option<TaskView>, Error> {
        Ok(None)
    }

    async fn get_many(&self, _: &[TaskId]) -> Result<Vec<TaskView>, Error> {
        Ok(Vec::new())
    }

    async fn recent(&self, _: u32) -> Result<Vec<TaskView>, Error> {
        Ok(Vec::new())
    }

    async fn completed(&self, _: u32, _: u32) -> Result<(Vec<TaskView>, u64), Error> {
        Ok((Vec::new(), 0))
    }

    async fn group(&self, _: GroupId) -> Result<Vec<TaskView>, Error> {
        Ok(Vec::new())
    }

    async fn storage(&self) -> Result<Storage, Error> {
        Ok(Storage::default())
    }

    async fn due_to_expire(&self, _: DateTime<Utc>, _: u32) -> Result<Vec<TaskView>, Error> {
        Ok(Vec::new())
    }

    async fn needs_blob(&self, _: &Digest) -> Result<bool, Error> {
        Ok(false)
    }
}

/// Whether the catalogue knows all that was recorded.
struct Knowing(AtomicBool);

#[async_trait]
impl Freshness for Knowing {
    async fn reached(&self, _: &str, _: Cursor) -> bool {
        true
    }

    async fn lag(&self, _: &str) -> u64 {
        0
    }

    async fn has_all_before(&self, _: &str, _: Duration) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

struct Sweep {
    expire: ExpireArtifacts,
    freshness: Arc<Knowing>,
    blobs: Arc<Stored>,
    suspects: HashSet<Digest>,
}

impl Sweep {
    fn of(ground: &Ground) -> Self {
        let freshness = Arc::new(Knowing(AtomicBool::new(true)));
        let removing = Removing {
            tasks: Arc::new(Idle),
            catalogue: ground.shelf.clone(),
            installations: ground.shelf.clone(),
            commands: ground.shelf.clone(),
            blobs: ground.blobs.clone(),
            freshness: freshness.clone(),
            retention: Duration::from_hours(1),
        };
        let expire = ExpireArtifacts { removing, clock: ground.registry.clone() };
        Self { expire, freshness, blobs: ground.blobs.clone(), suspects: HashSet::new() }
    }

    async fn round(&mut self) -> usize {
        self.suspects = self.expire.orphans(&self.suspects).await.unwrap();
        self.blobs.digests().len()
    }
}

async fn published(ground: &Ground, owner: &str) -> crate::publishing::Published {
    let ann = ground.holder(owner, Role::Publisher).await;
    let icon = IconFile { media_type: "image/png".to_owned(), bytes: b"\x89PNG".to_vec().into() };
    let package = Package { icon: Some(icon), ..tarball("notes", "1.0.0") };
    ground.publish(&package, for_inkdrop(Expects::NewPlugin), &ann).await.unwrap()
}

#[tokio::test]
async fn what_is_published_is_never_swept_and_what_was_removed_is() {
    let ground = Ground::new();
    let plugin = published(&ground, "ann").await.plugin;
    let stray = ground.directory.path().join("stray");
    std::fs::write(&stray, "nobody's").unwrap();
    ground.blobs.put(&stray, &Digest::of_bytes([9; 32])).await.unwrap();
    let mut sweep = Sweep::of(&ground);
    assert_eq!(sweep.round().await, 3, "one look is not enough");
    assert_eq!(sweep.round().await, 2, "release and icon stay, the stray goes");
    assert_eq!(sweep.round().await, 2);

    let ann = ground.holder("ann", Role::Publisher).await;
    let yank = Change::Yank { version: "1.0.0".parse().unwrap(), reason: "broken".to_owned() };
    ground.change(plugin, yank, &ann).await.unwrap();
    let unlist = Change::Unlist { dialect: Dialect::Inkdrop, reason: "moved".to_owned() };
    ground.change(plugin, unlist, &ann).await.unwrap();
    assert_eq!(
        (sweep.round().await, sweep.round().await),
        (2, 2),
        "yanked and unlisted ones can still be had"
    );
    let remove = Change::RemoveRelease { version: "1.0.0".parse().unwrap(), reason: "bad".to_owned() };
    ground.change(plugin, remove, &ann).await.unwrap();
    assert_eq!((sweep.round().await, sweep.round().await), (2, 1), "its icon is still the plugin's");
}

#[tokio::test]
async fn a_catalogue_that_does_not_know_everything_lets_nothing_be_swept() {
    let ground = Ground::new();
    let stray = ground.directory.path().join("stray");
    std::fs::write(&stray, "of an event that could not be applied").unwrap();
    ground.blobs.put(&stray, &Digest::of_bytes([9; 32])).await.unwrap();
    let mut sweep = Sweep::of(&ground);
    sweep.freshness.0.store(false, Ordering::SeqCst);
    assert_eq!((sweep.round().await, sweep.round().await), (1, 1));
    sweep.freshness.0.store(true, Ordering::SeqCst);
    assert_eq!((sweep.round().await, sweep.round().await), (1, 0));
}
