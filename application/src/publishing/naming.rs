//! What a package is called, and where. Order and package must agree, and every dialect has a pattern of its own.

use std::collections::BTreeSet;

use domain::{
    plugin::PackageFormat,
    values::{
        AccountId, ClaimKey, Dialect, InvalidName, PluginIdentity, PluginName, PublisherName, ReleaseVersion,
    },
};

use super::Order;
use crate::{error::Error, ports::packages::Package, principal::Principal, queries::catalogue::Which};

/// Of what belongs to nobody but the operator.
const OPERATORS: &str = "operator";
/// Where a plugin is named by one word.
pub(super) const ONE_WORD: [Dialect; 3] = [Dialect::Inkdrop, Dialect::Backstage, Dialect::Nexus];

/// Names that fit everywhere they are to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) publisher: PublisherName,
    /// The order or the package names the publisher; else it is only what a new plugin would have.
    pub(super) is_publisher_said: bool,
    pub(super) name: PluginName,
    pub(super) version: ReleaseVersion,
    pub(super) first: Dialect,
    pub(super) dialects: BTreeSet<Dialect>,
}

/// The publisher of what an account publishes under no other name: the same for all its packages, and nobody else's.
pub fn personal_publisher(account: Option<AccountId>) -> Result<PublisherName, Error> {
    let name = match account {
        Some(AccountId(id)) => format!("u-{}", &id.simple().to_string()[..12]),
        None => OPERATORS.to_owned(),
    };
    PublisherName::new(&name).map_err(|error| Error::invalid(sentence(&error.to_string())))
}

/// Names made from accounts are for those accounts.
pub(super) fn must_not_be_anothers(
    publisher: &PublisherName,
    account: Option<AccountId>,
) -> Result<(), Error> {
    let folded = publisher.folded();
    let made = folded.strip_prefix("u-").is_some_and(|digits| {
        digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    });
    if (made || folded == OPERATORS) && *publisher != personal_publisher(account)? {
        return Err(Error::invalid("This publisher's name is reserved; choose another one"));
    }
    Ok(())
}

impl Named {
    pub(super) fn of(order: &Order, package: &Package, by: &Principal) -> Result<Self, Error> {
        let first = order.dialects.first().copied();
        let first = first.ok_or_else(|| Error::invalid("Say where the plugin is to be shown"))?;
        agrees("name", order.name.as_deref(), package.name.as_str())?;
        agrees("version", order.version.as_deref(), &package.version.to_string())?;
        let said = said_publisher(order, package)?;
        let named = Self {
            is_publisher_said: said.is_some(),
            publisher: match said {
                Some(publisher) => publisher,
                None => personal_publisher(by.account)?,
            },
            name: package.name.clone(),
            version: package.version.clone(),
            first,
            dialects: order.dialects.iter().copied().collect(),
        };
        named.suits(&named.dialects, package.artifact.format)?;
        Ok(named)
    }

    /// A release is shown wherever its plugin is.
    pub(super) fn suits(&self, dialects: &BTreeSet<Dialect>, format: PackageFormat) -> Result<(), Error> {
        dialects.iter().try_for_each(|dialect| self.fits(*dialect, format))
    }

    /// The same under the publisher that the plugin has.
    pub(super) fn published_by(self, publisher: &str) -> Result<Self, Error> {
        if self.is_publisher_said && !self.publisher.as_str().eq_ignore_ascii_case(publisher) {
            return Err(Error::invalid(format!(
                "{} belongs to the publisher {publisher}, not to {}; transfer it first",
                self.name, self.publisher
            )));
        }
        let publisher =
            PublisherName::new(publisher).map_err(|error| Error::invalid(sentence(&error.to_string())))?;
        Ok(Self { publisher, ..self })
    }

    /// How the plugin is found if it is there already: as its dialects name it, the first one first.
    pub(super) fn looked_for(&self) -> Vec<Which> {
        let name = self.name.as_str().to_owned();
        let word = |dialect| Which::Word { dialect, name: name.clone() };
        let mut ways: Vec<Which> = self.words().map(word).collect();
        let pair = Which::Pair { publisher: self.publisher.as_str().to_owned(), name: name.clone() };
        if ONE_WORD.contains(&self.first) {
            ways.push(pair);
        } else {
            ways.insert(0, pair);
        }
        ways
    }

    /// What must belong to the plugin alone.
    pub(super) fn keys(&self) -> Vec<ClaimKey> {
        let pair = ClaimKey::pair(&self.publisher, &self.name);
        let mut keys: Vec<ClaimKey> =
            self.words().map(|dialect| ClaimKey::word(dialect, &self.name)).collect();
        if ONE_WORD.contains(&self.first) {
            keys.push(pair);
        } else {
            keys.insert(0, pair);
        }
        keys
    }

