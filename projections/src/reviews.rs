//! The read model `reviews`: one row a review, names sealed as the log has them, and beside it what lists are sorted by.

mod fold;
mod reader;

use application::queries::reviews::{READ_MODEL, ReviewView};
use async_trait::async_trait;
use domain::{
    recorded::{Event, Recorded},
    review::ReviewEvent,
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

pub use reader::PgReviews;

use crate::{per_stream::PerStream, reading::bounded};

pub(crate) struct Reviews;

#[async_trait]
impl PerStream for Reviews {
    type Key = Uuid;
    type View = ReviewView;

    const MODEL: &'static str = READ_MODEL;
    const TYPES: &'static [&'static str] =
        &["ReviewSubmitted", "ReviewEdited", "ReviewWithdrawn", "ReviewModerated", "ReviewVoted"];
    const KEY: &'static str = "review_id";
    const COLUMNS: &'static str =
        "review_id, number, plugin_id, account_id, user_number, shown, rating, helpful, created_at, view";
    const COMMENT: &'static str = "Written by the projection reviews, read by the reviews of a plugin";

    fn statements(table: &str) -> Vec<String> {
        vec![
            format!(
                "create table if not exists {table} (
                   review_id uuid primary key,
                   number bigint not null,
                   plugin_id uuid not null,
                   account_id uuid not null,
                   user_number bigint not null,
                   shown boolean not null,
                   rating smallint not null check (rating between 1 and 5),
                   helpful bigint not null,
                   created_at timestamptz not null,
                   view jsonb not null
                 )"
            ),
            format!("create index on {table} (number)"),
            format!("create index on {table} (account_id)"),
            format!("create index on {table} (plugin_id, created_at desc, review_id) where shown"),
            format!(
                "create index on {table} (plugin_id, helpful desc, created_at desc, review_id) where shown"
            ),
            format!("create index on {table} (plugin_id, rating, created_at desc, review_id) where shown"),
        ]
    }

    fn id(event: &Event) -> Option<Uuid> {
        let Event::Review(id, event) = event else { return None };
        // Without a review there may be a like.
        let is_like = matches!(event, ReviewEvent::PluginLiked { .. });
        (!is_like).then_some(id.0)
    }

    fn fold(view: Option<ReviewView>, recorded: &Recorded) -> Option<ReviewView> {
        fold::fold(view, recorded)
    }

    async fn store(
        transaction: &mut PgConnection,
        table: &str,
        views: Vec<ReviewView>,
    ) -> Result<(), sqlx::Error> {
        let (mut ids, mut numbers, mut plugins, mut accounts) = (vec![], vec![], vec![], vec![]);
        let (mut users, mut shown, mut ratings, mut helpful) = (vec![], vec![], vec![], vec![]);
        let (mut created, mut documents) = (vec![], vec![]);
        for view in views {
            ids.push(view.id.0);
            numbers.push(bounded(view.number));
            plugins.push(view.plugin.0);
            accounts.push(view.account.0);
            users.push(bounded(view.user_number));
            shown.push(!view.is_hidden && !view.is_withdrawn);
            ratings.push(i16::from(view.written.rating.stars()));
            helpful.push(bounded(view.helpful));
            created.push(view.created_at);
            documents.push(Json(view));
        }
        let query = format!(
            "insert into {table} (review_id, number, plugin_id, account_id, user_number, shown, rating, helpful,
                                  created_at, view)
             select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::bigint[], $6::boolean[],
                                  $7::smallint[], $8::bigint[], $9::timestamptz[], $10::jsonb[])
             on conflict (review_id) do update
               set number = excluded.number, user_number = excluded.user_number, shown = excluded.shown,
                   rating = excluded.rating, helpful = excluded.helpful, created_at = excluded.created_at,
                   view = excluded.view"
        );
        sqlx::query(&query)
            .bind(ids)
            .bind(numbers)
            .bind(plugins)
            .bind(accounts)
            .bind(users)
            .bind(shown)
            .bind(ratings)
            .bind(helpful)
            .bind(created)
            .bind(documents)
            .execute(transaction)
            .await
            .map(drop)
    }
}
