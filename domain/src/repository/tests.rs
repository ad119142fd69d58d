use cqrs_es::test::TestFramework;

use super::*;

fn repository() -> TestFramework<Repository> {
    TestFramework::with(())
}

fn added() -> RepositoryAdded {
    RepositoryAdded {
        name: "upstream".to_owned(),
        url: "https://marketplace.example.org".to_owned(),
        description: String::new(),
        kind: "dify".to_owned(),
    }
}

fn was() -> RepositoryEvent {
    RepositoryEvent::RepositoryAdded(added())
}

fn disabled() -> RepositoryEvent {
    RepositoryEvent::RepositoryDisabled { reason: "down".to_owned() }
}

fn observe(gone: usize) -> RepositoryCommand {
    RepositoryCommand::Observe { listings: vec![], gone: vec!["acme/agent".to_owned(); gone] }
}

fn sync() -> RepositoryCommand {
    RepositoryCommand::Sync { cursor: "c".to_owned(), added: 0, updated: 0, removed: 1 }
}

#[test]
fn a_repository_is_added_once() {
    let add = || RepositoryCommand::Add(added());
    repository().given_no_previous_events().when(add()).then_expect_events(vec![was()]);
    repository().given(vec![was()]).when(add()).then_expect_error(RepositoryError::AlreadyAdded);
    repository().given(vec![was(), disabled()]).when(add()).then_expect_error(RepositoryError::AlreadyAdded);
}

#[test]
fn what_it_lists_is_taken_in_only_while_it_is_enabled() {
    let failed = || RepositoryCommand::FailSync { error: "timeout".to_owned() };
    for command in [observe(1), sync(), failed()] {
        repository().given(vec![was()]).when(command.clone()).inspect_result().unwrap();
        repository()
            .given(vec![was(), disabled()])
            .when(command.clone())
            .then_expect_error(RepositoryError::Disabled);
        repository().given_no_previous_events().when(command).then_expect_error(RepositoryError::Unknown);
    }
    let enabled = vec![was(), disabled(), RepositoryEvent::RepositoryEnabled {}];
    let observed =
        RepositoryEvent::ListingsObserved { listings: vec![], gone: vec!["acme/agent".to_owned()] };
    repository().given(enabled).when(observe(1)).then_expect_events(vec![observed]);
}

#[test]
fn what_is_so_already_is_no_event() {
    let disable = || RepositoryCommand::Disable { reason: "down".to_owned() };
    repository().given(vec![was()]).when(RepositoryCommand::Enable).then_expect_events(vec![]);
    repository().given(vec![was()]).when(disable()).then_expect_events(vec![disabled()]);
    repository().given(vec![was(), disabled()]).when(disable()).then_expect_events(vec![]);
    repository().given(vec![was()]).when(observe(0)).then_expect_events(vec![]);
}

#[test]
fn an_event_holds_a_page_and_not_a_catalogue() {
    let too_many = RepositoryError::TooMany;
    repository().given(vec![was()]).when(observe(MOST_LISTINGS + 1)).then_expect_error(too_many);
    repository().given(vec![was()]).when(observe(MOST_LISTINGS)).inspect_result().unwrap();
}
