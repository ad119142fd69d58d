//! Installing a plugin: from the catalogue, from an address, from a file of the server or from one that is sent.

use std::collections::BTreeSet;

use application::{queries::catalogue::Which, repackaging::LARGEST_PACKAGE};
use axum::{
    body::Body,
    extract::{Request, State},
};
use domain::{
    operation::{Install, Source, Strategy, Work},
    values::{Dialect, Digest, InstallScope},
};
use serde_json::{Map, Value, json};

use super::{
    moment,
    named::slug,
    orders::{Desk, Order, Outcome},
    shown::in_brief,
};
use crate::{
    asker::Asker,
    consistency::LogPosition,
    fields::Fields,
    package_form::{PackageForm, Wanted, is_form},
    refusal::{Fault, Refusal},
    services::Uploads,
    voice::Said,
};

const WANTED: Wanted = Wanted { part: "file", largest: LARGEST_PACKAGE };
const SOURCES: [&str; 3] = ["repository", "file", "url"];
pub(super) const STRATEGIES: [&str; 3] = ["rolling", "blue-green", "canary"];
const MOST_PERMISSIONS: usize = 200;
const LONGEST_PERMISSION: usize = 128;
const LONGEST_ADDRESS: usize = 2_048;
const LONGEST_VERSION: usize = 64;

/// How it is to be installed, whatever is.
struct Wish {
    install: Install,
    configuration: Option<Map<String, Value>>,
}

pub(super) async fn install(
    State(desk): State<Desk>,
    State(Uploads(uploads)): State<Uploads>,
    asker: Asker,
    request: Request,
) -> Result<(LogPosition, Said), Refusal> {
    let wish = if is_form(request.headers()) {
        of_form(&desk, PackageForm::read(request, &uploads, WANTED).await?).await?
    } else {
        of_json(request.into_body()).await?
    };
    check(&desk, &wish.install.source).await?;
    let canonical = json!({"install": wish.install, "config": wish.configuration});
    let order = Order {
        work: Work::Install(wish.install),
        scope: InstallScope::default(),
        configuration: wish.configuration,
        path: "/api/v1/plugins/install",
        canonical,
    };
    told(&desk, desk.place(order, asker).await?).await
}

/// What cannot be fetched is refused before anything is begun.
async fn check(desk: &Desk, source: &Source) -> Result<(), Refusal> {
    let Source::Catalogue { name, dialect, .. } = source else { return check_address(desk, source) };
    let which = match &name.author {
        Some(author) => {
            Which::Pair { publisher: author.as_str().to_owned(), name: name.name.as_str().to_owned() }
        }
        None => Which::Word { dialect: *dialect, name: name.name.as_str().to_owned() },
    };
    let found = desk.operating.catalogue.plugin(&which).await?;
    if found.is_some_and(|view| view.is_visible(*dialect)) {
        return Ok(());
    }
    Err(Refusal::not_found(format!("{name} is in no enabled repository")).coded("PLUGIN_NOT_FOUND"))
}

/// An address that nobody may fetch from, or a file that is no package by its name.
pub(super) fn check_address(desk: &Desk, source: &Source) -> Result<(), Refusal> {
    match source {
        Source::Url { url } => {
            let checked = desk.operating.downloads.check(url);
            checked.map_err(|failure| Refusal::meaningless(failure.message))
        }
        Source::Folder { file } => {
            let kind = file.rsplit_once('.').map_or_else(String::new, |(_, kind)| kind.to_ascii_lowercase());
            if ["zip", "difypkg", "lbpkg"].contains(&kind.as_str()) {
                return Ok(());
            }
            Err(Refusal::meaningless("file_path has to name a .zip, a .difypkg or a .lbpkg"))
        }
        Source::Catalogue { .. } | Source::Upload { .. } | Source::Github { .. } => Ok(()),
    }
}

async fn told(desk: &Desk, outcome: Outcome) -> Result<(LogPosition, Said), Refusal> {
    let ended_at = outcome.ended_at()?;
    let found = &outcome.view.found;
    let name = found.release.as_ref().map(|release| slug(&release.name));
    let Some(at) = ended_at else {
        let mut installation = outcome.so_far();
        installation["plugin_id"] = json!(name);
        return Ok((outcome.position, Said::ok(json!({"installation": installation}))));
    };
    let installation = json!({
        "plugin_id": name,
        "status": "completed",
        "version": outcome.view.version,
        "installed_at": moment(at),
        "duration_seconds": outcome.took(at),
    });
    let id = found.installation.ok_or_else(Refusal::internal)?;
    let shown = desk.operating.hosting.shown(id).await?;
    let body = json!({"installation": installation, "plugin": in_brief(&shown)});
    Ok((outcome.position, Said::ok(body)))
}

