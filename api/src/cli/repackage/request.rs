//! What the command line asks for: what each input is, for which targets, and under which name each result goes.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use application::{failure::Failure, ports::marketplace::Marketplace, tasks::name_from_url};
use domain::values::{FloorPolicy, Platform, PluginIdentity, Target, TargetOptions};

use super::super::outcome::Told;
use crate::settings::RepackageArguments;

/// One input, and the results to make of it.
pub(super) struct Request {
    pub(super) input: Input,
    /// Names the input where there are several.
    pub(super) label: Option<String>,
    pub(super) results: Vec<Wanted>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    File(PathBuf),
    Url(String),
    /// Of the marketplace; the latest version where none is named.
    Plugin {
        author: String,
        name: String,
        version: Option<String>,
    },
}

/// One package: for one platform, or for several together.
pub(super) struct Wanted {
    pub(super) platforms: Vec<Platform>,
    pub(super) targets: Vec<Target>,
    pub(super) file_name: String,
}

/// Inputs and platforms count once, however often they are given.
pub(super) fn requests(
    arguments: &RepackageArguments,
    floors: FloorPolicy,
    marketplace: &dyn Marketplace,
) -> Vec<Request> {
    let inputs = each_once(arguments.inputs.iter());
    let platforms = platforms(arguments);
    let mut taken = HashSet::new();
    let request = |text: &&String| {
        let input = Input::read(text, marketplace);
        let original = input.original_name();
        let results = platforms.iter().map(|together| {
            let wanted = match together.as_slice() {
                [platform] if platforms.len() > 1 => arguments.suffix.output_name_on(platform, &original),
                _ => arguments.suffix.output_name(&original),
            };
            Wanted {
                targets: targets(arguments, together, floors),
                platforms: together.clone(),
                file_name: distinct(&wanted, &mut taken),
            }
        });
        Request { results: results.collect(), input, label: (inputs.len() > 1).then(|| (*text).clone()) }
    };
    inputs.iter().map(request).collect()
}

/// The platforms of each package.
fn platforms(arguments: &RepackageArguments) -> Vec<Vec<Platform>> {
    let mut platforms: Vec<Platform> = each_once(arguments.platforms.iter()).into_iter().cloned().collect();
    if platforms.is_empty() {
        platforms.push(Platform::host());
    }
    if arguments.combined {
        return vec![platforms];
    }
    platforms.into_iter().map(|platform| vec![platform]).collect()
}

fn targets(arguments: &RepackageArguments, platforms: &[Platform], floors: FloorPolicy) -> Vec<Target> {
    let options = TargetOptions {
        strict: arguments.strict,
        glibc: arguments.glibc,
        macos: arguments.macos,
        python: arguments.python,
    };
    platforms.iter().map(|platform| Target::resolve(platform, options, floors)).collect()
}

fn each_once<'a, T: PartialEq>(all: impl Iterator<Item = &'a T>) -> Vec<&'a T> {
    let mut once = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}

/// Two results of one run never share a name, also where a file system does not tell `a` from `A`.
fn distinct(wanted: &str, taken: &mut HashSet<String>) -> String {
    let stem = wanted.strip_suffix(".difypkg").unwrap_or(wanted);
    let numbered = (2_u32..).map(|number| format!("{stem}-{number}.difypkg"));
    let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
    names.find(|name| taken.insert(name.to_lowercase())).unwrap_or_default()
}

impl Request {
    /// The same failure for every result.
    pub(super) fn failed(&self, failure: &Failure) -> Vec<Told> {
        self.results.iter().map(|wanted| self.told(wanted, Err(failure.clone()))).collect()
    }

    pub(super) fn told(
        &self,
        wanted: &Wanted,
        result: Result<(PathBuf, domain::task::Report), Failure>,
    ) -> Told {
        Told { input: self.label.clone(), platforms: wanted.platforms.clone(), result }
    }

