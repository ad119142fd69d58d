//! What a caller uploads.

use reqwest::multipart;

use crate::Plugin;

/// An upload with every part open to the test.
#[derive(Clone)]
pub struct Upload {
    pub file_name: String,
    pub content: Vec<u8>,
    pub fields: Vec<(String, String)>,
}

impl Upload {
    pub fn of(plugin: &Plugin) -> Self {
        Self::bytes(&plugin.file_name(), plugin.bytes())
    }

    pub fn bytes(file_name: &str, content: Vec<u8>) -> Self {
        Self { file_name: file_name.into(), content, fields: Vec::new() }
    }

    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    pub fn form(self) -> multipart::Form {
        let file = multipart::Part::bytes(self.content).file_name(self.file_name);
        self.fields
            .into_iter()
            .fold(multipart::Form::new(), |form, (name, value)| form.text(name, value))
            .part("file", file)
    }
}
