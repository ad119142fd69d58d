use cqrs_es::test::TestFramework;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::values::ReviewId;

fn review() -> TestFramework<Review> {
    TestFramework::with(())
}

fn plugin() -> PluginId {
    PluginId(Uuid::from_u128(7))
}

fn account(number: u128) -> AccountId {
    AccountId(Uuid::from_u128(number))
}

fn written(stars: u64) -> Written {
    let rating = Rating::new(stars).unwrap();
    Written { rating, title: "Good".to_owned(), text: "It works.".to_owned(), version: None }
}

fn submitted(stars: u64) -> ReviewSubmitted {
    ReviewSubmitted {
        review_uid: ReviewId::of(plugin(), account(1)),
        number: 1000,
        plugin_uid: plugin(),
        account_uid: account(1),
        user_number: 1000,
        user_name: None,
        avatar: None,
        written: written(stars),
        helpful: 0,
        is_counted: false,
        at: DateTime::UNIX_EPOCH,
    }
}

fn submit(stars: u64) -> ReviewCommand {
    ReviewCommand::Submit(Box::new(submitted(stars)))
}

fn was(stars: u64) -> ReviewEvent {
    ReviewEvent::ReviewSubmitted(submitted(stars))
}

fn edit(stars: u64) -> ReviewCommand {
    ReviewCommand::Edit { written: written(stars), at: DateTime::UNIX_EPOCH }
}

fn moderate(is_hidden: bool) -> ReviewCommand {
    ReviewCommand::Moderate { is_hidden, reason: "spam".to_owned() }
}

fn moderated(stars: u64, is_hidden: bool) -> ReviewEvent {
    let rating = Rating::new(stars).unwrap();
    ReviewEvent::ReviewModerated { plugin_uid: plugin(), rating, is_hidden, reason: "spam".to_owned() }
}

fn withdrawn(stars: u64, is_hidden: bool) -> ReviewEvent {
    ReviewEvent::ReviewWithdrawn { plugin_uid: plugin(), was: Rating::new(stars).unwrap(), is_hidden }
}

#[test]
fn a_rating_has_one_to_five_stars() {
    assert!((1..=5).all(|stars| Rating::new(stars).is_ok()));
    assert!([0, 6, 256, u64::MAX].into_iter().all(|stars| Rating::new(stars).is_err()));
    assert!(serde_json::from_str::<Rating>("0").is_err() && serde_json::from_str::<Rating>("4").is_ok());
}

#[test]
fn there_is_one_review_at_a_time() {
    review().given_no_previous_events().when(submit(5)).then_expect_events(vec![was(5)]);
    review().given(vec![was(5)]).when(submit(4)).then_expect_error(ReviewError::AlreadySubmitted);
    review().given(vec![was(5), withdrawn(5, false)]).when(submit(4)).then_expect_events(vec![was(4)]);
}

#[test]
fn what_is_not_there_cannot_be_changed() {
    let vote = ReviewCommand::Vote { by: account(2), helpful: true };
    for command in [edit(1), ReviewCommand::Withdraw, moderate(true), vote] {
        review().given_no_previous_events().when(command.clone()).then_expect_error(ReviewError::Unknown);
        let given = vec![was(5), withdrawn(5, false)];
        review().given(given).when(command).then_expect_error(ReviewError::Unknown);
    }
}

#[test]
fn a_change_says_what_the_rating_was_and_whether_it_counted() {
    let edited = |was: u64, is_hidden, stars| ReviewEvent::ReviewEdited {
        plugin_uid: plugin(),
        was: Rating::new(was).unwrap(),
        is_hidden,
        written: written(stars),
        at: DateTime::UNIX_EPOCH,
    };
    review().given(vec![was(5)]).when(edit(2)).then_expect_events(vec![edited(5, false, 2)]);
    let hidden = vec![was(5), moderated(5, true), edited(5, true, 3)];
    review().given(hidden.clone()).when(edit(1)).then_expect_events(vec![edited(3, true, 1)]);
    review().given(hidden.clone()).when(moderate(false)).then_expect_events(vec![moderated(3, false)]);
    review().given(hidden).when(ReviewCommand::Withdraw).then_expect_events(vec![withdrawn(3, true)]);
    review().given(vec![was(5)]).when(moderate(false)).then_expect_events(vec![]);
}

#[test]
fn everybody_has_one_vote_and_the_author_none() {
    let vote = |by, helpful| ReviewCommand::Vote { by: account(by), helpful };
    let voted =
        |was, helpful| ReviewEvent::ReviewVoted { plugin_uid: plugin(), by: account(2), was, helpful };
    review().given(vec![was(5)]).when(vote(1, true)).then_expect_error(ReviewError::OwnReview);
    review().given(vec![was(5)]).when(vote(2, true)).then_expect_events(vec![voted(None, true)]);
    let given = || vec![was(5), voted(None, true)];
    review().given(given()).when(vote(2, true)).then_expect_events(vec![]);
    review().given(given()).when(vote(2, false)).then_expect_events(vec![voted(Some(true), false)]);
}

fn any_command() -> impl Strategy<Value = ReviewCommand> {
    (0..5_u8, 1..=5_u64, any::<bool>()).prop_map(|(kind, stars, yes)| match kind {
        0 => submit(stars),
        1 => edit(stars),
        2 => ReviewCommand::Withdraw,
        3 => moderate(yes),
        _ => ReviewCommand::Vote { by: account(2), helpful: yes },
    })
}

proptest! {
    /// Whoever adds up what events say of ratings knows the sum of the ratings that are shown.
    #[test]
    fn ratings_add_up_to_what_is_live(commands in prop::collection::vec(any_command(), 0..40)) {
        let mut state = Review::default();
        let (mut sum, mut count) = (0_i64, 0_i64);
        for command in commands {
            for event in state.decide(command).unwrap_or_default() {
                let (less, more) = event.ratings();
                sum += more.map_or(0, |rating| i64::from(rating.stars()));
                sum -= less.map_or(0, |rating| i64::from(rating.stars()));
                count += i64::from(more.is_some()) - i64::from(less.is_some());
                state.evolve(event);
            }
            let shown = state.live.as_ref().filter(|live| !live.is_hidden);
            prop_assert_eq!(sum, shown.map_or(0, |live| i64::from(live.rating.stars())));
            prop_assert_eq!(count, i64::from(shown.is_some()));
        }
    }
}

#[test]
fn an_account_likes_a_plugin_once_with_or_without_a_review() {
    let like = |liked| ReviewCommand::Like { plugin: plugin(), by: account(1), liked };
    let said = |liked| ReviewEvent::PluginLiked { plugin_uid: plugin(), by: account(1), liked };
    review().given_no_previous_events().when(like(true)).then_expect_events(vec![said(true)]);
    review().given_no_previous_events().when(like(false)).then_expect_events(vec![]);
    review().given(vec![said(true)]).when(like(true)).then_expect_events(vec![]);
    review().given(vec![said(true)]).when(like(false)).then_expect_events(vec![said(false)]);
    review().given(vec![said(true), was(5)]).when(like(true)).then_expect_events(vec![]);
    review().given(vec![said(true)]).when(submit(5)).then_expect_events(vec![was(5)]);
}
