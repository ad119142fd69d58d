//! The Dify repackaging API, at its own mount and at the documented paths. Knows its wire forms and nothing else.

mod batch;
mod body;
mod download;
mod error;
mod files;
mod marketplace;
mod named;
mod order;
mod pace;
mod signing;
mod socket;
mod tasks;
mod upload;

use application::{
    policy::Action,
    queries::{catalogue, listings, repositories},
};
use axum::extract::DefaultBodyLimit;
use domain::values::Dialect;
use serde_json::Value;

pub(crate) use error::DifyError;

use crate::{
    credential::Accepts,
    limits::{Charge, ResetForm},
    operations::{Operation, delete, get, post},
    voice::{Heard, JSON, Voice, no_stamp},
};

pub(crate) static VOICE: Voice = Voice {
    dialect: Dialect::Dify,
    accepts: Accepts::NOTHING,
    refuse: error::refuse,
    refusal_type: JSON,
    accept: plain,
    stamp: no_stamp,
    reset: ResetForm::UnixSeconds,
    read_models: &[
        application::tasks::READ_MODEL,
        catalogue::READ_MODEL,
        repositories::READ_MODEL,
        listings::READ_MODEL,
    ],
};

/// No envelope.
fn plain(value: Value, _: &Heard) -> Value {
    value
}

pub(crate) fn operations() -> Vec<Operation> {
    let mut operations = vec![
        get("/api/v1/tasks", Action::ReadTasks, tasks::recent),
        post("/api/v1/tasks", Action::CreateTask, tasks::create).charged(Charge::Creation),
        // Its own caps are part by part.
        post("/api/v1/tasks/upload", Action::CreateTask, upload::create)
            .layered(|route| route.layer(DefaultBodyLimit::disable()))
            .charged(Charge::Creation)
            .patient(),
        post("/api/v1/tasks/batch", Action::CreateTask, batch::create).charged(Charge::Creation),
        get("/api/v1/tasks/batch/{id}", Action::ReadTasks, batch::show),
        post("/api/v1/tasks/marketplace", Action::CreateTask, marketplace::task::create)
            .charged(Charge::Creation),
        get("/api/v1/tasks/completed", Action::ReadTasks, tasks::completed),
        get("/api/v1/tasks/{id}", Action::ReadTasks, tasks::show),
        get("/api/v1/tasks/{id}/download", Action::ReadTasks, download::download).patient(),
        get("/api/v1/tasks/{id}/report", Action::ReadTasks, tasks::report),
        post("/api/v1/tasks/{id}/cancel", Action::CancelTask, tasks::cancel),
        get("/ws/tasks/{id}", Action::ReadTasks, socket::open).patient(),
        get("/api/v1/signing/public-key", Action::ReadCatalogue, signing::public_key),
        get("/api/v1/files", Action::ReadTasks, files::list),
        get("/api/v1/files/stats/storage", Action::ReadTasks, files::storage),
        delete("/api/v1/files/cleanup", Action::RemoveFile, files::clean_up),
        get("/api/v1/files/{id}", Action::ReadTasks, files::show),
        delete("/api/v1/files/{id}", Action::RemoveFile, files::remove),
        get("/api/v1/files/{id}/download", Action::ReadTasks, files::download).patient(),
    ];
    operations.extend(of_marketplace());
    operations
}

fn of_marketplace() -> Vec<Operation> {
    let market = "/api/v1/marketplace";
    let plugin = format!("{market}/plugins/{{author}}/{{name}}");
    let read = Action::ReadCatalogue;
    vec![
        // Other marketplaces may be asked for these: read models alone do not say whether they have changed.
        get(format!("{market}/plugins"), read, marketplace::search).validated(),
        get(format!("{market}/plugins/featured"), read, marketplace::featured).validated(),
        get(format!("{market}/authors"), read, marketplace::authors).validated(),
        get(format!("{market}/categories"), read, marketplace::categories).validated(),
        get(format!("{market}/status"), read, marketplace::status),
        post(format!("{market}/parse-url"), read, marketplace::parse_url),
        get(&plugin, read, marketplace::details).validated(),
        get(format!("{plugin}/versions"), read, marketplace::versions).validated(),
        get(format!("{plugin}/icon"), read, marketplace::icon),
        post(format!("{plugin}/{{version}}/download-url"), read, marketplace::download_url),
    ]
}

#[cfg(test)]
mod tests;
