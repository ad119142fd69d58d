//! From a lock file to wheels on disk: which packages a target needs, which file of each fits best, and the
//! cache that fetches them once.

pub mod cache;
pub mod labels;
pub mod lock;
pub mod markers;
pub(crate) mod offences;
#[cfg(test)]
mod official_locks;
mod open;
pub(crate) mod pep508;
pub(crate) mod percent;
pub mod project;
pub mod requirements;
pub mod select;
pub mod sources;
pub mod tags;
mod walk;

/// A project name as PEP 503 compares it.
pub fn normalised(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            _ => out.push(c.to_ascii_lowercase()),
        }
    }
    out
}

/// Whether two version texts are one PEP 440 version.
pub fn same_version(one: &str, other: &str) -> bool {
    one == other
        || match (one.parse::<pep440_rs::Version>(), other.parse::<pep440_rs::Version>()) {
            (Ok(one), Ok(other)) => one == other,
            (Ok(_) | Err(_), _) => false,
        }
}
