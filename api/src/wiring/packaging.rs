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
    marketplace::{self, HttpMarketplace},
    packaging::{IsolatedInspector, IsolatedPacker},
    resolver::{UvResolver, index::SimpleIndex},
    signing::SigningKey,
    uv::{Tools, Uv},
    verifier::NoVerifier,
    wheels::{cache::WheelCache, sources::IndexPolicy},
};

use crate::settings::{ChecksumRule, Secret, Settings};

/// `uv`: of [`build_tools`].
pub(crate) fn build_repackaging(settings: &Settings, uv: &Arc<Uv>) -> anyhow::Result<Repackaging> {
    let guarded = guarded(settings)?;
    let marketplace = HttpMarketplace::new(
        settings.marketplace.url.reveal().clone(),
        guarded.clone(),
        settings.marketplace.checksum == ChecksumRule::Fail,
        marketplace::Patience::default(),
        Patience::default(),
    )?;
    let (downloads, inspector, wheels, packer) = steps(settings, guarded)?;
    let blobs = Arc::new(blobs(settings)?);
    Ok(Repackaging {
        downloads,
        marketplace: Arc::new(marketplace),
        inspector,
        resolver: Arc::new(resolver(settings, uv.clone())?),
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

fn guarded(settings: &Settings) -> anyhow::Result<GuardedClient> {
    let (allow, hosts) = (settings.fetch_allow.clone(), settings.fetch_hosts.clone());
    Ok(GuardedClient::new(FetchPolicy { allow, hosts })?)
}

fn steps(settings: &Settings, guarded: GuardedClient) -> anyhow::Result<Steps> {
    let index = index(settings)?;
    let operator = OperatorClient::new(index.clone(), guarded.clone())?;
    let isolation = isolation()?;
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

/// uv and Python, for whoever needs them; nothing is fetched before somebody does.
pub(crate) fn build_tools(settings: &Settings) -> anyhow::Result<Uv> {
    let tools = Tools {
        uv: settings.tools.uv.clone(),
        python: settings.tools.interpreter.clone(),
        directory: settings.data_dir.join("tools"),
        environment: settings.tools.environment.reveal().clone(),
    };
    Ok(Uv::new(tools, pages(settings)?))
}

fn resolver(settings: &Settings, uv: Arc<Uv>) -> anyhow::Result<UvResolver> {
    let (directory, building) = (settings.data_dir.join("resolver"), None);
    Ok(UvResolver::new(uv, isolation()?, index(settings)?, pages(settings)?, directory, building))
}

/// What the operator's index says beside what uv reads of it.
fn pages(settings: &Settings) -> anyhow::Result<Option<SimpleIndex>> {
    Ok(SimpleIndex::of(&index(settings)?, guarded(settings)?)?)
}

fn isolation() -> anyhow::Result<Isolation> {
    Ok(Isolation::new(std::env::current_exe().context("this program cannot find itself")?))
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
