//! The published description against the server that publishes it: whatever is sent, what comes back is one of the
//! described answers, in the described shape, and soon.

mod values;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use plugyard_tests::{
    Answer, Plan, Plugin, Yard,
    marketplace::Market,
    packages,
    schema::{misfit, resolved},
    yard::ADMIN,
};
use reqwest::{Method, RequestBuilder, multipart};
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use self::values::{Dice, fitting, odd_bytes, odd_json, odd_text};

/// Requests of each operation with each credential.
const EACH: usize = 20;
const SOON: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Who {
    Nobody,
    User,
    Admin,
}

struct Operation<'a> {
    method: Method,
    path: &'a str,
    written: &'a Value,
    parameters: Vec<&'a Value>,
}

/// What is sent, and whether the description allows all of it.
struct Case {
    path: String,
    headers: Vec<(String, String)>,
    body: Option<(String, Vec<u8>)>,
    fits: bool,
    /// A number is out of its bounds, or none at all.
    must_fail: bool,
}

async fn published(yard: &Yard) -> Value {
    yard.get("/openapi.json").await.expect(200).json()
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, written) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
            let shared = item["parameters"].as_array().into_iter().flatten();
            let own = written["parameters"].as_array().into_iter().flatten();
            let parameters = shared.chain(own).map(|parameter| resolved(document, parameter)).collect();
            let method = method.to_uppercase().parse().unwrap();
            all.push(Operation { method, path, written, parameters });
        }
    }
    all
}

#[tokio::test]
async fn the_command_and_the_server_publish_the_same_and_the_page_runs_nothing() {
    let yard = Yard::start().await;
    let ran = yard.cli().args(["openapi"]).run().await;
    assert_eq!((ran.code, ran.json()), (Some(0), published(&yard).await));
    let page = yard.get("/docs").await.expect(200);
    assert!(
        page.header("content-type").starts_with("text/html")
            && page.text().contains("/nexus/api/v1/auth/login")
    );
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
}

