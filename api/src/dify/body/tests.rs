use domain::task::{Fault, PluginAbout};

use super::*;
use crate::fakes::{completed_view, queued_view};

#[test]
fn a_record_has_its_ten_keys_whatever_is_known() {
    for view in [queued_view(), completed_view()] {
        let record = serde_json::to_value(Record::of(&view, Mount::ROOT)).unwrap();
        assert_eq!(record.as_object().unwrap().len(), 10, "{record}");
        assert!(record["created_at"].as_str().unwrap().ends_with('Z'));
    }
}

#[test]
fn the_status_follows_the_phase_and_the_percentage() {
    let word = |status, phase, percent| status_word(&TaskView { status, phase, percent, ..queued_view() });
    assert_eq!(word(TaskStatus::Queued, None, 0), "pending");
    assert_eq!(word(TaskStatus::Queued, Some(Phase::Wheels), 40), "processing");
    assert_eq!(word(TaskStatus::Running, None, 0), "downloading");
    assert_eq!(word(TaskStatus::Running, Some(Phase::Downloading), 3), "downloading");
    assert_eq!(word(TaskStatus::Running, Some(Phase::Downloading), 60), "processing");
    assert_eq!(word(TaskStatus::Running, Some(Phase::Packing), 90), "processing");
    assert_eq!(word(TaskStatus::Completed, None, 100), "completed");
    assert_eq!(word(TaskStatus::Expired, None, 100), "completed");
    assert_eq!(word(TaskStatus::Failed, None, 50), "failed");
}

#[test]
fn a_failure_says_its_reason_once() {
    let text = |message: &str| {
        let error = Some(Fault { code: "NO_WHEEL".to_owned(), message: message.to_owned() });
        error_text(&TaskView { status: TaskStatus::Failed, error, ..queued_view() }).unwrap()
    };
    assert_eq!(text("x has no wheel (use strict=false)"), "x has no wheel (use strict=false) (NO_WHEEL)");
}

#[test]
fn a_package_of_the_marketplace_says_where_it_came_from() {
    assert_eq!(MarketplaceMetadata::of(&completed_view(), Mount::ROOT), None);
    let plugin = completed_view().plugin;
    let asked = TaskView { marketplace: plugin, ..queued_view() };
    let told = |view| serde_json::to_value(MarketplaceMetadata::of(&view, Mount("/dify"))).unwrap();
    let icon = "/dify/api/v1/marketplace/plugins/langgenius/agent/icon";
    assert_eq!(
        (&told(asked.clone())["icon_url"], &told(asked.clone())["display_name"]),
        (&icon.into(), &().into())
    );
    let about = PluginAbout { label: "Agent".to_owned(), category: "agent-strategy".to_owned() };
    let read = told(TaskView { about: Some(about), ..asked });
    assert_eq!((&read["display_name"], &read["category"]), (&"Agent".into(), &"agent".into()));
    assert_eq!((&read["source"], &read["version"]), (&"marketplace".into(), &"0.0.9".into()));
}

#[test]
fn links_lead_back_through_the_same_mount_and_only_to_what_is_there() {
    let view = completed_view();
    let path = format!("/api/v1/tasks/{}/download", view.id);
    assert_eq!(download_url(&view, Mount::ROOT).unwrap(), path);
    assert_eq!(download_url(&view, Mount("/dify")).unwrap(), format!("/dify{path}"));
    assert_eq!(download_url(&TaskView { status: TaskStatus::Expired, ..view }, Mount::ROOT), None);
}
