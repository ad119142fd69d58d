//! The read model `publishers`: one row a publisher, found by its name in lower case.

use application::queries::catalogue::{PUBLISHERS, PublisherView, Verification};
use async_trait::async_trait;
use domain::{
    publisher::{PublisherEvent, PublisherProfile, PublisherRegistered},
    recorded::{Event, Recorded},
};
use sqlx::{PgConnection, PgPool, types::Json};

use crate::per_stream::PerStream;

pub(crate) struct Publishers;

#[async_trait]
impl PerStream for Publishers {
    type Key = String;
    type View = PublisherView;

    const MODEL: &'static str = PUBLISHERS;
    const TYPES: &'static [&'static str] = PublisherEvent::TYPES;
    const KEY: &'static str = "publisher";
    const COLUMNS: &'static str = "publisher, view";
    const COMMENT: &'static str =
        "Written by the projection publishers, read by whatever names the publisher of a plugin";

    fn statements(table: &str) -> Vec<String> {
        vec![format!(
            "create table if not exists {table} (
               publisher text primary key,
               view jsonb not null
             )"
        )]
    }

    fn id(event: &Event) -> Option<String> {
        let Event::Publisher(name, _) = event else { return None };
        Some(name.folded())
    }

    fn fold(view: Option<PublisherView>, recorded: &Recorded) -> Option<PublisherView> {
        fold(view, recorded)
    }

    async fn store(
        transaction: &mut PgConnection,
        table: &str,
        views: Vec<PublisherView>,
    ) -> Result<(), sqlx::Error> {
        let names: Vec<String> = views.iter().map(|view| view.name.to_ascii_lowercase()).collect();
        let documents: Vec<Json<PublisherView>> = views.into_iter().map(Json).collect();
        let query = format!(
            "insert into {table} (publisher, view) select * from unnest($1::text[], $2::jsonb[])
             on conflict (publisher) do update set view = excluded.view"
        );
        sqlx::query(&query).bind(names).bind(documents).execute(transaction).await.map(drop)
    }
}

fn fold(view: Option<PublisherView>, recorded: &Recorded) -> Option<PublisherView> {
    let Event::Publisher(_, event) = &recorded.event else { return view };
    if let PublisherEvent::PublisherRegistered(registered) = event {
        return Some(registered_view(registered));
    }
    let mut view = view?;
    match event {
        PublisherEvent::PublisherRegistered(_) => {}
        PublisherEvent::PublisherDescribed(PublisherProfile { display_name, email, url }) => {
            view.display_name.clone_from(display_name);
            view.email.clone_from(email);
            view.url.clone_from(url);
        }
        PublisherEvent::PublisherVerified { method, evidence } => {
            let (method, evidence) = (method.clone(), evidence.clone());
            view.verified = Some(Verification { method, evidence, at: recorded.recorded_at });
        }
        PublisherEvent::PublisherVerificationRevoked { .. } => view.verified = None,
        PublisherEvent::PublisherTransferred { to_owner } => view.owner = Some(*to_owner),
    }
    Some(view)
}

fn registered_view(registered: &PublisherRegistered) -> PublisherView {
    PublisherView {
        name: registered.name.to_string(),
        number: registered.number,
        owner: registered.owner,
        display_name: None,
        email: None,
        url: None,
        verified: None,
        created_at: registered.at,
    }
}

/// By its name, in any case.
pub(crate) async fn publisher(pool: &PgPool, name: &str) -> Result<Option<PublisherView>, sqlx::Error> {
    let view: Option<Json<PublisherView>> =
        sqlx::query_scalar("select view from read.publishers where publisher = $1")
            .bind(name.replace(char::is_control, " ").to_ascii_lowercase())
            .fetch_optional(pool)
            .await?;
    Ok(view.map(|view| view.0))
}