#[test]
fn what_does_not_fit_a_schema_is_seen() {
    let document = json!({"components": {"schemas": {"x.Id": {"type": "string", "minLength": 2}}}});
    let schema = json!({
        "type": "object",
        "required": ["id"],
        "additionalProperties": false,
        "properties": {
            "id": {"$ref": "#/components/schemas/x.Id"},
            "kinds": {"type": "array", "maxItems": 1, "items": {"enum": ["a", "b"]}},
            "many": {"oneOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
        },
    });
    let fits = |value| misfit(&document, &schema, &value).is_none();
    assert!(fits(json!({"id": "ab", "kinds": ["a"], "many": null})));
    for value in [
        json!([]),
        json!({}),
        json!({"id": 1}),
        json!({"id": "a"}),
        json!({"id": "ab", "other": 1}),
        json!({"id": "ab", "kinds": ["c"]}),
        json!({"id": "ab", "kinds": ["a", "b"]}),
        json!({"id": "ab", "many": 0}),
    ] {
        assert!(!fits(value.clone()), "{value}");
    }
}

#[tokio::test]
async fn whatever_is_sent_is_answered_as_described() {
    let market = Market::start();
    market.list(&Plugin::new("listed"), "tool");
    // Nothing is to be worked on, and nobody's address asked.
    let plan = Plan::default().set("PLUGYARD_MARKETPLACE_URL", &market.base());
    let mut yard = plan.start().await;
    furnish(&yard).await;
    yard.set("PLUGYARD_ROLE", "api");
    yard.terminate();
    yard.restart().await;
    let user = key_of_a_user(&yard).await;
    let document = published(&yard).await;
    let mut cases = Vec::new();
    for (number, operation) in operations(&document).into_iter().enumerate() {
        for who in [Who::Nobody, Who::User, Who::Admin] {
            // Whoever logs out has no key any more.
            if who == Who::User && operation.path.ends_with("/logout") {
                continue;
            }
            let mut dice = Dice::new((number * 3 + who as usize + 1) as u64);
            cases.extend((0..EACH).map(|_| (operation.clone(), who, operation.case(&mut dice, &document))));
        }
    }
    let answered = stream::iter(cases.into_iter().map(async |(operation, who, case)| {
        let request = case.request(&yard, &operation.method, who, &user);
        let began = Instant::now();
        let answer = yard.send(request).await;
        let told =
            format!("{who:?} {} {}: {}", operation.method, shortened(&case.path), shortened(&answer.text()));
        assert!(began.elapsed() < SOON, "{:?} for {told}", began.elapsed());
        operation.judge(&document, &case, who, &answer, &told);
        (operation.written["operationId"].as_str().unwrap().to_owned(), answer.status)
    }));
    let answered: Vec<(String, u16)> = answered.buffer_unordered(8).collect().await;
    let mut best: BTreeMap<&str, u16> = BTreeMap::new();
    for (id, status) in &answered {
        let best = best.entry(id).or_insert(*status);
        *best = (*best).min(*status);
    }
    let reached = best.values().filter(|status| **status < 300).count();
    assert!(reached * 2 > best.len(), "few operations were ever asked for rightly: {best:?}");
    yard.get("/healthz").await.expect(200);
}

/// The demonstration catalogue, and a plugin that is installed.
async fn furnish(yard: &Yard) {
    yard.command(&["seed"]).await;
    let package = packages::zip("listed", "0.0.1").set("/dependencies", Value::Null);
    let part = multipart::Part::bytes(package.bytes()).file_name(package.file_name());
    let form =
        multipart::Form::new().part("file", part).text("source", "upload").text("auto_enable", "false");
    let request = yard.bearing(Method::POST, "/v1/plugins/install", ADMIN);
    yard.send(request.multipart(form)).await.expect(200);
}

async fn key_of_a_user(yard: &Yard) -> String {
    let wish =
        json!({"owner": "somebody", "dialects": ["inkdrop", "backstage", "langbot", "space", "nexus"]});
    let request = yard.request(Method::POST, "/identity/keys").bearer_auth(ADMIN).json(&wish);
    yard.send(request).await.expect(201).json()["token"].as_str().unwrap().to_owned()
}

impl Clone for Operation<'_> {
    fn clone(&self) -> Self {
        Self { method: self.method.clone(), parameters: self.parameters.clone(), ..*self }
    }
}

