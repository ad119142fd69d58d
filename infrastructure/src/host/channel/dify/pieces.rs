//! An answer that comes in pieces: texts that belong together, and files in parts.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

/// Of all pieces of an answer.
const MOST_BYTES: usize = 16 * 1024 * 1024;
const MOST_PIECES: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Pieces {
    messages: Vec<Value>,
    text: String,
    has_text: bool,
    /// By its id: what there is of a file, and the number of the next part.
    files: BTreeMap<String, (Vec<u8>, u64)>,
    bytes: usize,
    count: usize,
}

impl Pieces {
    /// # Errors
    /// Why the whole answer is worth nothing.
    pub(super) fn add(&mut self, piece: &Value) -> Result<(), &'static str> {
        self.bytes += piece.to_string().len();
        self.count += 1;
        if self.bytes > MOST_BYTES || self.count > MOST_PIECES {
            return Err("its answer is larger than 16 MiB or has more than 10000 pieces");
        }
        if piece["type"] == "blob_chunk" {
            return self.part(piece);
        }
        let text = match piece["type"].as_str() {
            Some("text") => piece["message"]["text"].as_str(),
            // Models speak in pieces of messages.
            _ => piece["delta"]["message"]["content"].as_str(),
        };
        if let Some(text) = text {
            self.has_text = true;
            self.text.push_str(text);
        }
        self.messages.push(piece.clone());
        Ok(())
    }

    fn part(&mut self, piece: &Value) -> Result<(), &'static str> {
        let part = &piece["message"];
        let id = part["id"].as_str().unwrap_or_default().to_owned();
        let bytes = part["blob"].as_str().and_then(|blob| BASE64_STANDARD.decode(blob).ok());
        let bytes = bytes.ok_or("a part of a file in its answer is not base64")?;
        let (file, next) = self.files.entry(id.clone()).or_default();
        // Some count from 0 and some from 1.
        let sequence = part["sequence"].as_u64().unwrap_or(*next);
        if *next != 0 && sequence != *next {
            return Err("a part of a file in its answer is missing");
        }
        *next = sequence + 1;
        file.extend(bytes);
        if part["end"].as_bool() == Some(true) {
            let file = std::mem::take(file);
            self.files.remove(&id);
            if part["total_length"].as_u64().is_some_and(|total| total != file.len() as u64) {
                return Err("a file in its answer is not as long as it says");
            }
            let blob = BASE64_STANDARD.encode(file);
            self.messages.push(json!({"type": "blob", "message": {"blob": blob}, "meta": piece["meta"]}));
        }
        Ok(())
    }

    /// `None`: there was nothing.
    pub(super) fn whole(self) -> Option<Value> {
        if self.messages.is_empty() {
            return None;
        }
        let text = self.has_text.then_some(self.text);
        Some(json!({"text": text, "messages": self.messages}))
    }
}
