//! Installing, upgrading and removing: a file that is sent, a release of a forge, a plugin of the catalogue. What cannot be
//! meant is refused; what cannot be done is a task that fails.

use application::failure::Failure;
use axum::{
    body::Body,
    extract::{Request, State},
    http::Uri,
};
use domain::{
    installation::Origin,
    operation::{Install, Source, Strategy, Uninstall, Upgrade, Work},
    plugin::PackageFormat,
    values::{Dialect, InstallScope, InstalledName},
};
use serde_json::{Map, Value, json};

use super::{
    github,
    named::{Pair, installed, is_ours, unknown},
    orders::{Answer, Desk},
};
use crate::{
    asker::Asker,
    fields::Fields,
    guard,
    package_form::{PackageFile, PackageForm, Wanted, is_form},
    refusal::{Fault, Refusal},
    services::Uploads,
    voice::Said,
};

const WANTED: Wanted = Wanted { part: "file", largest: 10 * 1024 * 1024 };
const LONGEST_VERSION: usize = 64;
const MANIFESTS: [&str; 2] = ["manifest.yaml", "manifest.yml"];
const LARGEST_MANIFEST: u64 = 1024 * 1024;
const LARGEST_REQUIREMENTS: u64 = 64 * 1024;
const MOST_REQUIREMENTS: usize = 500;

pub(super) async fn local(
    State(desk): State<Desk>,
    State(Uploads(uploads)): State<Uploads>,
    asker: Asker,
    request: Request,
) -> Answer {
    let file = sent(request, &uploads).await?;
    let (digest, filename) = (file.sha256.clone(), filename(file.name.as_deref()));
    desk.operating.blobs.put(&file.path, &digest).await.map_err(|failure| {
        tracing::error!(%failure, "an upload cannot be stored");
        Refusal::new(Fault::Unavailable, "The file could not be stored; send it again later")
    })?;
    let work = install(Source::Upload { digest, filename });
    desk.place(work, InstallScope::default(), "/api/v1/plugins/install/local", asker).await
}

/// Whatever is there already is replaced: the same package again is one plugin.
fn install(source: Source) -> Work {
    Work::Install(Install {
        source,
        configuration: None,
        grant: None,
        strategy: Strategy::Rolling,
        auto_enable: true,
        force_reinstall: true,
    })
}

async fn sent(request: Request, uploads: &std::path::Path) -> Result<PackageFile, Refusal> {
    let missing = || Refusal::meaningless("file is required");
    if !is_form(request.headers()) {
        guard::read_on(request.into_body()).await;
        return Err(missing());
    }
    let form = PackageForm::read(request, uploads, WANTED).await;
    let form = form.map_err(|refusal| if refusal.fault == Fault::Malformed { missing() } else { refusal })?;
    Ok(form.file)
}

/// Its last part, without what no name has.
fn filename(said: Option<&str>) -> String {
    let last = said.unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().filter(|c| !c.is_control()).take(128).collect();
    if plain.is_empty() { "plugin.lbpkg".to_owned() } else { plain }
}

/// What is in a package; nothing of it is kept.
pub(super) async fn preview(
    State(desk): State<Desk>,
    State(Uploads(uploads)): State<Uploads>,
    request: Request,
) -> Result<Said, Refusal> {
    let file = sent(request, &uploads).await?;
    let reader = &desk.operating.reader;
    let package = match reader.read(&file.path, &[PackageFormat::Lbpkg]).await {
        Ok(package) => package,
        Err(failure) => return Err(unfit(&desk, &file, failure).await),
    };
    let listed = reader.file(&file.path, "requirements.txt", LARGEST_REQUIREMENTS).await.unwrap_or_default();
    let listed = listed.map(|file| String::from_utf8_lossy(&file.bytes).into_owned()).unwrap_or_default();
    let lines = listed.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let components = package.manifest["spec"]["components"].as_object().cloned().unwrap_or_default();
    let counts: Map<String, Value> =
        components.iter().map(|(kind, said)| (kind.clone(), places(said).into())).collect();
    Ok(Said::ok(json!({
        "filename": filename(file.name.as_deref()),
        "size": package.artifact.size,
        "manifest": package.manifest,
        "metadata": package.manifest["metadata"],
        "component_types": components.keys().collect::<Vec<_>>(),
        "component_counts": counts,
        "requirements": lines.take(MOST_REQUIREMENTS).collect::<Vec<_>>(),
        // Nobody counts them before they are unpacked.
        "file_count": null,
    })))
}

