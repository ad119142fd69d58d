//! Tasks as a read model would show them.

use application::queries::tasks::{TaskStatus, TaskView};
use chrono::{DateTime, Utc};
use domain::{
    task::{Artifact, Report, Timings},
    values::{Digest, PluginIdentity, Target, TaskId},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub(crate) const ARTIFACT: &[u8] = b"PK\x03\x04 the bytes of the result";

pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_704_067_200 + seconds, 0).unwrap()
}

pub(crate) fn queued_view() -> TaskView {
    TaskView {
        id: TaskId(Uuid::from_u128(0x123e_4567_e89b_42d3_a456_4266_1417_4000)),
        status: TaskStatus::Queued,
        phase: None,
        percent: 0,
        message: String::new(),
        error: None,
        attempt: 1,
        created_at: at(0),
        updated_at: at(0),
        ended_at: None,
        original_filename: "agent.difypkg".to_owned(),
        platform: "manylinux2014_x86_64".parse().unwrap(),
        suffix: "offline".parse().unwrap(),
        plugin: None,
        about: None,
        marketplace: None,
        group: None,
        input: None,
        artifact: None,
        report: None,
        sequence: 1,
    }
}

pub(crate) fn completed_view() -> TaskView {
    let sha256 = Digest::of_bytes(Sha256::digest(ARTIFACT).into());
    TaskView {
        status: TaskStatus::Completed,
        percent: 100,
        updated_at: at(60),
        ended_at: Some(at(60)),
        plugin: Some(PluginIdentity::new("langgenius", "agent", "0.0.9").unwrap()),
        report: Some(report(&sha256)),
        artifact: Some(Artifact {
            sha256,
            filename: "agent-offline.difypkg".to_owned(),
            size: ARTIFACT.len() as u64,
        }),
        sequence: 9,
        ..queued_view()
    }
}

fn report(sha256: &Digest) -> Report {
    let target = json!({"os": "linux", "arch": "x86_64", "floor": "2.39", "python": "3.12.3"});
    let target: Target = serde_json::from_value(target).unwrap();
    Report {
        target,
        combined_with: Vec::new(),
        strict: false,
        source: "uv.lock".to_owned(),
        resolver: None,
        resolutions: Vec::new(),
        wheels: 3,
        wheel_bytes: 1,
        downloaded_bytes: 1,
        cache_hits: 0,
        output_bytes: 1,
        uncompressed_bytes: 1,
        sha256: sha256.to_string(),
        identifier_in: "a/b:0.0.1@x".to_owned(),
        identifier_out: "a/b:0.0.1@y".to_owned(),
        needs_glibc: None,
        needs_macos: None,
        built: Vec::new(),
        signed: false,
        signing_key: None,
        verified_install: None,
        notes: Vec::new(),
        timings: Timings::default(),
    }
}
