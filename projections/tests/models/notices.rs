//! The outbox of news: written by its projection, emptied by whoever posts.

use std::time::Duration;

use application::ports::notices::{Fate, News, Notice, Notices as _};
use domain::plugin::PluginEvent;
use infrastructure::notices::PgNotices;

use crate::{
    given::{id, published},
    yard::{Yard, plugin},
};

impl Yard {
    fn outbox(&self) -> PgNotices {
        PgNotices::new(self.pools.writes.clone())
    }

    async fn states(&self) -> Vec<String> {
        let states = "select state from es.notices order by happened_at, notice";
        sqlx::query_scalar(states).fetch_all(&self.pools.reads).await.unwrap()
    }

    /// As if so much time had gone by.
    async fn claims_end(&self) {
        let end =
            "update es.notices set due_at = clock_timestamp() - interval '1 second' where state = 'waiting'";
        sqlx::query(end).execute(&self.pools.writes).await.unwrap();
    }
}

async fn claimed(yard: &Yard) -> Notice {
    yard.outbox().claim().await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_is_claimed_piece_by_piece_so_that_what_waits_is_there_for_another_node() {
    let yard = Yard::start().await;
    yard.given([published(1, "acme", "one").story(), published(2, "acme", "two").story()]).await;
    let (one, other) = (claimed(&yard).await, claimed(&yard).await);
    assert_eq!((one.plugin, other.plugin), (id(1), id(2)));
    assert_eq!((one.news.clone(), one.tries), (News::Package, 0));
    assert_eq!(yard.outbox().claim().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_too_slow_settles_nothing_that_somebody_else_has_claimed_since() {
    let yard = Yard::start().await;
    yard.given([published(1, "acme", "tool").story()]).await;
    let slow = claimed(&yard).await;
    yard.claims_end().await;
    let quick = claimed(&yard).await;
    assert_eq!(quick.tries, 1);
    yard.outbox().settle(&slow, Fate::Later(Duration::ZERO)).await.unwrap();
    assert_eq!(yard.outbox().claim().await.unwrap(), None, "it is the quick one's still");
    yard.outbox().settle(&slow, Fate::GivenUp).await.unwrap();
    assert_eq!(yard.states().await, ["waiting"]);
    yard.outbox().settle(&quick, Fate::Posted).await.unwrap();
    assert_eq!(yard.states().await, ["posted"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cleared_while_it_is_being_judged_is_judged_again() {
    let yard = Yard::start().await;
    yard.given([published(1, "acme", "tool").story()]).await;
    let judged = claimed(&yard).await;
    let cleared = PluginEvent::PluginCleared { plugin_uid: id(1), evidence: "a test".to_owned() };
    yard.given([plugin(id(1), vec![cleared])]).await;
    assert_eq!(yard.outbox().claim().await.unwrap(), None, "nobody else posts it meanwhile");
    yard.outbox().settle(&judged, Fate::Withheld).await.unwrap();
    assert_eq!(yard.states().await, ["waiting"]);
    yard.claims_end().await;
    let again = claimed(&yard).await;
    yard.outbox().settle(&again, Fate::Withheld).await.unwrap();
    assert_eq!(yard.states().await, ["withheld"], "nothing was cleared since");
}
