use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
};

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, ETAG};
use domain::{
    download_log::{DownloadLogEvent, DownloadRecorded},
    plugin::PackageFormat,
    recorded::Event,
    values::Dialect,
};
use futures::poll;

use super::*;
use crate::{
    credential::Accepts,
    fakes::{Fakes, Gate, Reply, published, voice},
    operations::{Operation, get},
    services::Services,
};
use application::{policy::Action, queries::catalogue::{CatalogueQueries, Which}};
use axum::extract::State;

type Catalogue = State<Arc<dyn CatalogueQueries>>;

async fn shown(catalogue: &dyn CatalogueQueries) -> PluginView {
    let which = Which::Word { dialect: Dialect::Inkdrop, name: "notes".to_owned() };
    catalogue.plugin(&which).await.unwrap().unwrap()
}

async fn bytes(State(catalogue): Catalogue, delivery: Delivery) -> Result<Response, Refusal> {
    let plugin = shown(&*catalogue).await;
    delivery.deliver(&plugin, plugin.latest().unwrap(), Channel::Download).await
}

async fn elsewhere(State(catalogue): Catalogue, links: Links, delivery: Delivery) -> Result<Response, Refusal> {
    let plugin = shown(&*catalogue).await;
    delivery.redirect(&plugin, plugin.latest().unwrap(), Channel::Tarball, &links).await
}

/// A dialect with one published package and the two ways to it.
async fn gate() -> Gate {
    let operations: Vec<Operation> = vec![
        get("/bytes", Action::ReadCatalogue, bytes).patient(),
        get("/elsewhere", Action::ReadCatalogue, elsewhere),
    ];
    let gate = Gate::new(voice(Dialect::Inkdrop, Accepts::NOTHING), operations, &[]);
    published(&gate.fakes, &gate.services, PackageFormat::Tarball, "notes", "1.0.0").await;
    gate
}

fn counted(fakes: &Fakes) -> Vec<DownloadRecorded> {
    let recorded = fakes.shelf.recorded().into_iter();
    let counts = recorded.filter_map(|recorded| match recorded.event {
        Event::Download(_, DownloadLogEvent::DownloadRecorded(one)) => Some(one),
        _ => None,
    });
    counts.collect()
}
