//! Reads what uv wrote (PEP 751) and writes what is kept of it: one wheel per package, chosen by our own order of
//! tags, without markers, credentials or anything of this host. Runs in the child process, because names and links
//! come from an index.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use application::{
    failure::{Failure, Reason},
    ports::packaging::{Requirement, Sdist, SdistOrigin, Wheel},
};
use domain::values::{Digest, Target};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::wheels::{
    labels::Label,
    lock::Lock,
    markers::{Environment, Markers, Verdict},
    normalised,
    offences::{Offence, misfit, report},
    percent, same_version,
    sources::{IndexPolicy, NoSource, Sources},
    tags::TagOrder,
};

#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub pylock: String,
    pub lines: Vec<Requirement>,
    pub target: Target,
    pub index: IndexPolicy,
    /// Built here; their wheels are looked up elsewhere.
    pub sdists: Vec<Sdist>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    /// By name.
    pub wheels: Vec<Wheel>,
    /// Left out, because their markers read the release of the target system.
    pub undecided: Vec<String>,
    /// What to keep; read again, it gives the same answer.
    pub pylock: String,
}

#[derive(Debug, Deserialize)]
struct Pylock<'a> {
    #[serde(borrow, default)]
    packages: Vec<Package<'a>>,
}

#[derive(Debug, Deserialize)]
struct Package<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    marker: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    wheels: Vec<Locked<'a>>,
}

#[derive(Debug, Deserialize)]
struct Locked<'a> {
    #[serde(borrow)]
    url: Option<Cow<'a, str>>,
    size: Option<u64>,
    #[serde(borrow, default)]
    hashes: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

impl Locked<'_> {
    fn file_name(&self) -> Option<Cow<'_, str>> {
        let path = self.url.as_deref()?.split(['#', '?']).next()?;
        percent::decoded(path.rsplit('/').next()?)
    }

    fn sha256(&self) -> Option<Digest> {
        self.hashes.get("sha256")?.parse().ok()
    }
}

fn invalid(what: &str) -> Failure {
    Failure::permanent(Reason::LockInvalid, format!("The chosen versions cannot be used: {what}"))
}

/// # Errors
/// What does not fit or is not what was asked for, told for all packages at once.
pub fn run(request: &Request) -> Result<Answer, Failure> {
    let pylock: Pylock<'_> = toml::from_str(&request.pylock).map_err(|error| {
        tracing::warn!(error = error.message(), "the answer of uv is not readable");
        invalid("the answer of the resolver is not readable")
    })?;
    let choice = Choice::of(request).ok_or_else(Failure::internal)?;
    let markers = Markers::default();
    let environment = Environment::of(&request.target);
    let (mut wheels, mut offences) = (Vec::new(), Vec::new());
    let (mut undecided, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for package in &pylock.packages {
        check_name(&package.name)?;
        match package.marker.as_deref().map(|marker| markers.verdict(marker, &environment)) {
            None | Some(Verdict::True) => {}
            Some(Verdict::False) => continue,
            Some(Verdict::Undecidable) => {
                undecided.insert(package.name.to_string());
                continue;
            }
            Some(Verdict::Unusable) => return Err(invalid("it holds markers that need a resolver")),
        }
        if !seen.insert(package.name.as_ref()) {
            return Err(invalid(&format!("there are two of {}", package.name)));
        }
        if choice.is_built(package) {
            continue;
        }
        match choice.wheel(package) {
            Ok(wheel) => wheels.push(wheel),
            Err(offence) => offences.push(Offence { package: package.name.to_string(), ..offence }),
        }
    }
    if !offences.is_empty() {
        return Err(report(&offences));
    }
    wheels.sort_by(|one, other| one.name.cmp(&other.name));
    let pylock = written(&wheels, &request.sdists);
    Ok(Answer { wheels, undecided: undecided.into_iter().collect(), pylock })
}

fn check_name(name: &str) -> Result<(), Failure> {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !name.is_empty() && name.len() <= 128 && name.bytes().all(is_plain) && normalised(name) == name {
        return Ok(());
    }
    Err(invalid("it holds a name that is none"))
}

struct Choice<'a> {
    request: &'a Request,
    sources: Sources<'a>,
    order: TagOrder,
    /// By name; only those that are bound to hashes.
    bound: BTreeMap<String, BTreeSet<&'a Digest>>,
}

impl<'a> Choice<'a> {
    fn of(request: &'a Request) -> Option<Self> {
        let mut bound: BTreeMap<String, BTreeSet<&Digest>> = BTreeMap::new();
        for line in request.lines.iter().filter(|line| !line.sha256.is_empty()) {
            let end = line.text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
            let name = &line.text[..end.unwrap_or(line.text.len())];
            bound.entry(name.to_owned()).or_default().extend(&line.sha256);
        }
        // There are no other file hosts to try.
        let sources = Sources::of(&Lock::read("version = 1")?, &request.index);
        Some(Self { request, sources, order: TagOrder::new(&request.target), bound })
    }

