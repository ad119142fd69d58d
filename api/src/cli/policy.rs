//! `plugyard policy`: who may do what, as the service judges it.

use std::io::Write as _;

use application::policy::{Rule, Standing, TABLE};
use serde_json::{Map, Value, json};

use super::table::aligned;

const HOW_TO_READ: &str = "\
-     not at all: 401 for who sends no credential, else 403
own   one's own things; those of others look as if they were not there: 404
all   everybody's things
A credential reaches no further than its scopes, except to what the anonymous may. What is not in the table is denied.";

pub(crate) fn run(as_json: bool) -> std::io::Result<()> {
    let text = if as_json { format!("{:#}\n", body()) } else { format!("{}\n{HOW_TO_READ}\n", table()) };
    std::io::stdout().write_all(text.as_bytes())
}

fn body() -> Value {
    let line = |rule: &Rule| {
        let mut line = Map::from_iter([
            ("action".to_owned(), json!(rule.name)),
            ("scope".to_owned(), json!(rule.scope.as_str())),
        ]);
        line.extend(Standing::ALL.map(|who| (who.as_str().to_owned(), json!(rule.reach(who).as_str()))));
        Value::Object(line)
    };
    TABLE.iter().map(line).collect()
}

fn table() -> String {
    let mut rows = vec![vec!["ACTION".to_owned(), "SCOPE".to_owned()]];
    rows[0].extend(Standing::ALL.map(|who| who.as_str().to_uppercase()));
    for rule in TABLE {
        let mut row = vec![rule.name.to_owned(), rule.scope.to_string()];
        row.extend(Standing::ALL.map(|who| rule.reach(who).as_str().to_owned()));
        rows.push(row);
    }
    aligned(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_a_line_for_people_and_an_object_for_programs() {
        let table = table();
        let head: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(head, ["ACTION", "SCOPE", "ANONYMOUS", "USER", "PUBLISHER", "ADMIN"]);
        assert_eq!(table.lines().count(), TABLE.len() + 1);
        let of_keys = table.lines().find(|line| line.starts_with("keys.issue")).unwrap();
        let cells: Vec<&str> = of_keys.split_whitespace().collect();
        assert_eq!(cells, ["keys.issue", "write", "-", "own", "own", "all"]);
        let body = body();
        assert_eq!(body.as_array().unwrap().len(), TABLE.len());
        let of_keys = body.as_array().unwrap().iter().find(|line| line["action"] == "keys.issue").unwrap();
        let expected = json!({
            "action": "keys.issue", "scope": "write",
            "anonymous": "-", "user": "own", "publisher": "own", "admin": "all"
        });
        assert_eq!(of_keys, &expected);
    }
}
