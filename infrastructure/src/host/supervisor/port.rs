//! What the application asks of the host.

use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};

use application::ports::{
    hosting::{
        Call, CallFault, Configured, Delivery, Health, InstanceId, Launch, PluginHost, Reply, SandboxReport,
        Snapshot, StartFault, Started, State, Stop, Tail,
    },
    vault::Secret,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use super::Host;
use crate::host::{
    figures::Outcome,
    instance::{Answer, Instance, Wish, attend},
};

const PROBE: Duration = Duration::from_secs(3);
const DRAIN: Duration = Duration::from_secs(12);
/// Of that, for calls under way.
const DRAIN_CALLS: Duration = Duration::from_secs(5);
const CONFIGURE: Duration = Duration::from_secs(10);

#[async_trait]
impl PluginHost for Host {
    async fn start(&self, launch: Launch) -> Result<Started, StartFault> {
        let (started, waiter) = oneshot::channel();
        let id = launch.instance;
        let (instance, wishes) = Instance::new(launch, &self.common);
        {
            let mut instances = self.common.instances();
            if self.common.ending.is_cancelled() {
                return Err(StartFault::Stopped);
            }
            if instances.contains_key(&id) {
                return Err(StartFault::AlreadyRunning);
            }
            instances.insert(id, instance.clone());
        }
        let common = self.common.clone();
        self.common.tasks.spawn(async move {
            attend(common.clone(), instance, wishes, started).await;
            common.instances().remove(&id);
        });
        let outcome = waiter.await.unwrap_or(Err(StartFault::Stopped));
        if outcome.is_err() {
            self.common.instances().remove(&id);
        }
        outcome
    }

    async fn stop(&self, id: InstanceId, how: Stop) {
        let Some(instance) = self.instance(id) else { return };
        let (done, stopped) = oneshot::channel();
        if instance.wishes.send(Wish::Stop { how, done }).await.is_ok() {
            // It is dropped by an actor that has ended already.
            let _ = stopped.await;
        }
        self.common.instances().remove(&id);
    }

    async fn restart(&self, id: InstanceId, how: Stop) -> Result<Started, StartFault> {
        let instance = self.instance(id).ok_or(StartFault::Unknown)?;
        let (started, waiter) = oneshot::channel();
        let wish = Wish::Restart { how, started };
        instance.wishes.send(wish).await.map_err(|_gone| StartFault::Unknown)?;
        waiter.await.unwrap_or(Err(StartFault::Stopped))
    }

    fn relaunch(&self, launch: Launch) -> bool {
        let Some(instance) = self.instance(launch.instance) else { return false };
        instance.seen().journal.redactor().learn(&launch.secrets);
        *instance.launch() = launch;
        true
    }

    async fn call(&self, id: InstanceId, call: Call) -> Result<Reply, CallFault> {
        let instance = self.running(id)?;
        let _one = instance.calls.try_acquire().map_err(|_none| CallFault::Busy)?;
        let number = instance.numbers.fetch_add(1, Ordering::Relaxed);
        let (begun, deadline, caller) = (Instant::now(), call.deadline, call.caller.clone());
        let (answer, answered) = oneshot::channel();
        let wish = Wish::Call { number, call, answer };
        let asked = async {
            instance.wishes.send(wish).await.map_err(|_gone| CallFault::NotRunning)?;
            answered.await.unwrap_or(Err(CallFault::Died))
        };
        let mut forgotten = Forgotten { instance: &instance, number, is_over: false };
        let outcome = timeout(deadline, asked).await.unwrap_or(Err(CallFault::TimedOut(deadline)));
        forgotten.is_over = !matches!(outcome, Err(CallFault::TimedOut(_)));
        drop(forgotten);
        let took = begun.elapsed();
        instance.called(&outcome, took, caller.as_deref());
        Ok(Reply { answer: outcome?, took })
    }

    async fn deliver(&self, id: InstanceId, event: Delivery) -> Result<(), CallFault> {
        let instance = self.running(id)?;
        instance.wishes.try_send(Wish::Deliver(event)).map_err(|_full| CallFault::Busy)
    }

    async fn configure(
        &self,
        id: InstanceId,
        changed: Secret<Map<String, Value>>,
        secrets: Vec<Secret>,
    ) -> Result<Configured, CallFault> {
        let instance = self.running(id)?;
        instance.seen().journal.redactor().learn(&secrets);
        let number = instance.numbers.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let wish = Wish::Configure { number, changed: changed.clone(), answer };
        instance.wishes.send(wish).await.map_err(|_gone| CallFault::NotRunning)?;
        let Ok(answer) = timeout(CONFIGURE, answered).await else {
            let _ = instance.wishes.send(Wish::Forget(number)).await;
            return Err(CallFault::TimedOut(CONFIGURE));
        };
        let configured = Instance::configured(answer.unwrap_or(Err(CallFault::Died)))?;
        if configured != Configured::Applied && configured != Configured::RestartRequired {
            return Ok(configured);
        }
        let mut launch = instance.launch();
        let mut configuration = launch.configuration.reveal().clone();
        configuration.extend(changed.into_inner());
        launch.configuration = configuration.into();
        launch.secrets.extend(secrets);
        Ok(configured)
    }

    async fn permit(&self, id: InstanceId, granted: BTreeSet<String>) -> Result<(), CallFault> {
        let instance = self.instance(id).ok_or(CallFault::NotRunning)?;
        instance.launch().permissions.clone_from(&granted);
        if instance.state() != State::Running {
            return Ok(());
        }
        instance.wishes.send(Wish::Permit(granted)).await.map_err(|_gone| CallFault::NotRunning)
    }

    async fn probe(&self, id: InstanceId) -> Result<Health, CallFault> {
        let instance = self.running(id)?;
        let (answer, answered) = oneshot::channel();
        instance.wishes.send(Wish::Probe(answer)).await.map_err(|_gone| CallFault::NotRunning)?;
        match timeout(PROBE, answered).await {
            Ok(answer) => answer.map_err(|_gone| CallFault::Died),
            Err(_elapsed) => Err(CallFault::TimedOut(PROBE)),
        }
    }

    fn snapshot(&self, id: InstanceId) -> Option<Snapshot> {
        self.instance(id).map(|instance| instance.snapshot())
    }

    fn tail(&self, id: InstanceId, after: u64) -> Option<Tail> {
        self.instance(id).map(|instance| instance.seen().journal.tail(after))
    }

    fn sandbox(&self) -> SandboxReport {
        self.common.walls().1
    }

    async fn examine(&self) -> SandboxReport {
        self.common.examine().await
    }

    async fn sweep(&self) -> usize {
        let common = self.common.clone();
        tokio::task::spawn_blocking(move || common.sweep()).await.unwrap_or_default()
    }

    async fn drain(&self) {
        self.common.ending.cancel();
        let how = Stop::after(DRAIN_CALLS);
        let stops =
            self.common.all().into_iter().map(|instance| async move { self.stop(instance.id, how).await });
        let all = futures::future::join_all(stops);
        if timeout(DRAIN, all).await.is_err() {
            tracing::error!("some plugins were slow to end and are killed with the host");
        }
        if let Some(groups) = &self.common.groups {
            groups.remove();
        }
    }

    fn instances(&self) -> Vec<(InstanceId, DateTime<Utc>)> {
        self.common.all().into_iter().map(|instance| (instance.id, instance.seen().started_at)).collect()
    }
}

/// A call that nobody waits for any more, because its time is up or the one who waited is gone.
struct Forgotten<'a> {
    instance: &'a Instance,
    number: u64,
    is_over: bool,
}

impl Drop for Forgotten<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            // When it cannot be told, its answer is late and nothing else.
            let _ = self.instance.wishes.try_send(Wish::Forget(self.number));
        }
    }
}

impl Instance {
    fn called(&self, outcome: &Answer, took: Duration, caller: Option<&str>) {
        let mut seen = self.seen();
        let counters = &mut seen.counters;
        let outcome = match outcome {
            Ok(Ok(_)) => Outcome::Ok,
            Ok(Err(_)) | Err(CallFault::Died) => Outcome::Error,
            Err(CallFault::TimedOut(_)) => Outcome::TimedOut,
            // It was never asked.
            Err(CallFault::NotRunning | CallFault::Busy | CallFault::TooLarge) => return,
        };
        counters.requests += 1;
        match outcome {
            Outcome::Ok => counters.ok += 1,
            Outcome::Error => counters.errors += 1,
            Outcome::TimedOut => counters.timeouts += 1,
        }
        seen.figures.called(outcome, took, caller);
    }
}
