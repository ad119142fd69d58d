use application::queries::{
    catalogue::{CatalogueQueries as _, Which},
    reviews::{ReviewQueries as _, ReviewSort, WhichReview},
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    plugin::PluginEvent,
    review::{Rating, ReviewEvent, ReviewSubmitted, Written},
    values::{Dialect, PluginId, ReviewId},
};

use crate::{
    given::{account, id, published},
    yard::{Story, Yard, at, review},
};

fn written(stars: u64) -> Written {
    let (title, text) = ("title".to_owned(), "text".to_owned());
    Written { rating: Rating::new(stars).unwrap(), title, text, version: None }
}

fn review_of(plugin: PluginId, by: u128) -> ReviewId {
    ReviewId::of(plugin, account(by))
}

fn submitted(plugin: PluginId, by: u128, stars: u64, at: DateTime<Utc>) -> ReviewEvent {
    ReviewEvent::ReviewSubmitted(ReviewSubmitted {
        review_uid: review_of(plugin, by),
        number: 1000 + u64::try_from(by).unwrap(),
        plugin_uid: plugin,
        account_uid: account(by),
        user_number: 100 + u64::try_from(by).unwrap(),
        user_name: None,
        avatar: None,
        written: written(stars),
        helpful: 0,
        is_counted: false,
        at,
    })
}

