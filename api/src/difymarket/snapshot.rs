//! The newest version of every plugin at once: newer cores read it before they look for upgrades, and ask one by one for
//! what it does not hold.

use std::sync::Arc;

use application::ports::{
    marketplace::{Answer, Search},
    system::Clock,
};
use axum::{Json, extract::State, response::Response};
use chrono::SecondsFormat;
use serde_json::json;

use super::{
    asking::{Market, refused},
    body,
};
use crate::{links::Links, refusal::Refusal, stale::marked};

const AT_A_TIME: u32 = 100;
const MOST_PAGES: u32 = 200;

/// Without an envelope.
pub(super) async fn manifest(
    State(market): Market,
    State(clock): State<Arc<dyn Clock>>,
    links: Links,
) -> Result<Response, Refusal> {
    let (mut plugins, mut is_stale) = (Vec::new(), false);
    for page in 1..=MOST_PAGES {
        let search = Search { page, per_page: AT_A_TIME, ..Search::default() };
        let Answer { value, stale } = market.search(&search).await.map_err(refused)?;
        is_stale |= stale;
        plugins.extend(value.plugins.iter().map(|shown| body::newest(shown, &links)));
        if u64::from(page) * u64::from(AT_A_TIME) >= value.total {
            break;
        }
    }
    let at = clock.now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let metadata = json!({"plugin_count": plugins.len(), "snapshot_updated_at": at});
    Ok(marked(is_stale, Json(json!({"plugins": plugins, "metadata": metadata}))))
}
