use serde_json::json;

use super::*;
use crate::voice::Heard;

#[test]
fn a_huge_input_is_not_read_back() {
    assert_eq!(shortened(json!("x".repeat(1 << 20))).as_str().unwrap().len(), 200);
    assert_eq!(shortened(json!(["x".repeat(1 << 20)])), Value::Null);
    assert_eq!(shortened(json!({"a": 1})), json!({"a": 1}));
}

#[test]
fn a_fault_of_ours_has_no_reason_and_names_its_request_where_a_dialect_has_room_for_that() {
    use crate::{backstage, dify, inkdrop, langbot, nexus, space, yard};

    let heard = Heard { request_id: "req_1".into(), ..Heard::of_nobody() };
    for (voice, names_it) in [
        (&dify::VOICE, false),
        (&inkdrop::VOICE, true),
        (&backstage::VOICE, true),
        (&langbot::VOICE, true),
        (&space::VOICE, true),
        (&nexus::VOICE, true),
        (&yard::VOICE, true),
    ] {
        let plain = Refusal::internal();
        let reasoned = Refusal { reason: Some(Reason::Internal), ..plain.clone() };
        let body = (voice.refuse)(&plain, &heard);
        assert_eq!((voice.refuse)(&reasoned, &heard), body, "{:?}", voice.dialect);
        assert_eq!(body.1.to_string().contains("req_1"), names_it, "{:?}", voice.dialect);
    }
}

#[test]
fn a_dialect_without_lists_is_told_where_and_what() {
    let issues = vec![Issue::missing(&["body", "name"]), Issue::new("x", &["body"], "No object", json!(1))];
    assert_eq!(Refusal::malformed(issues).message, "name: Field required; No object");
}
