use std::collections::BTreeSet;

use super::*;

/// Every cell, written out again: the table changes only together with this.
const CELLS: &str = "
    tasks.read              read   all all all all
    tasks.create            write  all all all all
    tasks.cancel            write  all all all all
    files.remove            write  all all all all
    catalogue.read          read   all all all all
    catalogue.review        write  -   own own all
    packages.publish        write  -   -   own all
    packages.remove         write  -   -   own all
    installations.read      read   all all all all
    installations.logs      read   -   own own all
    installations.request   write  -   own own all
    installations.end       write  -   own own all
    webhooks.manage         write  -   own own all
    host.read               read   -   all all all
    host.message            write  -   all all all
    host.logs               admin  -   -   -   all
    host.change             admin  -   -   -   all
    host.secrets            admin  -   -   -   all
    instance.read           read   all all all all
    identity.login          write  all all all all
    identity.read           read   all all all all
    keys.read               read   -   own own all
    keys.issue              write  -   own own all
    keys.revoke             write  -   own own all
    sockets.open            read   -   all all all
    accounts.manage         admin  -   -   -   all
    accounts.erase          write  -   own own all
    policy.read             read   all all all all
    yard.operate            admin  -   -   -   all
";

fn cells() -> Vec<(&'static str, Scope, [&'static str; 4])> {
    let line = |line: &'static str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (words[0], words[1].parse().unwrap(), [words[2], words[3], words[4], words[5]])
    };
    CELLS.trim().lines().map(line).collect()
}

#[test]
fn the_table_has_these_lines_and_no_others() {
    let names: Vec<&str> = TABLE.iter().map(|rule| rule.name).collect();
    assert_eq!(names, cells().into_iter().map(|(name, ..)| name).collect::<Vec<_>>());
}

#[test]
fn every_cell_is_judged_as_it_stands_for_ones_own_and_for_foreign_things() {
    for (name, scope, reaches) in cells() {
        let action = TABLE.iter().find(|rule| rule.name == name).unwrap().action;
        for (standing, reach) in Standing::ALL.into_iter().zip(reaches) {
            let scopes = match standing {
                Standing::Anonymous => BTreeSet::new(),
                Standing::User | Standing::Publisher => BTreeSet::from([Scope::Read, Scope::Write]),
                Standing::Admin => BTreeSet::from(Scope::ALL),
            };
            let nothing =
                if standing == Standing::Anonymous { Verdict::Unauthenticated } else { Verdict::Refused };
            let expected = match reach {
                "-" => (nothing, nothing),
                "own" => (Verdict::Allowed, Verdict::Hidden),
                "all" => (Verdict::Allowed, Verdict::Allowed),
                other => panic!("{other}"),
            };
            let verdict = |scopes: &BTreeSet<Scope>, owner| judge(standing, scopes, action, owner);
            let judged = (verdict(&scopes, Owner::Own), verdict(&scopes, Owner::Foreign));
            assert_eq!(judged, expected, "{name} by {}", standing.as_str());

            let open_to_all = reaches[0] == "all";
            let without: BTreeSet<Scope> = scopes.iter().copied().filter(|had| *had != scope).collect();
            let expected = if open_to_all || reach == "-" { expected } else { (nothing, nothing) };
            let judged = (verdict(&without, Owner::Own), verdict(&without, Owner::Foreign));
            assert_eq!(judged, expected, "{name} by {} without {scope}", standing.as_str());
        }
    }
}

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
fn what_is_hidden_sounds_like_what_is_not_there() {
    let told = |verdict: Verdict| verdict.enforced("No such key").unwrap_err();
    assert_eq!(told(Verdict::Hidden), Error::not_found("No such key"));
    assert_eq!(told(Verdict::Refused).kind, Kind::Forbidden);
    assert_eq!(told(Verdict::Unauthenticated).kind, Kind::Unauthenticated);
    assert_eq!(Verdict::Allowed.enforced("No such key"), Ok(()));
}
