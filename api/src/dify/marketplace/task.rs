//! A task for one version of one plugin, asked for by name.

use std::sync::Arc;

use application::{ports::system::Clock, queries::tasks::TaskQueries, tasks::Tasks};
use axum::{Json, body::Body, extract::State};
use domain::values::{Platform, PluginIdentity};
use serde_json::json;

use crate::{
    asker::Asker,
    consistency::LogPosition,
    dify::{
        DifyError,
        body::Record,
        order::{Options, canonical},
        tasks::created,
    },
    fields::Fields,
    work::Work,
};

pub(in crate::dify) async fn create(
    State(tasks): State<Tasks>,
    State(queries): State<Arc<dyn TaskQueries>>,
    State(clock): State<Arc<dyn Clock>>,
    State(work): State<Work>,
    asker: Asker,
    body: Body,
) -> Result<(LogPosition, Json<Record>), DifyError> {
    let mut fields = Fields::of_json(body).await?;
    let [author, name, version] = ["author", "name", "version"].map(|member| fields.needed_text(member));
    fields.one_of("platform", &Platform::DOCUMENTED);
    let options = Options::read(&mut fields);
    fields.well_formed()?;
    let plugin = PluginIdentity::new(&author, &name, &version)
        .map_err(|invalid| DifyError::bad(format!("The plugin has an invalid {invalid}")))?;
    let wish = options.judged()?;
    let meaning = json!({"marketplace": plugin, "wish": canonical(&wish)});
    let caller = asker.caller("/api/v1/tasks/marketplace", &meaning);
    let input = Tasks::marketplace(plugin);
    let name = input.name().to_owned();
    let accepted = work.finish(async move { tasks.repackage(input, wish, caller).await }).await?;
    Ok((LogPosition(accepted.position), Json(created(accepted.task, name, &*queries, &*clock).await)))
}
