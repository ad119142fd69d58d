//! Numbers on the wire: each is given once.

use std::collections::HashSet;

use application::ports::packages::{Numbered, Numbers};
use domain::values::AccountId;
use futures::future::join_all;
use infrastructure::{numbers::PgNumbers, postgres::Pools};

use uuid::Uuid;

use crate::support::Yard;

#[tokio::test]
async fn every_kind_counts_for_itself_from_a_thousand() {
    let yard = Yard::fresh().await;
    let numbers = PgNumbers::new(Pools::new(&yard.options).writes);
    for of in [Numbered::Plugin, Numbered::Publisher, Numbered::Review, Numbered::Operation] {
        assert_eq!(
            (numbers.next(of).await.unwrap(), numbers.next(of).await.unwrap()),
            (1000, 1001),
            "{of:?}"
        );
    }
}

#[tokio::test]
async fn no_two_nodes_are_given_the_same_number() {
    let yard = Yard::fresh().await;
    let nodes = [(); 4].map(|()| PgNumbers::new(Pools::new(&yard.options).writes));
    let asked = (0..100).map(|at| nodes[at % nodes.len()].next(Numbered::Plugin));
    let given: HashSet<u64> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(given, (1000..1100).collect());
}

#[tokio::test]
async fn first_reviews_at_one_moment_get_one_number_an_account() {
    let yard = Yard::fresh().await;
    let nodes = [(); 4].map(|()| PgNumbers::new(Pools::new(&yard.options).writes));
    let account = |at: usize| AccountId(Uuid::from_u128(at as u128 % 2));
    let asked = (0..40).map(async |at| (account(at), nodes[at / 10].of_reviewer(account(at)).await.unwrap()));
    let given: HashSet<(AccountId, u64)> = join_all(asked).await.into_iter().collect();
    assert_eq!(given.len(), 2, "{given:?}");
    assert_eq!(given.iter().map(|(_, number)| number).collect::<HashSet<_>>().len(), 2, "{given:?}");
}
