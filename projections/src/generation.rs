//! The tables of one generation of a read model, and the view that shows one of them.

use sqlx::PgConnection;

/// One generation of a read model whose rows are one table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Generation {
    pub(crate) model: &'static str,
    pub(crate) number: i32,
}

impl Generation {
    pub(crate) fn table(self) -> String {
        format!("read.{}_v{}", self.model, self.number)
    }

    /// Runs the statements that make its table, says what it is for, and lets the service use it.
    pub(crate) async fn create(
        self,
        owner: &mut PgConnection,
        statements: Vec<String>,
        comment: &str,
    ) -> Result<(), sqlx::Error> {
        let table = self.table();
        let last = [
            format!("comment on table {table} is '{comment}'"),
            format!("grant select, insert, update, delete on {table} to plugyard_app"),
        ];
        execute(owner, statements.into_iter().chain(last)).await
    }

    pub(crate) async fn show(self, owner: &mut PgConnection) -> Result<(), sqlx::Error> {
        let (model, table) = (self.model, self.table());
        let statements = [
            format!("create or replace view read.{model} as select * from {table}"),
            format!("grant select on read.{model} to plugyard_app"),
        ];
        execute(owner, statements).await
    }

    pub(crate) async fn remove(self, owner: &mut PgConnection) -> Result<(), sqlx::Error> {
        execute(owner, [format!("drop table if exists {}", self.table())]).await
    }

    /// Whether these columns of all rows are the same in another one. Rows whose bytes are the same are looked at no further.
    pub(crate) async fn is_same(
        self,
        other: Self,
        connection: &mut PgConnection,
        key: &str,
        columns: &str,
    ) -> Result<bool, sqlx::Error> {
        let row = |of: &str| {
            let columns = columns.split(',').map(|column| format!("{of}.{}", column.trim()));
            format!("row({})::text", columns.collect::<Vec<_>>().join(", "))
        };
        let query = format!(
            "select count(*) = (select count(*) from {one}) and count(*) = (select count(*) from {two})
                    and count(*) filter (where a *<> b and {} <> {}) = 0
               from {one} a join {two} b using ({key})",
            row("a"),
            row("b"),
            one = self.table(),
            two = other.table()
        );
        sqlx::query_scalar(&query).fetch_one(connection).await
    }

    /// Equal exactly when these columns of all rows are.
    pub(crate) async fn fingerprint(
        self,
        connection: &mut PgConnection,
        key: &str,
        columns: &str,
    ) -> Result<String, sqlx::Error> {
        sqlx::query_scalar(&format!(
            "select count(*) || ' ' || coalesce(md5(string_agg(md5(row({columns})::text), '' order by {key})), '')
               from {}",
            self.table()
        ))
        .fetch_one(connection)
        .await
    }
}

pub(crate) async fn execute(
    owner: &mut PgConnection,
    statements: impl IntoIterator<Item = String>,
) -> Result<(), sqlx::Error> {
    for statement in statements {
        sqlx::query(&statement).execute(&mut *owner).await?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use domain::{
        recorded::{Cursor, Event, Recorded, Stream},
        values::Metadata,
    };
    use uuid::Uuid;

    /// The story of a golden file, recorded a second apart.
    pub(crate) fn story(name: &str) -> Vec<Recorded> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infrastructure/golden").join(name);
        let story: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let stream = Stream {
            aggregate_type: story["aggregate"].as_str().unwrap().to_owned(),
            aggregate_id: "123e4567-e89b-42d3-a456-426614174000".to_owned(),
        };
        let recorded = |(sequence, event): (i64, &serde_json::Value)| Recorded {
            cursor: Cursor { epoch: 1, transaction: 1, position: sequence },
            event_id: Uuid::from_u128(u128::try_from(sequence).unwrap()),
            stream: stream.clone(),
            sequence,
            event: Event::read(&stream, event["type"].as_str().unwrap(), event["payload"].clone()).unwrap(),
            metadata: Metadata::of_process("test", String::new(), String::new()),
            recorded_at: chrono::DateTime::from_timestamp(1_000 + sequence, 0).unwrap(),
        };
        (1..).zip(story["events"].as_array().unwrap()).map(recorded).collect()
    }

    /// What is seen after each event.
    pub(crate) fn views<V: Clone>(
        story: &[Recorded],
        fold: impl Fn(Option<V>, &Recorded) -> Option<V>,
    ) -> Vec<V> {
        let mut view = None;
        let step = |recorded| {
            view = fold(view.take(), recorded);
            view.clone()
        };
        story.iter().filter_map(step).collect()
    }
}
