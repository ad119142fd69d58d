//! Reading what repositories list.

use std::collections::{BTreeMap, BTreeSet};

use application::{
    error::Error,
    queries::listings::{ListingQueries, Taken},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::repository::Listing;
use sqlx::{PgPool, types::Json};

#[derive(Debug, Clone)]
pub struct PgListings {
    pool: PgPool,
}

type Row = (String, DateTime<Utc>, Json<Listing>);

impl PgListings {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

fn taken((repository, at, listing): Row) -> Taken {
    Taken { repository, listing: listing.0, at }
}

fn unavailable(error: sqlx::Error) -> Error {
    tracing::debug!(%error, "listings could not be read");
    Error::unavailable()
}

#[async_trait]
impl ListingQueries for PgListings {
    async fn of(&self, repository: &str) -> Result<BTreeMap<String, Taken>, Error> {
        let query = "select repository, taken_at, listing from read.listings where repository = $1";
        let rows: Vec<Row> =
            sqlx::query_as(query).bind(repository).fetch_all(&self.pool).await.map_err(unavailable)?;
        let named = |taken: Taken| (format!("{}/{}", taken.listing.author, taken.listing.name), taken);
        Ok(rows.into_iter().map(taken).map(named).collect())
    }

    async fn named(&self, plugins: &[(String, String)]) -> Result<Vec<Taken>, Error> {
        // No text of the database holds a NUL.
        let usable = plugins.iter().filter(|(author, name)| !author.contains('\0') && !name.contains('\0'));
        let (authors, names): (Vec<&str>, Vec<&str>) =
            usable.map(|(author, name)| (author.as_str(), name.as_str())).unzip();
        let query = "select repository, taken_at, listing from read.listings
                      where (author, name) in (select * from unnest($1::text[], $2::text[]))
                      order by repository, author, name";
        let rows: Vec<Row> = sqlx::query_as(query)
            .bind(authors)
            .bind(names)
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        Ok(rows.into_iter().map(taken).collect())
    }

    async fn authors(&self, repositories: &[String]) -> Result<BTreeSet<String>, Error> {
        let query = "select distinct author from read.listings where repository = any($1)";
        let authors: Vec<String> =
            sqlx::query_scalar(query).bind(repositories).fetch_all(&self.pool).await.map_err(unavailable)?;
        Ok(authors.into_iter().collect())
    }
}
