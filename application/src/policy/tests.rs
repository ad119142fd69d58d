use std::collections::BTreeSet;

use super::*;

#[test]
fn every_action_has_one_line() {
    for rule in TABLE {
        let with_that_name = TABLE.iter().filter(|other| other.name == rule.name).count();
        let of_that_action = TABLE.iter().filter(|other| other.action == rule.action).count();
        assert_eq!((with_that_name, of_that_action), (1, 1), "{}", rule.name);
    }
}

#[test]
fn a_role_never_loses_what_a_lower_one_has() {
    let far = |reach| match reach {
        Reach::Nobody => 0,
        Reach::Own => 1,
        Reach::All => 2,
    };
    for rule in TABLE {
        for pair in Standing::ALL.windows(2) {
            assert!(far(rule.reach(pair[0])) <= far(rule.reach(pair[1])), "{}", rule.name);
        }
    }
}

#[test]
fn what_is_not_a_scope_of_the_key_is_refused_unless_anybody_may() {
    let read = BTreeSet::from([Scope::Read]);
    let verdict = |action| judge(Standing::Admin, &read, action, Owner::Own);
    assert_eq!(verdict(Action::ReadHost), Verdict::Allowed);
    assert_eq!(verdict(Action::ChangeHost), Verdict::Refused);
    assert_eq!(verdict(Action::CreateTask), Verdict::Allowed, "the anonymous may");
}