fn of(plugin: PluginId, by: u128, events: Vec<ReviewEvent>) -> Story {
    review(review_of(plugin, by), events)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ratings_follow_what_is_written_edited_hidden_and_withdrawn() {
    let yard = Yard::start().await;
    let plugin = id(1);
    yard.given([published(1, "acme", "tool").story()]).await;
    yard.given(
        (1..=3).map(|by| of(plugin, by, vec![submitted(plugin, by, u64::try_from(by).unwrap(), at(0))])),
    )
    .await;
    let rating = async || {
        let rating = yard.catalogue().plugin(&Which::Id(plugin)).await.unwrap().unwrap().counted.rating;
        (rating.average, rating.distribution)
    };
    assert_eq!(rating().await, (Some(2.0), [1, 1, 1, 0, 0]));
    let rated = |stars| Rating::new(stars).unwrap();
    let (was, at_four) = (rated(1), written(5));
    let edited =
        ReviewEvent::ReviewEdited { plugin_uid: plugin, was, is_hidden: false, written: at_four, at: at(4) };
    let hidden = ReviewEvent::ReviewModerated {
        plugin_uid: plugin,
        rating: rated(2),
        is_hidden: true,
        reason: "rude".to_owned(),
    };
    let withdrawn = ReviewEvent::ReviewWithdrawn { plugin_uid: plugin, was: rated(3), is_hidden: false };
    yard.given([of(plugin, 1, vec![edited]), of(plugin, 2, vec![hidden])]).await;
    assert_eq!(rating().await, (Some(4.0), [0, 0, 1, 0, 1]));
    yard.given([of(plugin, 3, vec![withdrawn])]).await;
    assert_eq!(rating().await, (Some(5.0), [0, 0, 0, 0, 1]));
    let (shown, total) = yard.reviews().of_plugin(plugin, ReviewSort::Recent, 0, 10).await.unwrap();
    assert_eq!((shown.len(), total, shown[0].edited_at), (1, 1, Some(at(4))));
    yard.rebuilt_is_the_same().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reviews_are_sorted_by_time_votes_and_stars() {
    let yard = Yard::start().await;
    let plugin = id(1);
    yard.given([published(1, "acme", "tool").story()]).await;
    let vote =
        |by, was, helpful| ReviewEvent::ReviewVoted { plugin_uid: plugin, by: account(by), was, helpful };
    yard.given([
        of(plugin, 1, vec![submitted(plugin, 1, 5, at(1)), vote(8, None, true), vote(9, None, true)]),
        of(plugin, 2, vec![submitted(plugin, 2, 1, at(2)), vote(8, None, true), vote(8, Some(true), false)]),
        of(plugin, 3, vec![submitted(plugin, 3, 3, at(3)), vote(8, None, true)]),
    ])
    .await;
    for (sort, expected) in [
        (ReviewSort::Recent, [3, 2, 1]),
        (ReviewSort::Helpful, [1, 3, 2]),
        (ReviewSort::RatingHigh, [1, 3, 2]),
        (ReviewSort::RatingLow, [2, 3, 1]),
    ] {
        let (reviews, total) = yard.reviews().of_plugin(plugin, sort, 0, 10).await.unwrap();
        let users: Vec<_> = reviews.iter().map(|review| review.user_number - 100).collect();
        assert_eq!((users.as_slice(), total), (expected.as_slice(), 3), "{sort:?}");
    }
    let (page, _) = yard.reviews().of_plugin(plugin, ReviewSort::Recent, 2, 2).await.unwrap();
    assert_eq!(page.len(), 1);
    let one = yard.reviews().review(WhichReview::Number(1002)).await.unwrap().unwrap();
    assert_eq!((one.helpful, one.unhelpful, one.id), (0, 1, review_of(plugin, 2)));
    assert_eq!(yard.reviews().review(WhichReview::Id(one.id)).await.unwrap(), Some(one));
    assert_eq!(yard.reviews().user_number(account(3)).await.unwrap(), Some(103));
    assert_eq!(yard.reviews().user_number(account(4)).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trend_compares_this_month_with_all_before() {
    let yard = Yard::start().await;
    let (plugin, now) = (id(1), at(0));
    yard.given([published(1, "acme", "tool").story()]).await;
    let days = |days| now - TimeDelta::days(days);
    yard.given([of(plugin, 1, vec![submitted(plugin, 1, 5, days(1))])]).await;
    assert_eq!(yard.reviews().trend(plugin, now).await.unwrap(), None);
    yard.given([of(plugin, 2, vec![submitted(plugin, 2, 3, days(60))])]).await;
    assert_eq!(yard.reviews().trend(plugin, now).await.unwrap(), Some(2.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn likes_are_counted_by_plugin_and_told_by_account() {
    let yard = Yard::start().await;
    let (one, two, held) = (id(1), id(2), id(3));
    let quarantined = PluginEvent::PluginQuarantined { plugin_uid: held, reason: "odd".to_owned() };
    yard.given([
        published(1, "acme", "one").story(),
        published(2, "acme", "two").story(),
        published(3, "acme", "held").event(quarantined).story(),
    ])
    .await;
    let said = |plugin, by, liked: &[bool]| {
        let said =
            |liked: &bool| ReviewEvent::PluginLiked { plugin_uid: plugin, by: account(by), liked: *liked };
        of(plugin, by, liked.iter().map(said).collect())
    };
    yard.given([
        said(one, 1, &[true]),
        said(two, 1, &[true]),
        said(held, 1, &[true]),
        said(one, 2, &[true, false]),
        said(one, 3, &[true, false, true]),
    ])
    .await;
    let likes = yard.reviews().likes(&[one, two, id(9)]).await.unwrap();
    assert_eq!(likes, [(one, 2), (two, 1)].into());
    let told = async |by| yard.reviews().liked_by(account(by), Dialect::Dify, 10).await.unwrap();
    let named = |name: &str| ("acme".to_owned(), name.to_owned());
    assert_eq!(told(1).await, [named("two"), named("one")], "the newest first, and only what is shown");
    assert_eq!(told(2).await, []);
    assert_eq!(yard.reviews().liked_by(account(1), Dialect::Space, 10).await.unwrap(), []);
    let written = submitted(one, 3, 5, at(9));
    yard.given([of(one, 3, vec![written]), said(two, 1, &[false])]).await;
    assert_eq!(yard.reviews().likes(&[one, two]).await.unwrap(), [(one, 2)].into());
    assert_eq!(yard.reviews().of_plugin(one, ReviewSort::Recent, 0, 10).await.unwrap().1, 1);
    yard.rebuilt_is_the_same().await;
}
