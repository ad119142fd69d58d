use std::{collections::VecDeque, fs, path::Path, sync::Arc};

use application::{
    ports::{
        blobs::{Results, StoredResult},
        packaging::{
            DependencySource, Inspection, Inspector, Needs, OnBytes, PackJob, Packed, Packer, Plan,
            Selection, Wheel, WheelFacts, Wheels,
        },
    },
    repackaging::Sharing,
};
use async_trait::async_trait;
use domain::values::{Arch, Digest, PluginIdentity, Target};
use infrastructure::{blobs::ObjectBlobs, builder::NoBuilder, resolver::NoResolver, verifier::NoVerifier};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{
    fakes::Fakes,
    settings::{Command, tests::settings},
};

/// Serves every target but those of aarch64; packs the target's name.
struct Steps {
    /// Cancelled when the wheels are asked for.
    interrupt: Option<CancellationToken>,
}

#[async_trait]
impl Inspector for Steps {
    async fn inspect(
        &self,
        _: &Path,
        targets: &[Target],
        _: &CancellationToken,
    ) -> Result<Inspection, Failure> {
        let selection = |target: &Target| {
            if target.arch == Arch::Aarch64 {
                return Err(Failure::permanent(Reason::NoWheel, "x 1.0 has no wheel"));
            }
            let (source, wheels) = (DependencySource::Nothing, Vec::new());
            Ok(Plan::Selected(Selection {
                source,
                wheels,
                sdists: Vec::new(),
                needs: Needs::default(),
                resolutions: Vec::new(),
                notes: Vec::new(),
            }))
        };
        Ok(Inspection {
            sha256: Digest::of_bytes([0; 32]),
            size: 1,
            identity: PluginIdentity::new("a", "b", "0.0.1").unwrap(),
            identifier: String::new(),
            label: String::new(),
            category: String::new(),
            notes: Vec::new(),
            signature_time: 0,
            plans: targets.iter().map(selection).collect(),
        })
    }
}

#[async_trait]
impl Wheels for Steps {
    async fn recheck(&self, _wheels: &[Wheel]) -> Result<usize, Failure> {
        Ok(0)
    }

    async fn fetch(
        &self,
        _: &[Wheel],
        _: &Path,
        _: OnBytes<'_>,
        cancel: &CancellationToken,
    ) -> Result<WheelFacts, Failure> {
        if let Some(interrupt) = &self.interrupt {
            interrupt.cancel();
        }
        if cancel.is_cancelled() { Err(Failure::cancelled()) } else { Ok(WheelFacts::default()) }
    }
}

#[async_trait]
impl Packer for Steps {
    async fn pack(&self, job: PackJob<'_>, _: OnBytes<'_>, _: &CancellationToken) -> Result<Packed, Failure> {
        let targets: Vec<String> = job.targets.iter().map(ToString::to_string).collect();
        fs::write(job.output, targets.join(", ")).unwrap();
        Ok(Packed {
            sha256: Digest::of_bytes([1; 32]),
            size: 1,
            uncompressed_bytes: 1,
            identifier: String::new(),
            signing_key: None,
            notes: Vec::new(),
        })
    }

    fn version(&self) -> &'static str {
        "1"
    }
}

#[async_trait]
impl Results for Steps {
    async fn get(&self, _: &Digest) -> Result<Option<StoredResult>, Failure> {
        Ok(None)
    }

    async fn put(&self, _: &Digest, _: &StoredResult) -> Result<(), Failure> {
        Ok(())
    }
}