    fn is_built(&self, package: &Package<'_>) -> bool {
        let version = package.version.as_deref().unwrap_or_default();
        self.request
            .sdists
            .iter()
            .any(|sdist| sdist.name == package.name && same_version(&sdist.version, version))
    }

    fn wheel(&self, package: &Package<'_>) -> Result<Wheel, Offence> {
        let (name, version) = (&package.name, package.version.as_deref().unwrap_or_default());
        let is_version = version.len() <= 64 && version.bytes().all(|b| b.is_ascii_graphic());
        if !is_version || version.parse::<pep440_rs::Version>().is_err() {
            return Err(Offence::invalid(format!("{name} has no version in the package index")));
        }
        let named = format!("{name} {version}");
        let bound = self.bound.get(name.as_ref());
        let admitted = |wheel: &&Locked<'_>| {
            bound.is_none_or(|bound| wheel.sha256().is_some_and(|sha256| bound.contains(&sha256)))
        };
        let admitted: Vec<&Locked<'_>> = package.wheels.iter().filter(admitted).collect();
        if admitted.is_empty() && !package.wheels.is_empty() {
            return Err(Offence::mismatch(format!(
                "Integrity check failed for {named}: no fitting file of it has one of the hashes asked for"
            )));
        }
        let files: Vec<_> = admitted.iter().map(|wheel| wheel.file_name()).collect();
        let candidates = || files.iter().zip(0..).filter_map(|(file, index)| Some((file.as_deref()?, index)));
        let Some((index, found)) = self.order.choose(candidates()) else {
            return Err(Offence::no_wheel(if candidates().next().is_none() {
                format!("{named} has no wheel; building is disabled on this server")
            } else {
                misfit(&named, candidates(), self.request.target)
            }));
        };
        let (locked, file_name) = (admitted[index], files[index].as_deref().unwrap_or_default());
        let label = Label::read(file_name)
            .filter(|label| normalised(label.project) == *name && same_version(label.version, version));
        let label = label.ok_or_else(|| {
            Offence::mismatch(format!("{named}: the package index gives it the file of another project"))
        })?;
        let sha256 = locked
            .sha256()
            .ok_or_else(|| Offence::invalid(format!("{named} has no sha256 in the package index")))?;
        let url = plain(locked.url.as_deref().unwrap_or_default());
        let urls = self.sources.urls(&url).map_err(|none| match none {
            NoSource::NotAUrl => Offence::source(format!("{named} has no web address in the package index")),
            NoSource::HostNotAllowed(host) => Offence::source(format!(
                "{named} is on {host}; this server fetches wheels only from its own index"
            )),
        })?;
        Ok(Wheel {
            name: name.to_string(),
            version: version.to_owned(),
            file_name: file_name.to_owned(),
            urls,
            sha256,
            size: locked.size,
            tag: format!("{}-{}-{}", found.tag.0, found.tag.1, found.tag.2),
            floor: self.order.floor(&label),
            built: false,
        })
    }
}

/// Without user info and fragment; what is no URL stays as it is.
fn plain(url: &str) -> String {
    Url::parse(url).map_or_else(
        |_not_a_url| url.to_owned(),
        |mut url| {
            // Fails only for URLs that cannot have user info.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_fragment(None);
            url.into()
        },
    )
}

fn written(wheels: &[Wheel], sdists: &[Sdist]) -> String {
    let mut packages = BTreeMap::new();
    for wheel in wheels {
        // The last one is the index's own; those before it are mirrors of this server.
        let url = wheel.urls.last().map(String::as_str).unwrap_or_default();
        let file = file(url, wheel.size, &wheel.sha256);
        packages.insert(&wheel.name, package(&wheel.name, &wheel.version, &format!("wheels = [{file}]\n")));
    }
    for sdist in sdists {
        let rest = match &sdist.origin {
            SdistOrigin::File { urls, sha256, size, .. } => {
                format!("sdist = {}\n", file(urls.last().map_or("", String::as_str), *size, sha256))
            }
            SdistOrigin::Git { .. } => String::new(),
        };
        packages.insert(&sdist.name, package(&sdist.name, &sdist.version, &rest));
    }
    let packages: String = packages.into_values().collect();
    format!("lock-version = \"1.0\"\ncreated-by = \"plugyard\"\n{packages}")
}

fn package(name: &str, version: &str, rest: &str) -> String {
    format!("\n[[packages]]\nname = {}\nversion = {}\n{rest}", quoted(name), quoted(version))
}

fn file(url: &str, size: Option<u64>, sha256: &Digest) -> String {
    let mut text = format!("{{ url = {}, ", quoted(url));
    if let Some(size) = size {
        // Writing to a text cannot fail.
        let _ = write!(text, "size = {size}, ");
    }
    let _ = write!(text, "hashes = {{ sha256 = \"{sha256}\" }} }}");
    text
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
