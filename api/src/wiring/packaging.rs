//! The steps of the main job.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use application::{
    ports::{
        marketplace::Upstreams as _,
        packaging::{Builder, Verifier},
    },
    repackaging::{Repackaging, Sharing},
};
use infrastructure::{
    archive::limits::Limits,
    blobs::ObjectBlobs,
    builder::{BuildMode, NoBuilder, Parts, SandboxBuilder, tools::Toolbox},
    discord::DiscordHook,
    fetch::{
        FetchPolicy, GuardedClient, GuardedDownloads, GuardedTarballs, OperatorClient, Packages,
        clients::Get, transfer::Patience,
    },
    isolation::Isolation,
    marketplace::{self, HttpMarketplace, HttpUpstreams},
    packaging::{IsolatedInspector, IsolatedPacker},
    resolver::{Building, Pages, UvResolver, index::SimpleIndex},
    sandbox::Sandbox,
    signing::SigningKey,
    uv::{Tools, Uv},
    verifier::{NoVerifier, SandboxVerifier},
    wheels::{cache::WheelCache, sources::IndexPolicy},
};

use crate::settings::{ChecksumRule, Secret, Settings};

/// `uv`: of [`build_tools`].
pub(crate) fn build_repackaging(settings: &Settings, uv: &Arc<Uv>) -> anyhow::Result<Repackaging> {
    let blobs = Arc::new(blobs(settings)?);
    let isolation = Isolation::new(this_program()?);
    let sandbox = Sandbox::new(this_program()?);
    let tools: Arc<dyn Toolbox> = uv.clone();
    let guarded = guarded(settings)?;
    let index = index(settings)?;
    let operator: Arc<dyn Get> = Arc::new(OperatorClient::new(index.clone(), guarded.clone())?);
    let limits = Limits::PACKAGE;
    let wheels = Arc::new(
        WheelCache::open(
            settings.data_dir.join("wheels"),
            settings.wheel_cache_bytes,
            Arc::clone(&operator),
            Patience::default(),
        )
        .with_context(|| unusable(&settings.data_dir))?,
    );
    let resolving = |building| -> anyhow::Result<UvResolver> {
        let pages = Pages::of(&index, guarded.clone())?;
        let directory = settings.data_dir.join("resolver");
        Ok(UvResolver::new(uv.clone(), isolation.clone(), index.clone(), pages, &directory, building))
    };
    let parts = Parts {
        mode: settings.building.mode,
        sandbox: sandbox.clone(),
        isolation: isolation.clone(),
        tools: Arc::clone(&tools),
        // What a build needs has wheels, or is not built.
        resolver: Arc::new(resolving(None)?),
        resolutions: blobs.clone(),
        cache: Arc::clone(&wheels),
        client: operator,
        directory: settings.data_dir.join("built"),
    };
    let builder = builder(parts).with_context(|| unusable(&settings.data_dir))?;
    let builds = settings.building.mode != BuildMode::Off;
    let building = builds.then(|| Building { builder: builder.clone(), wheels: wheels.clone() });
    let resolver = Arc::new(resolving(building)?);
    Ok(Repackaging {
        marketplace: build_upstreams(settings)?.configured(),
        downloads: Arc::new(GuardedDownloads::new(guarded, Patience::default(), Packages::Difypkg)),
        inspector: Arc::new(IsolatedInspector::new(isolation.clone(), limits, index)),
        resolver,
        resolutions: blobs.clone(),
        builder,
        wheels,
        packer: Arc::new(IsolatedPacker::new(isolation, limits, signing_key(settings)?.map(Arc::new))),
        verifier: verifier(settings, sandbox, tools),
        results: blobs.clone(),
        blobs,
        shared: Sharing::default(),
    })
}

/// Packages of every kind that is a ZIP file.
pub(super) fn any_packages(settings: &Settings) -> anyhow::Result<GuardedDownloads> {
    Ok(GuardedDownloads::new(guarded(settings)?, Patience::default(), Packages::Any))
}

pub(super) fn released_tarballs(settings: &Settings) -> anyhow::Result<GuardedTarballs> {
    Ok(GuardedTarballs::new(guarded(settings)?, Patience::default()))
}

/// The marketplaces behind repositories, that of the settings among them.
pub(crate) fn build_upstreams(settings: &Settings) -> anyhow::Result<HttpUpstreams> {
    let guarded = guarded(settings)?;
    let binding = settings.marketplace.checksum == ChecksumRule::Fail;
    let at = move |base| {
        let (patience, transfers) = (marketplace::Patience::default(), Patience::default());
        HttpMarketplace::new(base, guarded.clone(), binding, patience, transfers)
    };
    let configured = at(settings.marketplace.url.reveal().clone())?;
    Ok(HttpUpstreams::new(Arc::new(configured), at))
}

/// Where the operator wants to be told of news, if anywhere.
pub(crate) fn hook(settings: &Settings) -> anyhow::Result<Option<DiscordHook>> {
    let Some(url) = &settings.discord_webhook else { return Ok(None) };
    Ok(Some(DiscordHook::new(url.reveal().clone(), guarded(settings)?)?))
}

pub(super) fn this_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("this program cannot find itself")
}

fn builder(parts: Parts) -> std::io::Result<Arc<dyn Builder>> {
    if parts.mode == BuildMode::Off {
        return Ok(Arc::new(NoBuilder));
    }
    Ok(Arc::new(SandboxBuilder::open(parts)?))
}

fn verifier(settings: &Settings, sandbox: Sandbox, tools: Arc<dyn Toolbox>) -> Arc<dyn Verifier> {
    if settings.verify_install { Arc::new(SandboxVerifier { sandbox, tools }) } else { Arc::new(NoVerifier) }
}

/// uv and Python, for whoever needs them; nothing is fetched before somebody does.
pub(crate) fn build_tools(settings: &Settings) -> anyhow::Result<Uv> {
    let tools = Tools {
        uv: settings.tools.uv.clone(),
        python: settings.tools.interpreter.clone(),
        attendant: Some(this_program()?),
        directory: settings.data_dir.join("tools"),
        environment: settings.tools.environment.reveal().clone(),
    };
    Ok(Uv::new(tools, SimpleIndex::of(&index(settings)?, guarded(settings)?)?))
}

fn guarded(settings: &Settings) -> anyhow::Result<GuardedClient> {
    Ok(GuardedClient::new(FetchPolicy {
        allow: settings.fetch_allow.clone(),
        hosts: settings.fetch_hosts.clone(),
    })?)
}

/// What signs results, if they are to be signed.
pub(crate) fn signing_key(settings: &Settings) -> anyhow::Result<Option<SigningKey>> {
    let Some(file) = &settings.signing_key else { return Ok(None) };
    let key = SigningKey::open(file, settings.signing_category)
        .with_context(|| format!("the signing key {} cannot be used", file.display()))?;
    Ok(Some(key))
}

pub(super) fn index(settings: &Settings) -> anyhow::Result<IndexPolicy> {
    let simple = settings.index.simple.as_ref().map(Secret::reveal);
    let simple = simple.map(|url| url.parse()).transpose().context("the package index is not a URL")?;
    let policy = IndexPolicy::new(simple, settings.index.files.reveal().clone(), settings.index.files_only);
    Ok(policy.building(settings.building.mode != BuildMode::Off, settings.building.git))
}

pub(super) fn blobs(settings: &Settings) -> anyhow::Result<ObjectBlobs> {
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
