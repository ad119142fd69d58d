//! A plugin's own place to keep small things, by key. What is kept there belongs to its installation and goes with its
//! data.

use domain::values::InstallationId;
use serde_json::{Value, json};

use super::denied;
use crate::ports::{
    hosting::{Ask, Denied},
    storage::{MOST_BYTES, PluginStorage, Put},
};

const LONGEST_KEY: usize = 256;
const LARGEST_VALUE: usize = 64 * 1024;
const MOST_KEYS: u32 = 1_000;

pub(super) async fn answer(
    storage: &dyn PluginStorage,
    of: InstallationId,
    ask: &Ask,
) -> Result<Value, Denied> {
    let params = &ask.params;
    match ask.method.as_str() {
        "storage/get" => {
            let value = storage.get(of, key(params)?).await.map_err(denied)?;
            Ok(json!({"found": value.is_some(), "value": value}))
        }
        "storage/put" => {
            let value = &params["value"];
            if value.to_string().len() > LARGEST_VALUE {
                return Err(Denied::Invalid(format!("A value has at most {LARGEST_VALUE} bytes as JSON")));
            }
            match storage.put(of, key(params)?, value).await.map_err(denied)? {
                Put::Kept => Ok(json!({})),
                Put::Full => Err(Denied::Invalid(format!("A plugin keeps at most {MOST_BYTES} bytes"))),
            }
        }
        "storage/delete" => {
            let removed = storage.delete(of, key(params)?).await.map_err(denied)?;
            Ok(json!({"deleted": removed}))
        }
        _ => {
            let prefix = params["prefix"].as_str().unwrap_or_default();
            if prefix.len() > LONGEST_KEY {
                return Err(Denied::Invalid("The prefix is too long".to_owned()));
            }
            let keys = storage.keys(of, prefix, MOST_KEYS).await.map_err(denied)?;
            Ok(json!({"keys": keys}))
        }
    }
}

fn key(params: &Value) -> Result<&str, Denied> {
    let fits = |key: &&str| (1..=LONGEST_KEY).contains(&key.len()) && !key.contains('\0');
    params["key"]
        .as_str()
        .filter(fits)
        .ok_or_else(|| Denied::Invalid(format!("key has to be 1 to {LONGEST_KEY} bytes without NUL")))
}
