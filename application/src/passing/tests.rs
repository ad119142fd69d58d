use std::{collections::HashSet, path::Path};

use async_trait::async_trait;
use domain::values::Digest;
use futures::future::join_all;

use super::*;
use crate::{fakes::Registry, far::Far, ports::blobs::Body};

/// Which blobs there are.
#[derive(Default)]
struct Kept(Mutex<HashSet<Digest>>);

#[async_trait]
impl Blobs for Kept {
    async fn put(&self, _: &Path, digest: &Digest) -> Result<(), Failure> {
        self.0.lock().unwrap().insert(digest.clone());
        Ok(())
    }

    async fn open(
        &self,
        digest: &Digest,
        _: u64,
        _: Option<std::ops::Range<u64>>,
    ) -> Result<Option<Body>, Failure> {
        let is_here = self.0.lock().unwrap().contains(digest);
        Ok(is_here.then(|| Box::pin(futures::stream::empty()) as Body))
    }

    async fn copy(&self, _: &Digest, _: &Path) -> Result<bool, Failure> {
        Ok(false)
    }

    async fn delete(&self, digest: &Digest, _: Duration) -> Result<(), Failure> {
        self.0.lock().unwrap().remove(digest);
        Ok(())
    }

    async fn older_than(&self, _: Duration) -> Result<Vec<Digest>, Failure> {
        Ok(Vec::new())
    }
}

struct Scene {
    far: Arc<Far>,
    /// As many packages may come as it has permits.
    gate: Arc<Semaphore>,
    passing: Passing,
    _directory: tempfile::TempDir,
}

fn scene() -> Scene {
    let gate = Arc::new(Semaphore::new(0));
    let directory = tempfile::tempdir().unwrap();
    let ids = Registry::at(chrono::DateTime::UNIX_EPOCH);
    let passing = Passing::new(Arc::new(Kept::default()), ids, directory.path().to_owned());
    Scene { far: Far::delivering(gate.clone()), gate, passing, _directory: directory }
}

fn plugin(number: usize) -> PluginIdentity {
    PluginIdentity::new("yard", &format!("p{number}"), "0.0.1").unwrap()
}

impl Scene {
    fn under_way(&self) -> usize {
        self.far.lock().asked.iter().filter(|asked| **asked == "download").count()
    }

    /// What comes of the wishes once `under_way` packages are on their way, and no more have set out.
    async fn bring(&self, wishes: &[(&str, usize)], under_way: usize) -> Vec<Result<Received, Failure>> {
        let brought = wishes.iter().map(|(caller, number)| async move {
            self.passing.bring(&*self.far, &plugin(*number), caller).await
        });
        let opened = async {
            while self.under_way() < under_way {
                tokio::task::yield_now().await;
            }
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert_eq!(self.under_way(), under_way);
            self.gate.add_permits(wishes.len());
        };
        let both = async { tokio::join!(join_all(brought), opened).0 };
        tokio::time::timeout(Duration::from_secs(20), both).await.expect("all of them come in the end")
    }
}

#[tokio::test]
async fn one_caller_has_two_packages_on_their_way_and_leaves_places_for_others() {
    let scene = scene();
    let wishes: Vec<_> = (0..20).map(|n| ("greedy", n)).chain([("other", 20)]).collect();
    let brought = scene.bring(&wishes, 3).await;
    assert!(brought.iter().all(Result::is_ok), "{brought:?}");
}

#[tokio::test]
async fn all_callers_together_have_eight() {
    let scene = scene();
    let names: Vec<_> = (0..12).map(|n| format!("caller {n}")).collect();
    let wishes: Vec<_> = names.iter().map(String::as_str).zip(0..).collect();
    assert!(scene.bring(&wishes, AT_ONCE).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn who_comes_when_too_many_wait_is_sent_away() {
    let scene = scene();
    let wishes: Vec<_> = (0..MOST_WAITING + 3).map(|n| ("greedy", n)).collect();
    let brought = scene.bring(&wishes, AT_ONCE_FOR_ONE).await;
    let refused: Vec<_> = brought.iter().filter_map(|one| one.as_ref().err()).collect();
    assert_eq!(refused.len(), 3);
    assert!(refused.iter().all(|failure| failure.transient), "{refused:?}");
}

#[tokio::test]
async fn what_came_for_one_is_here_for_all() {
    let scene = scene();
    let brought = scene.bring(&[("one", 7), ("one", 7)], 2).await;
    assert!(brought.iter().all(Result::is_ok));
    assert!(scene.passing.here(&plugin(7)).await.is_some());
    assert!(scene.passing.here(&plugin(8)).await.is_none());
    assert!(scene.passing.bring(&*scene.far, &plugin(7), "other").await.is_ok());
    assert_eq!(scene.under_way(), 2, "nobody was asked again");
}
