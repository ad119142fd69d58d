//! The three doors a package comes in by: upload, URL and command line. What is refused at one is refused at all,
//! in the same words, within a time that no honest package takes, and nothing is left behind.

use plugyard_tests::{Cli, Files, Plugin, Upload, X86_64, Yard, binary, tree, waiting::seconds};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) struct Doors {
    pub(crate) yard: Yard,
    pub(crate) files: Files,
    /// Where the command line runs, beside a data directory of its own.
    cli: TempDir,
}

const HELD: &str = "hostile.difypkg";

impl Doors {
    pub(crate) async fn new() -> Self {
        Self { yard: Yard::start().await, files: Files::start(), cli: binary::ground() }
    }

    /// Offers an archive that is refused as a whole: no task by upload, a failed one by URL. Answers the text,
    /// which ends with the reason.
    pub(crate) async fn refuses(&self, what: &str, archive: &[u8], reason: &str) -> String {
        let answer = in_time(what, self.yard.try_upload(Upload::bytes(HELD, archive.to_vec()))).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        let said = answer.detail();
        assert!(said.ends_with(&format!("({reason})")), "{what}: {said}");
        let url = self.files.put("/hostile.difypkg", archive);
        let by_url = in_time(what, async {
            let task = self.yard.repackage(&json!({ "url": url })).await;
            self.yard.failed(&task).await
        });
        let failed = by_url.await;
        // A server that sends no ZIP file at all is told of as such, with its status and host.
        let same = failed == said || failed.starts_with("The server sent ");
        assert!(same && failed.ends_with(&format!("({reason})")), "{what}: by URL: {failed}");
        assert_eq!(self.by_command(what, archive).await, said, "{what}: by command line");
        said
    }

    /// Offers a package that ends as a failed task, at once or after its archive was found sound. Answers the text.
    pub(crate) async fn fails(&self, what: &str, plugin: &Plugin, reasons: &[&str]) -> String {
        let by_upload = in_time(what, async {
            let answer = self.yard.try_upload(Upload::of(plugin).field("platform", X86_64)).await;
            if answer.status == 400 {
                return answer.detail();
            }
            let record = answer.expect(200).json();
            self.yard.failed(record["task_id"].as_str().expect("a task")).await
        });
        let said = by_upload.await;
        assert!(reasons.iter().any(|reason| said.ends_with(&format!("({reason})"))), "{what}: {said}");
        assert!(!said.contains("/tmp") && !said.contains(char::is_control), "{what}: {said}");
        assert_eq!(self.by_command(what, &plugin.bytes()).await, said, "{what}: by command line");
        said
    }

    async fn by_command(&self, what: &str, archive: &[u8]) -> String {
        let path = self.cli.path().join("cwd").join(HELD);
        std::fs::write(&path, archive).unwrap();
        let command = Cli::on(self.cli.path()).args(["repackage", HELD, "--platform", X86_64, "--json"]);
        let ran = in_time(what, command.run()).await;
        assert!(![Some(0), None].contains(&ran.code), "{what}: {ran:?}");
        assert!(!ran.err.contains("panicked"), "{what}: {ran:?}");
        std::fs::remove_file(path).unwrap();
        assert_eq!(self.command_strays(), [""; 0], "{what}");
        let Value::Object(failed) = ran.json()["failed"][0].take() else { panic!("{what}: {ran:?}") };
        let word = |key: &str| failed[key].as_str().expect("a text");
        format!("{} ({})", word("error"), word("reason"))
    }

    fn command_strays(&self) -> Vec<String> {
        let all = tree::files_below(self.cli.path());
        all.into_iter().filter(|path| !path.starts_with("data/")).collect()
    }

    /// The service works as before, nothing lies outside its directory, and an upload that was refused has made no
    /// task: `uploads` counts those that were to make one.
    pub(crate) async fn is_well_after(&self, uploads: usize) {
        assert!(self.yard.strays().is_empty(), "{:?}", self.yard.strays());
        self.yard.completed(&self.yard.upload(&Plugin::new("good"), "").await).await;
        let recent = self.yard.get("/api/v1/tasks?limit=100").await.json();
        let tasks = recent["tasks"].as_array().unwrap().len();
        let by_url = self.files.count("/hostile.difypkg");
        assert_eq!(tasks, (uploads + by_url + 1).min(100), "an upload that is refused makes no task");
    }

    pub(crate) async fn is_well(&self) {
        self.is_well_after(0).await;
    }
}

/// A guard against hangs, far above what anything here takes.
async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(seconds(30), work).await.unwrap_or_else(|_| panic!("{what} took half a minute"))
}