async fn of_json(body: Body) -> Result<Wish, Refusal> {
    let mut fields = Fields::of_json(body).await?;
    let source = source(&mut fields, None);
    let configuration = fields.object("config");
    let wish = wish(&mut fields, configuration);
    let source = fields.checked(source)?;
    Ok(wish(source))
}

/// A sent file with texts beside it: `config` is the text of a JSON object, `permissions` has commas between them.
async fn of_form(desk: &Desk, form: PackageForm) -> Result<Wish, Refusal> {
    let mut fields = Fields::of_form(form.texts);
    fields.one_of("source", &["upload"]);
    let configuration = fields.json_object("config");
    fields.split("permissions");
    let wish = wish(&mut fields, configuration);
    fields.well_formed()?;
    let (path, digest) = (form.file.path, form.file.sha256);
    let source = Source::Upload { digest: digest.clone(), filename: filename(form.file.name) };
    keep(desk, &path, &digest).await?;
    Ok(wish(source))
}

async fn keep(desk: &Desk, path: &std::path::Path, digest: &Digest) -> Result<(), Refusal> {
    let kept = desk.operating.blobs.put(path, digest).await;
    kept.map_err(|failure| {
        tracing::error!(%failure, "an upload cannot be stored");
        Refusal::new(Fault::Unavailable, "The file could not be stored; send it again later")
    })
}

/// Its last part, without what no name has.
fn filename(said: Option<String>) -> String {
    let said = said.unwrap_or_default();
    let last = said.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().filter(|c| !c.is_control()).take(128).collect();
    if plain.is_empty() { "plugin.zip".to_owned() } else { plain }
}

/// Everything but where it comes from.
fn wish(
    fields: &mut Fields,
    configuration: Option<Map<String, Value>>,
) -> impl FnOnce(Source) -> Wish + use<> {
    let names_some = fields.has("permissions");
    let named = fields.words("permissions", MOST_PERMISSIONS, LONGEST_PERMISSION);
    let grant: Option<BTreeSet<String>> = names_some.then(|| named.into_iter().collect());
    let strategy = strategy(fields);
    let auto_enable = fields.flag("auto_enable").unwrap_or(true);
    let force_reinstall = fields.flag("force_reinstall").unwrap_or(false);
    move |source| Wish {
        install: Install { source, configuration: None, grant, strategy, auto_enable, force_reinstall },
        configuration,
    }
}

pub(super) fn strategy(fields: &mut Fields) -> Strategy {
    fields.one_of("strategy", &STRATEGIES);
    match fields.text("strategy").as_deref() {
        Some("blue-green") => Strategy::BlueGreen,
        Some("canary") => Strategy::Canary,
        Some(_) | None => Strategy::Rolling,
    }
}

/// `latest` is what no version means.
pub(super) fn version(fields: &mut Fields) -> Option<String> {
    let version = fields.short_text("version", LONGEST_VERSION);
    version.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty() && text != "latest")
}

/// `usual` where it is not said and may be left out.
pub(super) fn source(
    fields: &mut Fields,
    usual: Option<&dyn Fn(Option<String>) -> Source>,
) -> Option<Source> {
    fields.one_of("source", &SOURCES);
    let said = if usual.is_some() { fields.text("source") } else { fields.needed("source", Fields::text) };
    let version = version(fields);
    let address = |fields: &mut Fields, name: &str| {
        let read = |fields: &mut Fields, name: &str| {
            fields.short_text(name, LONGEST_ADDRESS).filter(|text| !text.trim().is_empty())
        };
        fields.needed(name, read)
    };
    match (said.as_deref(), usual) {
        (Some("file"), _) => address(fields, "file_path").map(|file| Source::Folder { file }),
        (Some("url"), _) => address(fields, "download_url").map(|url| Source::Url { url }),
        (Some("repository") | None, Some(usual)) => Some(usual(version)),
        (Some("repository"), None) => {
            let name = fields.needed("plugin_name", Fields::parsed)?;
            Some(Source::Catalogue { name, dialect: Dialect::Nexus, version })
        }
        (Some(_), _) | (None, None) => None,
    }
}
