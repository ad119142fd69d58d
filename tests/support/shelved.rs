//! Plugins that are in the log and in the blob store as a publication leaves them there, for tests of what comes after.

use serde_json::{Value, json};

use crate::{Yard, sha256};

pub struct Shelved {
    pub id: String,
    pub name: String,
    pub bytes: Vec<u8>,
    number: u64,
    sequence: i64,
}

impl Shelved {
    /// A package of Inkdrop with one release of these bytes.
    pub async fn new(yard: &Yard, number: u64, name: &str, bytes: Vec<u8>) -> Self {
        let id = format!("00000000-0000-4000-8000-{number:012}");
        let mut shelved = Self { id, name: name.to_owned(), bytes, number, sequence: 0 };
        let registered = json!({"number": number, "publisher": format!("u-{number:012}"), "name": name,
            "kind": "plugin", "at": "2026-01-01T00:00:00Z"});
        let described = json!({"at": "2026-01-01T00:00:00Z", "display_name": name});
        let release = shelved.release(yard, "1.0.0");
        let events = [
            ("PluginRegistered", registered),
            ("PluginDescribed", described),
            ("ReleasePublished", release),
            ("PluginListed", json!({"dialect": "inkdrop"})),
        ];
        shelved.record(yard, &events).await;
        shelved
    }

    fn release(&self, yard: &Yard, version: &str) -> Value {
        let digest = sha256(&self.bytes);
        let blob = yard.data_dir().join("blobs/blobs").join(&digest[..2]).join(&digest);
        std::fs::create_dir_all(blob.parent().unwrap()).unwrap();
        std::fs::write(blob, &self.bytes).unwrap();
        let artifact = json!({"sha256": digest, "size": self.bytes.len(), "format": "tarball"});
        json!({"version": version, "at": "2026-01-01T00:00:00Z", "artifact": artifact,
            "manifest": {"name": self.name, "version": version}})
    }

    pub async fn releases(&mut self, yard: &Yard, version: &str) {
        let release = self.release(yard, version);
        self.record(yard, &[("ReleasePublished", release)]).await;
    }

    /// Appends these events to its stream, in one transaction, and waits until they show.
    pub async fn record(&mut self, yard: &Yard, events: &[(&str, Value)]) {
        let mut rows = Vec::new();
        for (kind, payload) in events {
            self.sequence += 1;
            let mut payload = payload.clone();
            payload["type"] = json!(kind);
            payload["plugin_uid"] = json!(self.id);
            let payload = payload.to_string().replace('\'', "''");
            rows.push(format!(
                "('plugin', '{}', {}, '{kind}', '1', '{payload}', '{}')",
                self.id,
                self.sequence,
                json!({"correlation_id": "", "causation_id": "", "actor_principal": "test",
                    "actor_dialect": "system", "tenant": "default"})
            ));
        }
        let statement = format!(
            "insert into es.events
               (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
             values {}",
            rows.join(", ")
        );
        yard.database().execute(&statement).await.unwrap();
        yard.settle().await;
    }

    pub fn download(&self) -> String {
        format!("/packages/{}/versions/1.0.0/download", self.id)
    }

    pub fn blob(&self) -> String {
        format!("/blobs/{}/{}-1.0.0.tar.gz", sha256(&self.bytes), self.name)
    }

    pub async fn counted(&self, yard: &Yard) -> Value {
        yard.get(&format!("/packages/{}/downloads", self.id)).await.expect(200).json()
    }

    pub fn number(&self) -> u64 {
        self.number
    }
}
