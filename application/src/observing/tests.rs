use std::sync::Mutex;

use async_trait::async_trait;
use domain::recorded::Event;
use uuid::Uuid;

use super::*;
use crate::{
    error::Error,
    fakes::Registry,
    ports::hosting::{Exit, Level, LogLine},
    shelf::Shelf,
};

#[derive(Default)]
struct Kept(Mutex<Vec<(InstallationId, Observed)>>);

#[async_trait]
impl Telemetry for Kept {
    async fn keep(&self, observed: &[(InstallationId, Observed)]) -> Result<(), Error> {
        self.0.lock().unwrap().extend_from_slice(observed);
        Ok(())
    }
}

fn line(number: u64) -> LogLine {
    LogLine {
        number,
        at: DateTime::UNIX_EPOCH,
        level: Level::Info,
        text: "hello".to_owned(),
        metadata: serde_json::Map::new(),
    }
}

#[tokio::test]
async fn what_happens_to_the_current_process_is_written_down_and_what_it_says_is_kept() {
    let registry = Registry::at(DateTime::UNIX_EPOCH);
    let shelf = Shelf::new(registry);
    let (router, kept) = (Arc::new(Router::default()), Arc::new(Kept::default()));
    let (observer, recording) = Observer::new(router.clone(), shelf.clone(), kept.clone());
    let installation = InstallationId(Uuid::from_u128(1));
    let (current, beside, stranger) =
        (InstanceId(Uuid::from_u128(2)), InstanceId(Uuid::from_u128(3)), InstanceId(Uuid::from_u128(4)));
    router.announce(installation, beside);
    router.switch(installation, current);
    shelf.install("echo", installation, &[]);
    let at = DateTime::UNIX_EPOCH;
    let crash = || Happening::State {
        from: State::Running,
        to: State::Waiting,
        exit: Some(Exit::Signal(9)),
        stderr: "boom".to_owned(),
        wait: Some(Duration::from_secs(1)),
    };
    observer.happened(current, at, crash());
    observer.happened(beside, at, crash());
    observer.happened(stranger, at, crash());
    let logged = |number| Happening::Logged { lines: vec![line(number)], dropped: 0 };
    observer.happened(current, at, logged(1));
    observer.happened(beside, at, logged(2));
    observer.happened(stranger, at, logged(3));
    observer.happened(current, at, Happening::Measured(Box::default()));
    let healthy = Happening::Health { from: Seen::Unknown, to: Seen::Healthy, checks: Vec::new() };
    observer.happened(current, at, healthy);
    drop(observer);
    recording.run(CancellationToken::new()).await;
    let told: Vec<&'static str> = { shelf.recorded() }
        .into_iter()
        .filter_map(|recorded| {
            let Event::Installation(_, event) = recorded.event else { return None };
            Some(event.name())
        })
        .collect();
    assert_eq!(told[told.len() - 2..], ["ProcessCrashed", "HealthChanged"]);
    assert_eq!(told.iter().filter(|name| **name == "ProcessCrashed").count(), 1);
    let kept = kept.0.lock().unwrap();
    let lines = kept.iter().filter(|(_, observed)| matches!(observed, Observed::Lines { .. })).count();
    assert_eq!((kept.len(), lines), (3, 2));
}