    /// What stands beside the progress of one result, or of the input itself.
    pub(super) fn shown(&self, wanted: Option<&Wanted>) -> String {
        let input = self.label.as_ref().map(|_| self.input.short_name());
        let platform = wanted.filter(|_| self.results.len() > 1).map(|wanted| wanted.platforms[0].word());
        input.as_deref().into_iter().chain(platform).collect::<Vec<_>>().join(", ")
    }
}

impl Input {
    /// A file that is there is a file, whatever else its path could mean.
    pub(super) fn read(text: &str, marketplace: &dyn Marketplace) -> Self {
        if let Some((author, name)) = marketplace.page(text) {
            return Self::Plugin { author, name, version: None };
        }
        if text.contains("://") {
            return Self::Url(text.to_owned());
        }
        match plugin(text) {
            Some(plugin) if !Path::new(text).exists() => plugin,
            Some(_) | None => Self::File(PathBuf::from(text)),
        }
    }

    /// A URL holds its name encoded, a path as it is.
    fn original_name(&self) -> String {
        match self {
            Self::File(path) => path.file_name().map_or_else(
                || name_from_url(&path.to_string_lossy()),
                |name| name.to_string_lossy().into_owned(),
            ),
            Self::Url(url) => name_from_url(url),
            Self::Plugin { name, .. } => format!("{name}.difypkg"),
        }
    }

    fn short_name(&self) -> String {
        match self {
            Self::File(_) | Self::Url(_) => self.original_name(),
            Self::Plugin { author, name, .. } => format!("{author}/{name}"),
        }
    }
}

/// `author/name` or `author/name@version`.
fn plugin(text: &str) -> Option<Input> {
    let (plugin, version) = match text.split_once('@') {
        Some((plugin, version)) => (plugin, Some(version.to_owned())),
        None => (text, None),
    };
    let (author, name) = plugin.split_once('/')?;
    // Whether there is such a version is for the marketplace to say.
    PluginIdentity::new(author, name, "0.0.1").ok()?;
    Some(Input::Plugin { author: author.to_owned(), name: name.to_owned(), version })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::Fakes;

    #[test]
    fn a_name_in_a_url_is_encoded_and_one_in_a_path_is_not() {
        let name = |text| Input::read(text, &*Fakes::new()).original_name();
        assert_eq!(name("https://example.com/a%20b.difypkg?x"), "a b.difypkg");
        assert_eq!(name("dir/a%20b?.difypkg"), "a%20b?.difypkg");
        assert_eq!(name("langgenius/agent@0.0.9"), "agent.difypkg");
    }

    #[test]
    fn two_slugs_are_a_plugin_and_everything_else_is_a_path() {
        let plugin = |version: Option<&str>| Input::Plugin {
            author: "langgenius".to_owned(),
            name: "agent".to_owned(),
            version: version.map(str::to_owned),
        };
        let read = |text| Input::read(text, &*Fakes::new());
        assert_eq!(read("langgenius/agent"), plugin(None));
        assert_eq!(read("langgenius/agent@0.0.9"), plugin(Some("0.0.9")));
        assert_eq!(read("langgenius/agent@x"), plugin(Some("x")));
        assert_eq!(read("https://market.example/plugins/langgenius/agent"), plugin(None), "its page");
        for path in ["agent.difypkg", "a/b.difypkg", "/a/b", "./b", "a/b/c", "A/b", "agent", "src/main.rs"] {
            assert_eq!(read(path), Input::File(PathBuf::from(path)), "{path}");
        }
    }

    #[test]
    fn no_name_is_taken_twice() {
        let mut taken = HashSet::new();
        let names = ["a.difypkg", "A.difypkg", "a-2.difypkg", "a.difypkg", "b"];
        let distinct: Vec<String> = names.iter().map(|name| distinct(name, &mut taken)).collect();
        assert_eq!(distinct, ["a.difypkg", "A-2.difypkg", "a-2-2.difypkg", "a-3.difypkg", "b"]);
    }
}
