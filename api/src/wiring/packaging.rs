//! The steps of the main job.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use application::{
    ports::packaging::{Downloads, Inspector, Packer, Wheels},
    repackaging::{Repackaging, Sharing},
};
use infrastructure::{
    archive::limits::Limits,
    blobs::ObjectBlobs,
    builder::NoBuilder,
    fetch::{FetchPolicy, GuardedClient, GuardedDownloads, OperatorClient, transfer::Patience},
    isolation::Isolation,
    marketplace::NoMarketplace,
    packaging::{IsolatedInspector, IsolatedPacker},
    resolver::NoResolver,
    signing::SigningKey,
    verifier::NoVerifier,
    wheels::{cache::WheelCache, sources::IndexPolicy},
};

use crate::settings::{Secret, Settings};

/// For use without a service.
pub(crate) fn build_repackaging(settings: &Settings) -> anyhow::Result<Repackaging> {
    let (downloads, inspector, wheels, packer) = steps(settings)?;
    let blobs = Arc::new(blobs(settings)?);
    Ok(Repackaging {
        downloads,
        marketplace: Arc::new(NoMarketplace),
        inspector,
        resolver: Arc::new(NoResolver),
        resolutions: blobs.clone(),
        builder: Arc::new(NoBuilder),
        wheels,
        packer,
        verifier: Arc::new(NoVerifier),
        results: blobs.clone(),
        blobs,
        shared: Sharing::default(),
    })
}

type Steps = (Arc<dyn Downloads>, Arc<dyn Inspector>, Arc<dyn Wheels>, Arc<dyn Packer>);

fn steps(settings: &Settings) -> anyhow::Result<Steps> {
    let guarded = GuardedClient::new(FetchPolicy {
        allow: settings.fetch_allow.clone(),
        hosts: settings.fetch_hosts.clone(),
    })?;
    let index = index(settings)?;
    let operator = OperatorClient::new(index.clone(), guarded.clone())?;
    let isolation = Isolation::new(std::env::current_exe().context("this program cannot find itself")?);
    let limits = Limits::PACKAGE;
    let directory = settings.data_dir.join("wheels");
    let wheels =
        WheelCache::open(directory, settings.wheel_cache_bytes, Arc::new(operator), Patience::default())
            .with_context(|| unusable(&settings.data_dir))?;
    Ok((
        Arc::new(GuardedDownloads::new(guarded, Patience::default())),
        Arc::new(IsolatedInspector::new(isolation.clone(), limits, index)),
        Arc::new(wheels),
        Arc::new(IsolatedPacker::new(isolation, limits, signing_key(settings)?.map(Arc::new))),
    ))
}

/// What signs results, if they are to be signed.
pub(crate) fn signing_key(settings: &Settings) -> anyhow::Result<Option<SigningKey>> {
    let Some(file) = &settings.signing_key else { return Ok(None) };
    let key = SigningKey::open(file, settings.signing_category)
        .with_context(|| format!("the signing key {} cannot be used", file.display()))?;
    Ok(Some(key))
}

fn index(settings: &Settings) -> anyhow::Result<IndexPolicy> {
    let simple = settings.index.simple.as_ref().map(Secret::reveal);
    let simple = simple.map(|url| url.parse()).transpose().context("the package index is not a URL")?;
    Ok(IndexPolicy::new(simple, settings.index.files.reveal().clone(), settings.index.files_only))
}

fn blobs(settings: &Settings) -> anyhow::Result<ObjectBlobs> {
    match &settings.blobs {
        Some(url) => {
            ObjectBlobs::at(url.reveal(), settings.blob_options.reveal().clone()).context("PLUGYARD_BLOBS")
        }
        None => ObjectBlobs::in_directory(&settings.data_dir.join("blobs"))
            .with_context(|| unusable(&settings.data_dir)),
    }
}

fn unusable(directory: &Path) -> String {
    format!("the data directory {} cannot be used", directory.display())
}
