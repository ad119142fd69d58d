//! What happens in the catalogue, for feed readers: Atom (RFC 4287) and JSON Feed 1.1, of everything or of one plugin.
//! Names and texts are other people's: they are text here, whatever they hold.

mod atom;
mod entry;
mod json_feed;

use std::{str::FromStr, sync::Arc};

use application::{
    policy::Action::ReadCatalogue,
    queries::{
        activity::ActivityQueries,
        catalogue::{CatalogueQueries, PluginView, Which},
    },
};
use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderValue, Uri, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use domain::values::{Dialect, PluginId};

use crate::{
    conditional::Cache,
    fields::Fields,
    links::Links,
    operations::{Operation, get},
    refusal::Refusal,
};
use entry::{Entry, clean};

const MOST: u32 = 50;

pub(crate) fn operations() -> Vec<Operation> {
    let feeds = vec![
        get("/feed.atom", ReadCatalogue, atom_of_all),
        get("/feed.json", ReadCatalogue, json_of_all),
        get("/packages/{id}/feed.atom", ReadCatalogue, atom_of_one),
        get("/packages/{id}/feed.json", ReadCatalogue, json_of_one),
    ];
    feeds.into_iter().map(|feed| feed.cached(Cache::Feed)).collect()
}

type Activity = State<Arc<dyn ActivityQueries>>;
type Catalogue = State<Arc<dyn CatalogueQueries>>;
type Named = Result<Path<String>, PathRejection>;

/// A feed before it is written in either form.
struct Feed {
    title: String,
    /// Its own address.
    address: String,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
enum Form {
    Atom,
    Json,
}

async fn atom_of_all(activity: Activity, links: Links, uri: Uri) -> Result<Response, Refusal> {
    of_all(activity, links, uri, Form::Atom).await
}

async fn json_of_all(activity: Activity, links: Links, uri: Uri) -> Result<Response, Refusal> {
    of_all(activity, links, uri, Form::Json).await
}

async fn atom_of_one(
    activity: Activity,
    catalogue: Catalogue,
    links: Links,
    named: Named,
    uri: Uri,
) -> Result<Response, Refusal> {
    of_one(activity, catalogue, links, named, uri, Form::Atom).await
}

async fn json_of_one(
    activity: Activity,
    catalogue: Catalogue,
    links: Links,
    named: Named,
    uri: Uri,
) -> Result<Response, Refusal> {
    of_one(activity, catalogue, links, named, uri, Form::Json).await
}

async fn of_all(State(activity): Activity, links: Links, uri: Uri, form: Form) -> Result<Response, Refusal> {
    let dialect = dialect(&uri)?;
    let recent = activity.recent(None, dialect, MOST).await?;
    let title = dialect.map_or_else(
        || "Plugins: what is new".to_owned(),
        |dialect| format!("Plugins for {}: what is new", dialect.as_str()),
    );
    Ok(Feed::new(&title, &links, &uri, recent.iter().map(|view| Entry::of(view, &links))).written(form))
}

async fn of_one(
    State(activity): Activity,
    State(catalogue): Catalogue,
    links: Links,
    named: Named,
    uri: Uri,
    form: Form,
) -> Result<Response, Refusal> {
    let dialect = dialect(&uri)?;
    let plugin = known(&*catalogue, named).await?;
    let recent = activity.recent(Some(plugin.id), dialect, MOST).await?;
    // Whoever follows a plugin hears that it was removed.
    if recent.is_empty() && !is_shown(&plugin, dialect) {
        return Err(unknown());
    }
    let title = format!("{}/{}: what is new", plugin.publisher, plugin.name);
    Ok(Feed::new(&title, &links, &uri, recent.iter().map(|view| Entry::of(view, &links))).written(form))
}

/// The plugin of an id, if anybody may see it: in the dialect, or in any.
pub(crate) async fn shown(
    catalogue: &dyn CatalogueQueries,
    named: Named,
    dialect: Option<Dialect>,
) -> Result<PluginView, Refusal> {
    let plugin = known(catalogue, named).await?;
    if is_shown(&plugin, dialect) { Ok(plugin) } else { Err(unknown()) }
}

async fn known(catalogue: &dyn CatalogueQueries, named: Named) -> Result<PluginView, Refusal> {
    let id: Option<PluginId> = named.ok().and_then(|Path(text)| text.parse().ok());
    catalogue.plugin(&Which::Id(id.ok_or_else(unknown)?)).await?.ok_or_else(unknown)
}

fn is_shown(plugin: &PluginView, dialect: Option<Dialect>) -> bool {
    match dialect {
        Some(dialect) => plugin.is_visible(dialect),
        None => plugin.listed.iter().any(|dialect| plugin.is_visible(*dialect)),
    }
}

fn unknown() -> Refusal {
    Refusal::not_found("There is no such plugin")
}

/// A dialect that has a catalogue.
struct Listing(Dialect);

impl FromStr for Listing {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const REFUSED: &str = "a dialect is dify, inkdrop, backstage, langbot, space or nexus";
        let known = [Dialect::Dify].into_iter().chain(Dialect::WITH_CREDENTIALS);
        { known }.find(|dialect| dialect.as_str() == text).map(Self).ok_or(REFUSED)
    }
}

fn dialect(uri: &Uri) -> Result<Option<Dialect>, Refusal> {
    let mut fields = Fields::of_query(uri);
    let dialect = fields.parsed::<Listing>("dialect");
    fields.well_formed()?;
    Ok(dialect.map(|listing| listing.0))
}

impl Feed {
    fn new(title: &str, links: &Links, uri: &Uri, entries: impl Iterator<Item = Entry>) -> Self {
        let asked = uri.path_and_query().map_or("/", |asked| asked.as_str());
        Self { title: clean(title), address: links.mounted(asked), entries: entries.collect() }
    }

    fn written(&self, form: Form) -> Response {
        let (kind, text) = match form {
            Form::Atom => ("application/atom+xml; charset=utf-8", atom::written(self)),
            Form::Json => ("application/feed+json", Ok(json_feed::written(self))),
        };
        match text {
            Ok(text) => ([(CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response(),
            Err(error) => {
                tracing::error!(%error, "a feed could not be written");
                Refusal::internal().into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests;