impl Operation<'_> {
    fn case(&self, dice: &mut Dice, document: &Value) -> Case {
        // What is odd in this request: nothing, a parameter, or the body.
        let odd = dice.below(self.parameters.len() + 3);
        let mut case = Case {
            path: self.path.to_owned(),
            headers: Vec::new(),
            body: None,
            fits: odd > self.parameters.len(),
            must_fail: false,
        };
        let mut query = Vec::new();
        for (number, parameter) in self.parameters.iter().enumerate() {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            let is_odd = odd == number;
            let value = if is_odd { odd_text(dice) } else { plain(&fitting(dice, document, schema, name)) };
            match parameter["in"].as_str().unwrap() {
                "path" => {
                    // An empty one is another path, and so are dots.
                    let value = if value.trim_matches('.').is_empty() { "x".to_owned() } else { value };
                    case.path = case.path.replace(&format!("{{{name}}}"), &encoded(&value));
                }
                "query" if is_odd || parameter["required"] == true || dice.below(2) == 0 => {
                    let is_none = value.is_empty() && parameter["allowEmptyValue"] == true;
                    let counts = is_none || counts(&value, schema);
                    case.must_fail |= is_odd && schema["type"] == "integer" && !counts;
                    query.push(format!("{name}={}", encoded(&value)));
                }
                "header" if value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && !value.is_empty() => {
                    case.headers.push((name.to_owned(), value));
                }
                _ => {}
            }
        }
        if !query.is_empty() {
            case.path = format!("{}?{}", case.path, query.join("&"));
        }
        let content = self.written["requestBody"]["content"].as_object();
        case.body = content
            .and_then(|content| content.iter().next())
            .map(|(kind, media)| body(dice, document, kind, &media["schema"], odd == self.parameters.len()));
        case
    }

    fn judge(&self, document: &Value, case: &Case, who: Who, answer: &Answer, told: &str) {
        let described = &self.written["responses"][answer.status.to_string()];
        assert!(described.is_object(), "{} is not described: {told}", answer.status);
        let down = answer.status == 503 && !answer.header("retry-after").is_empty();
        assert!(answer.status < 500 || down, "{} of a server that is well: {told}", answer.status);
        assert!(!answer.header("x-request-id").is_empty(), "{told}");
        let open = self.written["security"]
            .as_array()
            .is_none_or(|ways| ways.is_empty() || ways.contains(&json!({})));
        if who == Who::Nobody && !open {
            assert!(answer.status >= 400, "nobody was let in: {told}");
            assert!(!case.fits || answer.status == 401, "nobody was told something else: {told}");
        }
        assert!(!(case.must_fail && answer.status < 300), "a number out of bounds was taken: {told}");
        assert!(!(who == Who::Admin && answer.status == 403), "{told}");
        let kind = answer.header("content-type").split(';').next().unwrap_or_default();
        let Some(content) = described["content"].as_object() else {
            assert!(answer.body.is_empty(), "no content is described: {told}");
            return;
        };
        let media =
            content.get(kind).or_else(|| content.get("image/*").filter(|_| kind.starts_with("image/")));
        let media = media.unwrap_or_else(|| panic!("{kind} is not described: {told}"));
        if kind.ends_with("json") {
            let wrong = misfit(document, &media["schema"], &answer.json());
            assert!(wrong.is_none(), "{}: {told}", wrong.unwrap_or_default());
        }
        let limits = described["headers"].as_object().into_iter().flatten();
        for (name, _) in limits.filter(|(name, _)| *name == "Retry-After") {
            assert!(!answer.header(name).is_empty(), "{name} is described: {told}");
        }
        assert!(!case.fits || answer.status != 415, "{told}");
    }
}

impl Case {
    fn request(&self, yard: &Yard, method: &Method, who: Who, user: &str) -> RequestBuilder {
        let mut request = yard.request(method.clone(), &self.path);
        request = match who {
            Who::Nobody => request,
            Who::User => request.bearer_auth(user),
            Who::Admin => request.bearer_auth(ADMIN),
        };
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        match &self.body {
            Some((kind, bytes)) => request.header("content-type", kind).body(bytes.clone()),
            None => request,
        }
    }
}

fn body(dice: &mut Dice, document: &Value, kind: &str, schema: &Value, is_odd: bool) -> (String, Vec<u8>) {
    let mut value = fitting(dice, document, schema, "");
    let whole = is_odd && dice.below(3) == 0;
    if is_odd && let Some(members) = value.as_object_mut() {
        let names: Vec<String> = members.keys().cloned().chain(["unknown".to_owned()]).collect();
        members.insert(dice.one(&names).clone(), odd_json(dice));
    }
    if kind == "application/json" {
        return (kind.to_owned(), if whole { odd_bytes(dice) } else { value.to_string().into_bytes() });
    }
    let mut form = String::new();
    for (name, member) in value.as_object().into_iter().flatten() {
        let file = if name == "file" { "; filename=\"a.difypkg\"" } else { "" };
        let part = format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{}\r\n",
            plain(member)
        );
        form.push_str(&part);
    }
    let end = if whole { "" } else { "--b--\r\n" };
    (format!("{kind}; boundary=b"), (form + end).into_bytes())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Whether the text is a whole number within the bounds.
fn counts(text: &str, schema: &Value) -> bool {
    let bound = |name: &str, usual| schema[name].as_i64().unwrap_or(usual);
    let text = text.trim();
    text.parse()
        .is_ok_and(|number: i64| (bound("minimum", i64::MIN)..=bound("maximum", i64::MAX)).contains(&number))
}

fn shortened(text: &str) -> String {
    text.chars().take(600).collect()
}
