//! Plugins as stories: what a test does not name is plain.

use std::collections::BTreeMap;

use domain::{
    plugin::{
        Artifact, Described, Description, PackageFormat, PluginEvent, PluginKind, PluginRegistered,
        ReleasePublished,
    },
    values::{AccountId, Dialect, Digest, PluginId},
};
use uuid::Uuid;

use crate::yard::{Story, at, plugin};

pub(crate) struct Given {
    pub(crate) id: PluginId,
    events: Vec<PluginEvent>,
}

pub(crate) fn id(number: u128) -> PluginId {
    PluginId(Uuid::from_u128(number))
}

pub(crate) fn digest(number: u8) -> Digest {
    Digest::of_bytes([number; 32])
}

pub(crate) fn account(number: u128) -> AccountId {
    AccountId(Uuid::from_u128(number))
}

/// Registered, not described, not listed, without a release.
pub(crate) fn registered(number: u128, publisher: &str, name: &str) -> Given {
    let id = id(number);
    let registered = PluginRegistered {
        plugin_uid: id,
        number: u64::try_from(number).unwrap(),
        owner: Some(account(number)),
        publisher: publisher.parse().unwrap(),
        name: name.parse().unwrap(),
        kind: PluginKind::Plugin,
        at: at(0),
    };
    Given { id, events: vec![PluginEvent::PluginRegistered(registered)] }
}

/// With a release and listed in Dify and Backstage.
pub(crate) fn published(number: u128, publisher: &str, name: &str) -> Given {
    registered(number, publisher, name).release("1.0.0").listed(Dialect::Dify).listed(Dialect::Backstage)
}

impl Given {
    pub(crate) fn event(mut self, event: PluginEvent) -> Self {
        self.events.push(event);
        self
    }

    pub(crate) fn described(self, change: impl FnOnce(&mut Description)) -> Self {
        let mut description = Description::default();
        change(&mut description);
        let plugin_uid = self.id;
        self.event(PluginEvent::PluginDescribed(Box::new(Described { plugin_uid, at: at(1), description })))
    }

    pub(crate) fn release(self, version: &str) -> Self {
        self.release_with(version, |_| {})
    }

    pub(crate) fn release_with(self, version: &str, change: impl FnOnce(&mut ReleasePublished)) -> Self {
        let plugin_uid = self.id;
        let sha256 = digest(u8::try_from(self.events.len()).unwrap());
        let mut release = ReleasePublished {
            plugin_uid,
            version: version.parse().unwrap(),
            at: at(i64::try_from(self.events.len()).unwrap()),
            artifact: Artifact { sha256, size: 1, format: PackageFormat::Difypkg, content_checksum: None },
            manifest: serde_json::json!({}),
            engines: BTreeMap::new(),
            dependencies: BTreeMap::new(),
            peer_dependencies: BTreeMap::new(),
            permissions: Vec::new(),
            config_schema: None,
            changelog: None,
            readme: None,
            prerelease: false,
            quarantine: None,
            described: None,
        };
        change(&mut release);
        self.event(PluginEvent::ReleasePublished(Box::new(release)))
    }

    pub(crate) fn listed(self, dialect: Dialect) -> Self {
        let plugin_uid = self.id;
        self.event(PluginEvent::PluginListed { plugin_uid, dialect })
    }

    pub(crate) fn downloaded(self, downloads: u64) -> Self {
        let (plugin_uid, source) = (self.id, "test".to_owned());
        let statistics = domain::plugin::ImportedStatistics { source, downloads, ..Default::default() };
        self.event(PluginEvent::StatisticsImported { plugin_uid, statistics: Box::new(statistics) })
    }

    pub(crate) fn story(self) -> Story {
        plugin(self.id, self.events)
    }
}
