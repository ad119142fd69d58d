//! What keeps an answer from being more than an answer, should a browser open it: no guessing of types, no scripts, no
//! frames, no copies of what is secret.

use application::policy::Action;
use axum::{
    Extension,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{
            CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
    response::Response,
};

use crate::credential::Asking;

pub(crate) const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const SANDBOXED: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");

/// `open`: pages of other origins may show it. The policies that the answer brings are kept.
pub(crate) fn protect(headers: &mut HeaderMap, open: bool) {
    let policy = if headers.contains_key(CONTENT_DISPOSITION) { SANDBOXED } else { NOTHING };
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    let shown_by = if open { "cross-origin" } else { "same-origin" };
    headers.entry(RESOURCE_POLICY).or_insert(HeaderValue::from_static(shown_by));
}

/// Around one operation: secrets and what belongs to somebody stay out of every cache that is not his own.
pub(crate) async fn keep(
    State(action): State<Action>,
    Extension(Asking(principal)): Extension<Asking>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    if is_about_secrets(action) {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    } else if !principal.is_anonymous() {
        response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private"));
    }
    response
}

fn is_about_secrets(action: Action) -> bool {
    [
        Action::LogIn,
        Action::ReadIdentity,
        Action::ReadKeys,
        Action::IssueKey,
        Action::RevokeKey,
        Action::OpenSocket,
        Action::ManageAccounts,
        Action::EraseAccount,
        Action::ReadSecrets,
    ]
    .contains(&action)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protected(headers: &[(HeaderName, &'static str)], open: bool) -> HeaderMap {
        let mut map: HeaderMap =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        protect(&mut map, open);
        map
    }

    #[test]
    fn nothing_of_an_answer_runs_and_a_download_least_of_all() {
        let plain = protected(&[], false);
        assert_eq!(plain[CONTENT_SECURITY_POLICY], NOTHING);
        assert_eq!(plain[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(plain[REFERRER_POLICY], "no-referrer");
        assert_eq!(plain[RESOURCE_POLICY], "same-origin");
        assert_eq!(protected(&[], true)[RESOURCE_POLICY], "cross-origin");
        let download = protected(&[(CONTENT_DISPOSITION, "attachment")], false);
        assert_eq!(download[CONTENT_SECURITY_POLICY], SANDBOXED);
        let own = protected(&[(CONTENT_SECURITY_POLICY, "default-src 'self'")], false);
        assert_eq!(own[CONTENT_SECURITY_POLICY], "default-src 'self'");
    }
}
