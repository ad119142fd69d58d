//! Reading what is in memory; nothing lags.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    api_key::KeyKind,
    recorded::Cursor,
    values::{AccountId, DeviceLoginId, Digest, KeyId},
};
use uuid::Uuid;

use super::Registry;
use application::{
    authenticating::is_live,
    error::Error,
    ports::{
        freshness::Freshness,
        system::{Clock, Ids},
    },
    queries::{
        device_logins::{DeviceLoginQueries, DeviceLoginView},
        keys::{AccountQueries, AccountView, Changes, KeyQueries, KeyView},
    },
};

#[async_trait]
impl AccountQueries for Registry {
    async fn account(&self, id: AccountId) -> Result<Option<AccountView>, Error> {
        Ok(self.up()?.accounts.get(&id).cloned())
    }

    async fn half_erased(&self, limit: u32) -> Result<Vec<AccountId>, Error> {
        let state = self.up()?;
        let readable = |view: &AccountView| !state.subjects[&view.name.key()].1;
        let lets_in = |key: &KeyView| is_live(key, state.now);
        let held = |id| state.keys.values().any(|(key, _)| key.account == id && lets_in(key));
        let erased = state.accounts.values().filter(|view| view.erased_at.is_some());
        let half = erased.filter(|view| readable(view) || held(view.id)).map(|view| view.id);
        Ok(half.take(limit as usize).collect())
    }

    async fn accounts(&self, limit: u32, offset: u32) -> Result<(Vec<AccountView>, u64), Error> {
        let mut views: Vec<AccountView> = self.up()?.accounts.values().cloned().collect();
        views.sort_by_key(|view| (std::cmp::Reverse(view.registered_at), view.id));
        let total = views.len() as u64;
        Ok((views.into_iter().skip(offset as usize).take(limit as usize).collect(), total))
    }
}

#[async_trait]
impl KeyQueries for Registry {
    async fn by_secret(&self, sha256: &Digest) -> Result<Option<KeyView>, Error> {
        let state = self.up()?;
        Ok(state.keys.values().map(|(view, _)| view).find(|view| view.secret_sha256 == *sha256).cloned())
    }

    async fn by_id(&self, id: KeyId) -> Result<Option<KeyView>, Error> {
        Ok(self.up()?.keys.get(&id).map(|(view, _)| view.clone()))
    }

    async fn held_by(&self, account: AccountId, kind: Option<KeyKind>) -> Result<Vec<KeyId>, Error> {
        let state = self.up()?;
        let held = state.keys.values().map(|(view, _)| view);
        let held = held.filter(|view| view.account == account && view.revoked_at.is_none());
        Ok(held.filter(|view| kind.is_none_or(|kind| kind == view.kind)).map(|view| view.id).collect())
    }

    async fn list(
        &self,
        account: Option<AccountId>,
        limit: u32,
        offset: u32,
    ) -> Result<(Vec<KeyView>, u64), Error> {
        let state = self.up()?;
        let of_account = |view: &&KeyView| account.is_none_or(|account| account == view.account);
        let mut views: Vec<KeyView> =
            state.keys.values().map(|(view, _)| view).filter(of_account).cloned().collect();
        views.sort_by_key(|view| (std::cmp::Reverse(view.issued_at), view.id));
        let total = views.len() as u64;
        Ok((views.into_iter().skip(offset as usize).take(limit as usize).collect(), total))
    }

    async fn changed_after(&self, change: Option<i64>) -> Result<Changes, Error> {
        let state = self.up()?;
        let after = change.unwrap_or(i64::MAX);
        let changed = state.keys.values().filter(|(_, number)| *number > after);
        Ok(Changes { keys: changed.map(|(view, _)| view.id).collect(), newest: state.changes })
    }
}

#[async_trait]
impl DeviceLoginQueries for Registry {
    async fn device_login(&self, id: DeviceLoginId) -> Result<Option<DeviceLoginView>, Error> {
        let state = self.up()?;
        Ok(state.devices.get(&id.to_string()).into_iter().flatten().fold(None, DeviceLoginView::after))
    }
}

#[async_trait]
impl Freshness for Registry {
    async fn reached(&self, _: &str, _: Cursor) -> bool {
        true
    }

    async fn lag(&self, _: &str) -> u64 {
        0
    }

    async fn has_all_before(&self, _: &str, _: Duration) -> bool {
        true
    }
}

impl Clock for Registry {
    fn now(&self) -> DateTime<Utc> {
        self.lock().now
    }
}

impl Ids for Registry {
    fn secret(&self) -> Uuid {
        Uuid::new_v4()
    }
}
