//! From the plan of a target to the wheels it gets: resolving where there is no lock, building where there is no
//! wheel.

use domain::{
    task::Phase,
    values::{Digest, Target},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::{Order, Progress, Repackaging, Step, combined};
use crate::{
    failure::Failure,
    ports::packaging::{Inspection, Needs, Plan, Requirements, Resolutions, Resolver, Selection},
};

impl Repackaging {
    /// One selection for all targets of the order.
    pub(super) async fn settle_all(
        &self,
        inspection: &Inspection,
        order: Order<'_>,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Selection, Failure> {
        let settling = order.targets.iter().zip(&inspection.plans).map(|(target, plan)| async move {
            let plan = plan.clone()?;
            self.settle(inspection, plan, target, order.refresh, progress, cancel).await
        });
        let selections = futures::future::try_join_all(settling).await?;
        let selection = combined(selections)?;
        progress.report(Step::at(Phase::Selecting, 30, "Selected the wheels", Some(inspection)));
        Ok(selection)
    }

    /// Every wheel of the selection can be fetched afterwards, and nothing is left to be built.
    pub async fn settle(
        &self,
        inspection: &Inspection,
        plan: Plan,
        target: &Target,
        refresh: bool,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Selection, Failure> {
        let mut selection = match plan {
            Plan::Selected(selection) => selection,
            Plan::Open(wanted) => {
                progress.report(Step::at(Phase::Resolving, 22, "Choosing versions", Some(inspection)));
                self.resolve(&wanted, target, refresh, cancel).await?
            }
        };
        for sdist in std::mem::take(&mut selection.sdists) {
            let text = format!("Building {} {}", sdist.name, sdist.version);
            progress.report(Step::at(Phase::Building, 26, &text, Some(inspection)));
            let wheel = self.builder.build(&sdist, target, cancel).await?;
            selection.needs = selection.needs.and(Needs::of(target.os, wheel.floor));
            selection.wheels.push(wheel);
        }
        selection
            .wheels
            .sort_by(|one, other| (&one.name, &one.file_name).cmp(&(&other.name, &other.file_name)));
        Ok(selection)
    }

    async fn resolve(
        &self,
        wanted: &Requirements,
        target: &Target,
        refresh: bool,
        cancel: &CancellationToken,
    ) -> Result<Selection, Failure> {
        let (resolver, resolutions) = (self.resolver.as_ref(), self.resolutions.as_ref());
        resolve(resolver, resolutions, wanted, target, refresh, cancel).await
    }
}

/// The answer of the last time, if there was one, so that a repetition gives the same bytes.
pub async fn resolve(
    resolver: &dyn Resolver,
    resolutions: &dyn Resolutions,
    wanted: &Requirements,
    target: &Target,
    refresh: bool,
    cancel: &CancellationToken,
) -> Result<Selection, Failure> {
    let key = question(wanted, *target, &resolver.name());
    let kept = if refresh { None } else { resolutions.get(&key).await? };
    let resolution = if let Some(kept) = kept {
        kept
    } else {
        let answer = resolver.resolve(wanted, target, cancel).await?;
        resolutions.keep(&key, answer, refresh).await?
    };
    resolver.select(wanted, resolution, target, cancel).await
}

/// The name of an answer before it exists.
fn question(wanted: &Requirements, target: Target, resolver: &str) -> Digest {
    let asked = json!({"lines": wanted.lines, "target": target, "resolver": resolver});
    Digest::of_bytes(Sha256::digest(asked.to_string()).into())
}