/// How many files and directories a kind of component is declared in.
fn places(said: &Value) -> usize {
    ["fromDirs", "fromFiles"].iter().filter_map(|from| said[*from].as_array()).map(Vec::len).sum()
}

async fn unfit(desk: &Desk, file: &PackageFile, failure: Failure) -> Refusal {
    if failure.transient {
        return application::Error::from(failure).into();
    }
    for name in MANIFESTS {
        match desk.operating.reader.file(&file.path, name, LARGEST_MANIFEST).await {
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => return Refusal::meaningless("invalid .lbpkg file"),
        }
    }
    Refusal::meaningless("manifest.yaml is required")
}

pub(super) async fn from_github(State(desk): State<Desk>, asker: Asker, body: Body) -> Answer {
    let source = github::source(Fields::of_json(body).await?)?;
    desk.place(install(source), InstallScope::default(), "/api/v1/plugins/install/github", asker).await
}

/// Named as the document does, or in three members as clients do.
pub(super) async fn from_marketplace(State(desk): State<Desk>, asker: Asker, body: Body) -> Answer {
    let mut fields = Fields::of_json(body).await?;
    let id = if fields.has("plugin_id") {
        fields.needed_text("plugin_id")
    } else {
        let (author, name) = (fields.needed_text("plugin_author"), fields.needed_text("plugin_name"));
        format!("{author}/{name}")
    };
    let version = fields.short_text("plugin_version", LONGEST_VERSION);
    fields.well_formed()?;
    let name: Option<InstalledName> = id.parse().ok().filter(|name: &InstalledName| name.author.is_some());
    let name = name.ok_or_else(|| Refusal::meaningless("plugin_id must be author/plugin_name"))?;
    let version = version.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let source = Source::Catalogue { name, dialect: Dialect::Space, version };
    desk.place(install(source), InstallScope::default(), "/api/v1/plugins/install/marketplace", asker).await
}

/// To what the catalogue has now: only of what came from there, so that nobody else's package takes its name.
pub(super) async fn upgrade(State(desk): State<Desk>, asker: Asker, pair: Pair, body: Body) -> Answer {
    let (shown, body) = pair.find_before(&desk.operating.hosting, body).await?;
    guard::read_on(body).await;
    let Origin::Catalogue { .. } = shown.live.release.origin else {
        let told = "This plugin was not installed from the marketplace; install its new package instead";
        return Err(Refusal::meaningless(told));
    };
    let name = shown.view.name.clone();
    let source = Source::Catalogue { name: name.clone(), dialect: Dialect::Space, version: None };
    let work = Work::Upgrade(Upgrade {
        name,
        source,
        strategy: Strategy::Rolling,
        backup_current: true,
        restart: true,
        update_config: false,
    });
    let path = "/api/v1/plugins/{author}/{plugin_name}/upgrade";
    desk.place(work, shown.view.scope, path, asker).await
}

/// What is not there is a task that fails.
pub(super) async fn remove(
    State(desk): State<Desk>,
    asker: Asker,
    pair: Pair,
    uri: Uri,
    body: Body,
) -> Answer {
    guard::read_on(body).await;
    let mut fields = Fields::of_query(&uri);
    let cleanup_data = fields.flag("delete_data").unwrap_or(false);
    fields.well_formed()?;
    let found = installed(&desk.operating.hosting, pair.name()?).await?;
    if found.as_ref().is_some_and(|shown| !is_ours(shown)) {
        return Err(unknown());
    }
    let (name, scope) = match found {
        Some(shown) => (shown.view.name, shown.view.scope),
        None => (pair.name()?.clone(), InstallScope::default()),
    };
    let work = Work::Uninstall(Uninstall { name, force: false, backup: false, cleanup_data });
    desk.place(work, scope, "/api/v1/plugins/{author}/{plugin_name}", asker).await
}
