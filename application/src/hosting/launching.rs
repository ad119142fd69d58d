//! Starting and ending the processes of installations.

use std::time::Duration;

use domain::{
    installation::{Configuration, Runtime, SecurityLevel},
    values::{InstallationId, Sealed},
};
use serde_json::{Map, Value};

use super::{Hosting, Plan};
use crate::{
    error::Error,
    failure::Failure,
    operating::configuring::complete,
    ports::{
        hosting::{Health, InstanceId, Launch, Limits, StartFault, Stop, Tier},
        vault::Secret,
        workplace::Place,
    },
    queries::installations::InstallationView,
    secrets::Parted,
};

const NETWORK: &str = "http:external";
/// Looks at the health of a new process before anybody is sent to it.
const GATE: u32 = 3;
const GATE_EVERY: Duration = Duration::from_millis(100);
const LONGEST_READY: u64 = 60;

impl Hosting {
    /// Starts a process beside whatever runs, and returns when it is ready and well.
    pub(crate) async fn begin(&self, instance: InstanceId, plan: &Plan) -> Result<(), StartFault> {
        if !self.router.is_open() {
            return Err(StartFault::NotMade("plugins run on another node".to_owned()));
        }
        let launch =
            self.launch(instance, plan).await.map_err(|failure| StartFault::NotMade(failure.message))?;
        self.router.announce(plan.installation, instance);
        let outcome = match self.host.start(launch).await {
            Ok(_) => self.gate(instance).await,
            Err(fault) => Err(fault),
        };
        if outcome.is_err() {
            self.end(instance).await;
        }
        outcome
    }

    async fn gate(&self, instance: InstanceId) -> Result<(), StartFault> {
        for look in 0..GATE {
            if look > 0 {
                tokio::time::sleep(GATE_EVERY).await;
            }
            match self.host.probe(instance).await {
                Ok(Health::Unhealthy) => {
                    return Err(StartFault::Broken("it says that it is not healthy".to_owned()));
                }
                Ok(Health::Unknown | Health::Healthy | Health::Warning) => {}
                Err(fault) => return Err(StartFault::Broken(fault.to_string())),
            }
        }
        Ok(())
    }

    /// From now on this one is talked to, if it was started.
    pub(crate) fn route(&self, installation: InstallationId, instance: InstanceId) {
        if self.host.snapshot(instance).is_some() {
            self.router.switch(installation, instance);
        }
    }

    /// Ends one process; nothing is sent to it any more.
    pub(crate) async fn end(&self, instance: InstanceId) {
        self.router.forget(instance);
        self.host.stop(instance, Stop::AT_ONCE).await;
    }

    /// Ends every process of the installation that is not talked to any more, each when it has finished what it is at.
    pub(crate) async fn end_others(&self, installation: InstallationId) {
        let Some(current) = self.router.current(installation) else { return };
        for other in self.router.others(installation, current) {
            self.host.stop(other, Stop::after(self.patience)).await;
            self.router.forget(other);
        }
    }

    /// Ends the installation's processes: nothing new is sent to them, and what they are at may take as long.
    pub(crate) async fn stop(&self, installation: InstallationId, drain: Duration) {
        self.stop_with(installation, Stop::after(drain)).await;
    }

    pub(crate) async fn stop_with(&self, installation: InstallationId, how: Stop) {
        let current = self.router.close(installation);
        let nobody = InstanceId(uuid::Uuid::nil());
        let mut instances = self.router.others(installation, nobody);
        instances.extend(current.filter(|current| !instances.contains(current)));
        for instance in instances {
            self.host.stop(instance, how).await;
            self.router.forget(instance);
        }
    }

    /// What is enabled runs: it is started unless it does.
    pub async fn keep_up(&self, view: &InstallationView) {
        let Some(live) = view.live.as_deref().filter(|live| live.is_enabled) else { return };
        if self.router.current(view.id).is_some() {
            return;
        }
        if let Err(fault) = self.bring_up(&Plan::of(view.id, live)).await {
            tracing::warn!(installation = %view.name, %fault, "not started");
        }
    }

    /// Starts the one process of an installation and routes to it.
    pub(crate) async fn bring_up(&self, plan: &Plan) -> Result<(), StartFault> {
        let instance = InstanceId(self.ids.secret());
        self.begin(instance, plan).await?;
        self.router.switch(plan.installation, instance);
        Ok(())
    }

    pub(crate) async fn launch(&self, instance: InstanceId, plan: &Plan) -> Result<Launch, Failure> {
        let release = &plan.release;
        let paths = self.workplace.paths(&Place::of(plan.installation, release)).await?;
        let configuration = self.opened(plan).await.map_err(|_away| Failure::internal())?;
        let (configuration, secrets) = configuration;
        let manifest = &release.manifest;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let entry_point = match release.runtime {
            Runtime::Native => text(&manifest["entry_point"]).or_else(|| text(&manifest["main"])),
            Runtime::Dify => text(&manifest["meta"]["runner"]["entrypoint"]),
            Runtime::Langbot => Some(String::new()),
        };
        let entry_point = entry_point.ok_or_else(|| {
            let message = "Its manifest names no entry_point; say what is to be started";
            Failure::permanent(crate::failure::Reason::ManifestInvalid, message)
        })?;
        let runtime = &manifest["runtime"];
        let ready = manifest["ready_timeout_seconds"].as_u64().map(|seconds| seconds.clamp(1, LONGEST_READY));
        Ok(Launch {
            instance,
            installation: plan.installation.0,
            runtime: release.runtime,
            name: release.name.name.as_str().to_owned(),
            version: release.version.to_string(),
            code: paths.code,
            environment: paths.environment,
            data: paths.data,
            entry_point,
            language: text(&runtime["language"]).unwrap_or_else(|| "python".to_owned()),
            configuration: configuration.into(),
            secrets,
            permissions: plan.granted.clone(),
            limits: Limits {
                memory_mb: plan.limits.memory_mb,
                cpu_percent: plan.limits.cpu_percent,
                file_handles: plan.limits.file_handles,
                processes: plan.limits.processes,
            },
            network: plan.granted.contains(NETWORK),
            require_sandbox: self.must_be_held(plan.security_level),
            ready_within: ready.map(Duration::from_secs),
            locale: "en".to_owned(),
        })
    }

    fn must_be_held(&self, level: SecurityLevel) -> bool {
        match level {
            SecurityLevel::Low => self.require_sandbox,
            SecurityLevel::Medium => self.require_sandbox || self.host.sandbox().tier >= Tier::Rules,
            SecurityLevel::High => true,
        }
    }

    /// Complete and in the clear, with its secrets beside it.
    async fn opened(&self, plan: &Plan) -> Result<(Map<String, Value>, Vec<Secret>), Error> {
        let opened = stored(&plan.configuration).opened(self.vault.as_ref()).await?;
        let secrets = opened.secrets.values().map(|secret| match secret.reveal() {
            Value::String(text) => Secret::from(text.clone()),
            other
            @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Secret::from(other.to_string())
            }
        });
        let secrets = secrets.collect();
        Ok((complete(&plan.release, opened), secrets))
    }
}

/// As the rules for secrets take it.
pub(crate) fn stored(configuration: &Configuration) -> Parted<Sealed> {
    Parted { plain: configuration.plain.clone(), secrets: configuration.secrets.clone() }
}