struct Bench {
    dir: TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("agent.difypkg"), "PK").unwrap();
        Self { dir }
    }

    fn job(&self, inputs: &[&str], flags: &[&str], interrupt: Option<CancellationToken>) -> Job {
        let (data, output) = (self.path("data"), self.path("out"));
        let all = [&["--data-dir", &data, "repackage", "--output", &output], inputs, flags].concat();
        let (settings, command) = settings(&all).unwrap();
        let Command::Repackage(arguments) = command else { panic!("{command:?}") };
        let (fakes, steps) = (Fakes::new(), Arc::new(Steps { interrupt }));
        let repackaging = Repackaging {
            marketplace: fakes.clone(),
            resolver: Arc::new(NoResolver),
            builder: Arc::new(NoBuilder),
            verifier: Arc::new(NoVerifier),
            downloads: fakes.clone(),
            inspector: steps.clone(),
            wheels: steps.clone(),
            packer: steps.clone(),
            resolutions: Arc::new(ObjectBlobs::in_directory(&self.dir.path().join("blobs")).unwrap()),
            blobs: fakes.clone(),
            results: steps,
            shared: Sharing::default(),
        };
        Job {
            repackaging,
            requests: requests(&arguments, settings.floors, &*fakes),
            arguments,
            work_dir: settings.work_dir(),
            at_once: settings.workers,
            screen: Screen::default(),
        }
    }

    async fn run(&self, flags: &[&str]) -> Outcome {
        let input = self.path("agent.difypkg");
        self.run_all(&[&input], flags).await
    }

    async fn run_all(&self, inputs: &[&str], flags: &[&str]) -> Outcome {
        let outcome = self.job(inputs, flags, None).run(&CancellationToken::new()).await;
        assert_eq!(fs::read_dir(self.path("data/work")).unwrap().count(), 0, "the work is cleared away");
        outcome
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn results(&self) -> VecDeque<String> {
        let Ok(entries) = fs::read_dir(self.path("out")) else { return VecDeque::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names.into()
    }
}

const X86_64: [&str; 2] = ["--platform", "manylinux2014_x86_64"];
const AARCH64: [&str; 2] = ["--platform", "manylinux2014_aarch64"];
const MACOS: [&str; 2] = ["--platform", "macosx_10_9_x86_64"];

fn path_of(outcome: &Outcome, number: usize) -> &Path {
    &outcome.0[number].result.as_ref().unwrap().0
}

fn reasons(outcome: &Outcome) -> Vec<Reason> {
    outcome.0.iter().filter_map(|told| told.result.as_ref().err()).map(|failure| failure.reason).collect()
}

#[tokio::test]
async fn one_result_has_the_plain_name() {
    let bench = Bench::new();
    let outcome = bench.run(&[&X86_64[..], &X86_64, &["--suffix", "air"]].concat()).await;
    assert!(outcome.is_complete());
    assert_eq!(bench.results(), ["agent-air.difypkg"]);
    assert!(path_of(&outcome, 0).is_absolute());
}

#[tokio::test]
async fn several_results_have_several_names() {
    let bench = Bench::new();
    let outcome = bench.run(&[&X86_64[..], &MACOS].concat()).await;
    assert_eq!(outcome.0.len(), 2);
    let names = ["agent-offline-macosx_10_9_x86_64.difypkg", "agent-offline-manylinux2014_x86_64.difypkg"];
    assert_eq!(bench.results(), names);
    assert_eq!(fs::read_to_string(path_of(&outcome, 1)).unwrap(), "macOS 14.0 x86_64");
}

#[tokio::test]
async fn a_target_that_cannot_be_served_fails_alone() {
    let bench = Bench::new();
    let outcome = bench.run(&[&AARCH64[..], &X86_64].concat()).await;
    let told = outcome.as_json();
    assert_eq!(
        told["failed"],
        json!([{"platform": "manylinux2014_aarch64", "error": "x 1.0 has no wheel", "reason": "NO_WHEEL"}])
    );
    assert_eq!(told["results"][0]["platform"], "manylinux2014_x86_64");
    assert_eq!(told["results"][0]["target"]["strict"], false);
    assert_eq!(bench.results(), ["agent-offline-manylinux2014_x86_64.difypkg"]);
}

#[tokio::test]
async fn an_input_that_is_not_there_fails_for_every_platform() {
    let bench = Bench::new();
    for (input, reason) in [
        (bench.path("missing.difypkg"), Reason::FetchFailed),
        (bench.path("."), Reason::FetchFailed),
        ("https://example.com/a.zip".to_owned(), Reason::UrlForbidden),
        ("https://10.0.0.1/a.difypkg".to_owned(), Reason::UrlForbidden),
    ] {
        let outcome = bench.run_all(&[&input], &[&X86_64[..], &AARCH64].concat()).await;
        assert_eq!(reasons(&outcome), [reason, reason], "{input}");
        assert_eq!(outcome.distinct_failures().len(), 1, "told once");
    }
    assert!(bench.results().is_empty());
}

#[tokio::test]
async fn an_interrupted_job_leaves_nothing() {
    let (bench, cancel) = (Bench::new(), CancellationToken::new());
    let job = bench.job(&[&bench.path("agent.difypkg")], &[], Some(cancel.clone()));
    let outcome = job.run(&cancel).await;
    assert_eq!(reasons(&outcome), [Reason::Cancelled]);
    assert!(bench.results().is_empty());
    assert_eq!(fs::read_dir(bench.path("data/work")).unwrap().count(), 0);
}

#[tokio::test]
async fn inputs_of_one_name_do_not_overwrite_each_other() {
    let bench = Bench::new();
    fs::create_dir(bench.path("other")).unwrap();
    fs::copy(bench.path("agent.difypkg"), bench.path("other/agent.difypkg")).unwrap();
    let (one, other) = (bench.path("agent.difypkg"), bench.path("other/agent.difypkg"));
    let outcome = bench.run_all(&[&one, &other, &one], &X86_64).await;
    assert_eq!(outcome.0.len(), 2, "the same input twice is one input");
    assert_eq!(bench.results(), ["agent-offline-2.difypkg", "agent-offline.difypkg"]);
    assert_eq!(outcome.as_json()["results"][1]["input"], json!(other));
}

#[tokio::test]
async fn a_bad_input_among_many_fails_alone_and_is_told_by_name() {
    let bench = Bench::new();
    let (good, bad) = (bench.path("agent.difypkg"), bench.path("missing.difypkg"));
    let outcome = bench.run_all(&[&bad, &good, "some/plugin"], &[&X86_64[..], &AARCH64].concat()).await;
    assert!(!outcome.is_complete());
    let failures = outcome.distinct_failures();
    let about: Vec<&str> = failures.iter().map(|(about, _)| about.as_str()).collect();
    let partly = format!("{good}, manylinux2014_aarch64: ");
    assert_eq!(about, [&format!("{bad}: "), &partly, "some/plugin: "]);
    assert_eq!(reasons(&outcome).last(), Some(&Reason::PluginUnknown));
    assert_eq!(bench.results(), ["agent-offline-manylinux2014_x86_64.difypkg"]);
}

#[tokio::test]
async fn a_combined_package_serves_all_platforms_under_the_plain_name() {
    let bench = Bench::new();
    let outcome = bench.run(&[&X86_64[..], &MACOS, &["--combined"]].concat()).await;
    assert_eq!(bench.results(), ["agent-offline.difypkg"]);
    assert_eq!(fs::read_to_string(path_of(&outcome, 0)).unwrap(), "glibc 2.39 x86_64, macOS 14.0 x86_64");
    let platforms = json!(["manylinux2014_x86_64", "macosx_10_9_x86_64"]);
    assert_eq!(outcome.as_json()["results"][0]["platforms"], platforms);
    let outcome = bench.run(&[&AARCH64[..], &MACOS, &["--combined"]].concat()).await;
    assert_eq!(reasons(&outcome), [Reason::NoWheel], "all or nothing");
}
