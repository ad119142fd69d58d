//! The executable examples under `api/http` say the truth.

use std::path::Path;

use plugyard_tests::{
    Plan, Sample,
    examples::{Values, parse},
    marketplace::Market,
    yard::task_id,
};

const ADMIN: &str = "the-bootstrap-credential";

#[tokio::test]
async fn every_example_is_answered_as_it_says() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/http");
    let mut replayed = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "http") {
            replayed += replay(&std::fs::read_to_string(&path).unwrap()).await;
        }
    }
    assert!(replayed > 10, "{replayed} examples");
}

async fn replay(text: &str) -> usize {
    let (market, sample) = (Market::start(), Sample::new("plugin"));
    market.list(&sample.plugin, "tool");
    let yard = Plan::default()
        .set("PLUGYARD_MARKETPLACE_URL", &market.base())
        .set("PLUGYARD_ADMIN_TOKEN", ADMIN)
        .start()
        .await;
    let file = yard.ground().join("cwd/plugin.difypkg");
    std::fs::write(&file, sample.plugin.bytes()).unwrap();
    let mut values = Values::default()
        .with("base", "")
        .with("admin_token", ADMIN)
        .with("plugin_page", &market.page_of(&sample.plugin))
        .with("author", &sample.plugin.author)
        .with("name", &sample.plugin.name)
        .with("version", &sample.plugin.version)
        .with("package_url", &sample.package_url())
        .with("package_file", &file.display().to_string());
    let examples = parse(text);
    for example in &examples {
        if let Some(name) = &example.after {
            yard.completed(&task_id(values.answer(name))).await;
        }
        let target = values.fill(&example.target);
        let mut request = yard.request(example.method.clone(), &target);
        for (name, value) in &example.headers {
            request = request.header(name, values.fill(value));
        }
        if !example.body.is_empty() {
            request = request.body(values.body(&example.body));
        }
        let answer = yard.send(request).await;
        assert_eq!(answer.status, example.expect, "{}: {}", example.title, answer.text());
        if let Some(name) = &example.name {
            values.remember(name, answer.json());
        }
    }
    examples.len()
}
