//! How one event changes an account's row. Pure; the same fold answers a read that comes before the projection.

use application::queries::keys::AccountView;
use domain::{
    account::AccountEvent,
    recorded::{Event, Recorded},
};

/// `None` when the stream does not begin with its registration.
pub(super) fn fold(row: Option<AccountView>, recorded: &Recorded) -> Option<AccountView> {
    let Event::Account(_, event) = &recorded.event else { return row };
    if let AccountEvent::AccountRegistered(registered) = event {
        return Some(AccountView {
            id: registered.account_uid,
            name: registered.name.clone(),
            role: registered.role,
            password: None,
            registered_at: recorded.recorded_at,
            erased_at: None,
        });
    }
    let mut view = row?;
    match event {
        AccountEvent::AccountRegistered(_) => {}
        AccountEvent::AccountRoleChanged { role } => view.role = *role,
        AccountEvent::PasswordChanged { password } => view.password = Some(password.clone()),
        AccountEvent::SubjectErased { .. } => {
            view.password = None;
            view.erased_at = Some(recorded.recorded_at);
        }
    }
    Some(view)
}

#[cfg(test)]
mod tests {
    use domain::values::Role;

    use super::*;
    use crate::generation::tests::{story, views};

    #[test]
    fn an_account_is_shown_from_its_registration_to_its_end() {
        let story = story("account_registered_and_erased.json");
        let views = views(&story, fold);
        assert_eq!(views.len(), 4);
        let roles: Vec<Role> = views.iter().map(|view| view.role).collect();
        assert_eq!(roles, [Role::User, Role::Publisher, Role::Publisher, Role::Publisher]);
        let with_password: Vec<bool> = views.iter().map(|view| view.password.is_some()).collect();
        assert_eq!(with_password, [false, false, true, false], "an erased account has none");
        let last = views.last().unwrap();
        assert_eq!(last.registered_at, story[0].recorded_at);
        assert_eq!(last.erased_at, Some(story[3].recorded_at));
    }

    #[test]
    fn a_stream_that_does_not_begin_with_its_registration_has_no_view() {
        assert_eq!(fold(None, &story("account_registered_and_erased.json")[1]), None);
    }
}
