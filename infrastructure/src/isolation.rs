//! Work on hostile bytes in a child process. A parser that aborts, hangs or eats memory takes only the child with
//! it: the child has resource limits, its own process group, no environment, and ends when its parent does.

use serde::{Deserialize, Serialize};

use application::failure::Failure;
use domain::values::Digest;

use crate::{
    builder::rewrite,
    packages::read,
    packaging::{inspect, pack, version},
    resolver::pylock,
    signing::verify,
    workplace::{unpacking, wanting},
};

mod child;
mod parent;
mod slots;

pub use child::serve_child;
pub use parent::Isolation;
#[cfg(test)]
pub(crate) use parent::tests::isolation as test_child;
pub(crate) use slots::Slots;

/// The one hidden argument that turns the binary into a child.
pub const CHILD_ARGUMENT: &str = "__isolated";

/// The words that parent and child have in common. They differ when the binary was replaced under a running
/// parent.
fn protocol() -> String {
    format!("{}/{}", version::VERSION, env!("CARGO_PKG_VERSION"))
}

/// The one line of a request: the protocol, a space, and the work as JSON.
fn request(work: &Work) -> serde_json::Result<Vec<u8>> {
    let mut line = protocol().into_bytes();
    line.push(b' ');
    serde_json::to_writer(&mut line, work)?;
    line.push(b'\n');
    Ok(line)
}

/// What a child is asked to do; part of the one line on its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Work {
    Inspect(Box<inspect::Request>),
    Pack(Box<pack::Request>),
    Rewrite(Box<rewrite::Request>),
    Pylock(Box<pylock::Request>),
    ReadPackage(Box<read::Request>),
    ReadFile(Box<read::FileRequest>),
    ReadSigned(Box<verify::Request>),
    Unpack(Box<unpacking::Request>),
    Want(Box<wanting::Request>),
    /// Misbehaves in a named way.
    #[cfg(test)]
    Misbehave(String),
}

/// What a child says; lines of JSON on its standard output, of which the last is an end. A question is answered by
/// one line on its standard input.
#[derive(Debug, Serialize, Deserialize)]
enum Word {
    Progress {
        done: u64,
        total: Option<u64>,
    },
    /// Asks for the comment of an archive with these entries: the key is not where hostile bytes are read.
    Seal {
        entries: Vec<Digest>,
    },
    Done(serde_json::Value),
    Failed(Failure),
}
