//! The description of everything that is served, as `OpenAPI` 3.1. The operations are the truth, and what is written of
//! them by hand in `openapi/` must fit: an operation without a description is a fault, and so is a description without
//! an operation. What follows from the edge (credentials, limits, refusals, headers) is not written but derived.

mod edge;
mod merge;
mod page;

use std::sync::OnceLock;

use anyhow::Context as _;
use axum::{
    body::Bytes,
    http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use self::merge::{Part, Written};
use crate::{
    backstage, dify, difymarket, identity_api, inkdrop, langbot, nexus, operations::Operation,
    refusal::Refusal, space, voice::Voice, yard,
};

/// What stands in `openapi/` for the operations of one dialect below one mount.
struct Source {
    /// Names its schemas: two voices may be of one dialect.
    name: &'static str,
    mount: &'static str,
    voice: &'static Voice,
    operations: fn() -> Vec<Operation>,
    texts: &'static [&'static str],
}

const IDENTITY: &str = include_str!("../openapi/identity.yaml");
const SPACE: &str = include_str!("../openapi/space.yaml");
const DIFYMARKET: &str = include_str!("../openapi/difymarket.yaml");

/// Below their mounts; what is served at the root as well is not described twice.
const SOURCES: [Source; 10] = [
    Source {
        name: "dify",
        mount: "/dify",
        voice: &dify::VOICE,
        operations: dify::operations,
        texts: &[include_str!("../openapi/dify.yaml"), include_str!("../openapi/dify-marketplace.yaml")],
    },
    Source {
        name: "difymarket",
        mount: "/dify",
        voice: &difymarket::VOICE,
        operations: difymarket::operations,
        texts: &[DIFYMARKET],
    },
    Source {
        name: "difymarket",
        mount: "/difymarket",
        voice: &difymarket::VOICE,
        operations: difymarket::operations,
        texts: &[DIFYMARKET],
    },
    Source {
        name: "inkdrop",
        mount: "/inkdrop",
        voice: &inkdrop::VOICE,
        operations: || with_identity(inkdrop::operations()),
        texts: &[include_str!("../openapi/inkdrop.yaml"), IDENTITY],
    },
    Source {
        name: "backstage",
        mount: "/backstage",
        voice: &backstage::VOICE,
        operations: || with_identity(backstage::operations()),
        texts: &[include_str!("../openapi/backstage.yaml"), IDENTITY],
    },
    Source {
        name: "langbot",
        mount: "/langbot",
        voice: &langbot::VOICE,
        operations: || with_identity(langbot::operations()),
        texts: &[include_str!("../openapi/langbot.yaml"), IDENTITY],
    },
    Source {
        name: "space",
        mount: "/langbot",
        voice: &space::VOICE,
        operations: space::operations,
        texts: &[SPACE],
    },
    Source {
        name: "nexus",
        mount: "/nexus",
        voice: &nexus::VOICE,
        operations: || with_identity(nexus::operations()),
        texts: &[include_str!("../openapi/nexus.yaml"), IDENTITY],
    },
    Source {
        name: "space",
        mount: "/space",
        voice: &space::VOICE,
        operations: || with_identity(space::operations()),
        texts: &[SPACE, IDENTITY],
    },
    Source {
        name: "yard",
        mount: "",
        voice: &yard::VOICE,
        operations: yard::operations,
        texts: &[include_str!("../openapi/yard.yaml"), include_str!("../openapi/packages.yaml"), IDENTITY],
    },
];

fn with_identity(mut operations: Vec<Operation>) -> Vec<Operation> {
    operations.extend(identity_api::operations());
    operations
}

/// Both forms, ready to be sent.
struct Ready {
    json: Bytes,
    page: Bytes,
}

pub(crate) fn document() -> anyhow::Result<Value> {
    let mut document: Value =
        serde_saphyr::from_str(include_str!("../openapi/base.yaml")).context("base.yaml")?;
    for source in &SOURCES {
        let mut written = Written::default();
        for text in source.texts {
            written.add(
                serde_saphyr::from_str(text).with_context(|| format!("description of {}", source.mount))?,
            );
        }
        let operations = (source.operations)();
        Part { name: source.name, mount: source.mount, voice: source.voice, operations, written }
            .merge_into(&mut document)?;
    }
    Ok(document)
}

pub(crate) async fn json() -> Result<Response, Refusal> {
    let json = ready()?.json.clone();
    Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
}

/// Nothing in the page runs, and nothing is loaded from elsewhere.
pub(crate) async fn html() -> Result<Response, Refusal> {
    let page = ready()?.page.clone();
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8".to_owned()), (CONTENT_SECURITY_POLICY, page::policy())];
    Ok((headers, page).into_response())
}

/// Made once.
fn ready() -> Result<&'static Ready, Refusal> {
    static READY: OnceLock<Option<Ready>> = OnceLock::new();
    let made = READY.get_or_init(|| match document() {
        Ok(document) => {
            Some(Ready { json: document.to_string().into(), page: page::rendered(&document).into() })
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the description does not fit");
            None
        }
    });
    made.as_ref().ok_or_else(Refusal::internal)
}

#[cfg(test)]
mod tests;
