//! How one event changes a key's row. Pure; the same fold answers a read that comes before the projection.

use application::queries::keys::KeyView;
use domain::{
    api_key::ApiKeyEvent,
    recorded::{Event, Recorded},
};

/// `None` when the stream does not begin with its issuing.
pub(super) fn fold(row: Option<KeyView>, recorded: &Recorded) -> Option<KeyView> {
    let Event::ApiKey(_, event) = &recorded.event else { return row };
    if let ApiKeyEvent::ApiKeyIssued(issued) = event {
        let issued = issued.clone();
        return Some(KeyView {
            id: issued.key_uid,
            account: issued.account_uid,
            kind: issued.kind,
            dialects: issued.dialects,
            role: issued.role,
            scopes: issued.scopes,
            secret_sha256: issued.secret_sha256,
            label: issued.label,
            expires_at: issued.expires_at,
            allowance: issued.allowance,
            issued_at: recorded.recorded_at,
            revoked_at: None,
        });
    }
    let mut view = row?;
    match event {
        ApiKeyEvent::ApiKeyIssued(_) => {}
        ApiKeyEvent::ApiKeyRefreshed { secret_sha256, expires_at } => {
            view.secret_sha256 = secret_sha256.clone();
            view.expires_at = Some(*expires_at);
        }
        ApiKeyEvent::ApiKeyRevoked { .. } => view.revoked_at = Some(recorded.recorded_at),
    }
    Some(view)
}

#[cfg(test)]
mod tests {
    use domain::api_key::KeyKind;

    use super::*;
    use crate::generation::tests::{story, views};

    #[test]
    fn a_session_is_found_by_its_newest_secret_until_it_is_revoked() {
        let story = story("api_key_session.json");
        let views = views(&story, fold);
        let secrets: Vec<_> = views.iter().map(|view| view.secret_sha256.as_str()[..2].to_owned()).collect();
        assert_eq!(secrets, ["ab", "cd", "cd"]);
        assert!(views[0].expires_at < views[1].expires_at);
        let revoked: Vec<_> = views.iter().map(|view| view.revoked_at).collect();
        assert_eq!(revoked, [None, None, Some(story[2].recorded_at)]);
        assert_eq!(views[2].issued_at, story[0].recorded_at);
        assert_eq!(views[2].kind, KeyKind::Session);
    }

    #[test]
    fn a_token_is_shown_with_everything_it_was_issued_with() {
        let view = views(&story("api_key_token.json"), fold).pop().unwrap();
        let label = view.label.map(|label| label.to_string());
        assert_eq!(label.as_deref(), Some("sealed:v1:223e4567-e89b-42d3-a456-426614174000:AbC-_9"));
        assert_eq!(view.allowance.unwrap().to_string(), "5000/3600");
        assert_eq!((view.dialects.len(), view.scopes.len()), (2, 1));
    }

    #[test]
    fn a_stream_that_does_not_begin_with_its_issuing_has_no_view() {
        assert_eq!(fold(None, &story("api_key_session.json")[1]), None);
    }
}