    /// The one-word dialects, the naming one first.
    fn words(&self) -> impl Iterator<Item = Dialect> {
        let rest = ONE_WORD.into_iter().filter(|dialect| *dialect != self.first);
        let words = ONE_WORD.into_iter().filter(|dialect| *dialect == self.first).chain(rest);
        words.filter(|dialect| self.dialects.contains(dialect))
    }

    fn fits(&self, dialect: Dialect, format: PackageFormat) -> Result<(), Error> {
        let name = self.name.as_str();
        takes(dialect, format)?;
        match dialect {
            Dialect::Dify => self.fits_dify(),
            Dialect::Inkdrop if name != self.name.folded() => {
                Err(Error::invalid("The name of an Inkdrop package is in lower case"))
            }
            Dialect::Nexus if name != self.name.folded() => {
                Err(Error::invalid("The id of a Nexus plugin is in lower case"))
            }
            Dialect::Inkdrop | Dialect::Backstage if name.eq_ignore_ascii_case("search") => Err(reserved()),
            // There it is the first word of a path.
            Dialect::Nexus if PublisherName::new(name) == Err(InvalidName::Reserved) => Err(reserved()),
            Dialect::Backstage if is_backstage_id(name) => Err(reserved()),
            Dialect::Inkdrop | Dialect::Nexus | Dialect::Backstage | Dialect::Space => Ok(()),
            Dialect::Langbot | Dialect::Yard | Dialect::Cli | Dialect::System => {
                Err(Error::invalid("A plugin is published in dify, inkdrop, backstage, nexus or space"))
            }
        }
    }

    /// The rules of the daemon that installs it.
    fn fits_dify(&self) -> Result<(), Error> {
        let version = self.version.to_string();
        match PluginIdentity::new(self.publisher.as_str(), self.name.as_str(), &version) {
            Ok(_) => Ok(()),
            Err(wrong) => Err(Error::invalid(format!(
                "Dify does not take this {wrong}: an author has 1 to 64 and a name 1 to 128 of a-z, 0-9, _ and -, a \
                 version three numbers of at most four digits and perhaps a hyphen and a word"
            ))),
        }
    }
}

/// What the clients of a dialect can unpack.
fn takes(dialect: Dialect, format: PackageFormat) -> Result<(), Error> {
    let (is_taken, what) = match dialect {
        Dialect::Dify => (format == PackageFormat::Difypkg, "Dify takes .difypkg packages alone"),
        Dialect::Space => (format == PackageFormat::Lbpkg, "LangBot takes .lbpkg packages alone"),
        Dialect::Inkdrop => (format == PackageFormat::Tarball, "Inkdrop takes gzipped tars alone"),
        Dialect::Nexus => (format == PackageFormat::Zip, "Nexus takes ZIP files with manifest.json alone"),
        Dialect::Backstage => {
            let is_taken = matches!(format, PackageFormat::Zip | PackageFormat::Tarball);
            (
                is_taken,
                "Backstage takes ZIP files with manifest.json and gzipped tars with package.json alone",
            )
        }
        // These show no packages, and are refused as places below.
        Dialect::Langbot | Dialect::Yard | Dialect::Cli | Dialect::System => return Ok(()),
    };
    if is_taken { Ok(()) } else { Err(Error::invalid(what)) }
}

fn agrees(what: &str, ordered: Option<&str>, packaged: &str) -> Result<(), Error> {
    match ordered {
        Some(ordered) if ordered != packaged => {
            let ordered: String = ordered.chars().take(128).collect();
            Err(Error::invalid(format!("The package says {what} {packaged}, the request says {ordered}")))
        }
        Some(_) | None => Ok(()),
    }
}

/// The author of a package is its publisher where the format says who publishes; elsewhere it is a name for people,
/// taken when it happens to fit.
fn said_publisher(order: &Order, package: &Package) -> Result<Option<PublisherName>, Error> {
    let author = package.author.as_deref();
    let new =
        |name: &str| PublisherName::new(name).map_err(|error| Error::invalid(sentence(&error.to_string())));
    match package.artifact.format {
        PackageFormat::Difypkg | PackageFormat::Lbpkg => {
            let author =
                author.ok_or_else(|| Error::invalid("The manifest of the package names no author"))?;
            agrees("author", order.publisher.as_deref(), author)?;
            new(author).map(Some)
        }
        PackageFormat::Tarball | PackageFormat::Zip => match (&order.publisher, author) {
            (Some(publisher), _) => new(publisher).map(Some),
            (None, Some(author)) if package.artifact.format == PackageFormat::Zip => {
                Ok(PublisherName::new(author).ok())
            }
            (None, Some(_) | None) => Ok(None),
        },
    }
}

/// `plugin_123` and ids are other ways to name a plugin there.
fn is_backstage_id(name: &str) -> bool {
    let number = name.to_ascii_lowercase().strip_prefix("plugin_").map(str::to_owned);
    number.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        || uuid::Uuid::parse_str(name).is_ok()
}

fn reserved() -> Error {
    Error::invalid(sentence(&InvalidName::Reserved.to_string()))
}

/// What is said alone begins with a capital letter.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
