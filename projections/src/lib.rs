//! Read models: one file each, with its table's writer and its reader.

mod accounts;
mod activity;
mod api_keys;
mod catalogue;
mod device_logins;
mod downloads;
mod generation;
mod installations;
mod job_queue;
mod likes;
mod listings;
mod notices;
mod operations;
mod per_stream;
mod publishers;
mod reading;
mod repositories;
mod reviews;
mod state;
mod tasks;
mod telemetry;

use std::sync::Arc;

use infrastructure::subscription::Projection;

pub use accounts::PgAccounts;
pub use activity::PgActivity;
pub use api_keys::PgKeys;
pub use catalogue::PgCatalogue;
pub use device_logins::PgDeviceLogins;
pub use downloads::PgDownloads;
pub use installations::PgInstallations;
pub use listings::PgListings;
pub use operations::PgOperations;
pub use repositories::PgRepositories;
pub use reviews::PgReviews;
pub use tasks::PgTasks;
pub use telemetry::PgTelemetry;

use per_stream::Rows;

/// Every subscription of the product; the only registration.
pub fn all() -> Vec<Arc<dyn Projection>> {
    let mut all = identity();
    all.extend([
        Arc::new(Rows::<tasks::Tasks>::default()) as Arc<dyn Projection>,
        Arc::new(job_queue::JobQueue),
        Arc::new(downloads::Downloads),
        Arc::new(notices::Notices),
        Arc::new(listings::Listings),
        Arc::new(catalogue::Catalogue),
        Arc::new(Rows::<publishers::Publishers>::default()),
        Arc::new(Rows::<reviews::Reviews>::default()),
        Arc::new(Rows::<repositories::Repositories>::default()),
        Arc::new(likes::Likes),
        Arc::new(activity::Activity),
        Arc::new(Rows::<installations::Installations>::default()),
        Arc::new(Rows::<operations::Operations>::default()),
    ]);
    all
}

/// What shows accounts and keys: a command that changes them must not need a running server to be seen.
pub fn identity() -> Vec<Arc<dyn Projection>> {
    vec![Arc::new(Rows::<accounts::Accounts>::default()), Arc::new(Rows::<api_keys::ApiKeys>::default())]
}

/// What shows catalogues elsewhere, for the same reason.
pub fn repositories() -> Vec<Arc<dyn Projection>> {
    vec![
        Arc::new(Rows::<repositories::Repositories>::default()),
        Arc::new(listings::Listings),
        Arc::new(catalogue::Catalogue),
    ]
}
