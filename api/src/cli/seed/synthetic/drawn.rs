//! One plugin that nobody made, drawn from a seed and its place: a name, texts, releases, totals, reviews. How often
//! plugins are downloaded follows Zipf's law, as it does everywhere.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    plugin::{
        Artifact, Described, Description, ImportedStatistics, PackageFormat, PluginKind, PluginRegistered,
        Publication, ReleasePublished,
    },
    values::{ClaimKey, Dialect, PluginId, PluginName, PublisherName, ReleaseVersion},
};
use uuid::Uuid;

use super::{
    dice::Dice,
    texts::{Words, description, manifest, readme},
    words::{FIRST, SECOND, THIRD},
};

/// Ids of everything synthetic are made from this one.
pub(super) const NAMESPACE: Uuid = Uuid::from_u128(0x5eed_0000_0000_4000_8000_0000_0000_0001);
/// The newest release of all: 2025-11-01. The time of the run would make every run another.
const NEWEST: i64 = 1_761_955_200;
const DAY: i64 = 86_400;
/// Names of three words, before numbers are needed.
const NAMES: u64 = 1 << 17;
/// Numbers on the wire, far above those that are given one by one.
const NUMBERS: u64 = 1_000_000_000;
/// What the most popular one has.
const MOST_DOWNLOADS: f64 = 4e6;

/// The bytes of every synthetic release of a format.
pub(super) type Blobs = BTreeMap<PackageFormat, Artifact>;

pub(super) struct Draw<'a> {
    pub(super) seed: u64,
    /// How many there are.
    pub(super) count: u64,
    pub(super) blobs: &'a Blobs,
}

/// Everything that its commands need.
pub(super) struct Drawn {
    pub(super) id: PluginId,
    pub(super) publisher: PublisherName,
    pub(super) claims: Vec<ClaimKey>,
    /// Oldest first.
    pub(super) publications: Vec<Publication>,
    pub(super) statistics: ImportedStatistics,
    pub(super) verified: bool,
    pub(super) featured: bool,
    pub(super) deprecated: bool,
    pub(super) yanked: Option<ReleaseVersion>,
    pub(super) reviews: u64,
    pub(super) dice: Dice,
}

pub(super) fn id_of(seed: u64, kind: &str, thing: u64) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{seed}/{kind}/{thing}").as_bytes())
}

pub(super) fn number_of(seed: u64, place: u64) -> u64 {
    NUMBERS.saturating_add(seed.wrapping_mul(10_000_000) % NUMBERS).saturating_add(place)
}

/// One of as many publishers as there are plugins for them.
pub(super) fn publisher(seed: u64, count: u64, place: u64) -> anyhow::Result<(PublisherName, u64)> {
    let publishers = (count / 8).max(1);
    // The first ones have many, most have few.
    let (one, other) = (mixed(seed, place) % publishers, mixed(seed ^ 1, place) % publishers);
    let number = one.min(other);
    let words = (FIRST[low(number, 64)], SECOND[low(number / 64, 64)]);
    let name = PublisherName::new(&format!("{}-{}-{}", words.0, words.1, suffix(seed, number)))?;
    Ok((name, number))
}

fn mixed(seed: u64, place: u64) -> u64 {
    Dice::of(seed, place).roll()
}

fn low(number: u64, of: u64) -> usize {
    usize::try_from(number % of).unwrap_or_default()
}

fn suffix(seed: u64, number: u64) -> String {
    if seed == 1 { number.to_string() } else { format!("{number}s{seed}") }
}

/// What does not change between the releases.
struct Shown {
    registered: PluginRegistered,
    description: Description,
    dialects: BTreeSet<Dialect>,
    format: PackageFormat,
}

impl Draw<'_> {
    pub(super) fn plugin(&self, place: u64) -> anyhow::Result<Drawn> {
        let mut dice = Dice::of(self.seed, place ^ (1 << 40));
        let (format, dialects) = shelf(&mut dice);
        let (publisher, _) = publisher(self.seed, self.count, place)?;
        let words = words(place);
        let name = PluginName::new(&self.name(words, place, format))?;
        let first = NEWEST - DAY * i64::try_from(30 + dice.below(1200))?;
        let is_theme = format == PackageFormat::Tarball && dice.one_in(3);
        let registered = PluginRegistered {
            plugin_uid: PluginId(id_of(self.seed, "plugin", place)),
            number: number_of(self.seed, place),
            owner: None,
            publisher: publisher.clone(),
            name: name.clone(),
            kind: if is_theme { PluginKind::Theme } else { PluginKind::Plugin },
            at: moment(first)?,
        };
        let description = description(&mut dice, words, name.as_str(), publisher.as_str(), &dialects);
        let claims = claims(&publisher, &name, &dialects);
        let shown = Shown { registered, description, dialects, format };
        let publications = self.publications(&mut dice, &shown, first)?;
        let yanked = (publications.len() > 1 && dice.one_in(25)).then(|| &publications[0].release.version);
        Ok(Drawn {
            id: shown.registered.plugin_uid,
            claims,
            publisher,
            verified: dice.one_in(6),
            featured: dice.one_in(200),
            deprecated: dice.one_in(40),
            yanked: yanked.cloned(),
            reviews: if dice.one_in(4) { 1 + dice.below(3) } else { 0 },
            statistics: self.statistics(&mut dice, place, &publications),
            publications,
            dice,
        })
    }

    /// One to five, three on average, over the time from the first to now.
    fn publications(&self, dice: &mut Dice, shown: &Shown, first: i64) -> anyhow::Result<Vec<Publication>> {
        let releases = 1 + dice.below(5);
        let step = (NEWEST - first) / i64::try_from(releases)?;
        let mut version = (dice.below(3), dice.below(4), 0);
        let mut publications = Vec::new();
        for turn in 0..releases {
            let at = moment(first + step * i64::try_from(turn)?)?;
            let text = format!("{}.{}.{}", version.0, version.1, version.2);
            let (plugin_uid, description) = (shown.registered.plugin_uid, shown.description.clone());
            publications.push(Publication {
                registered: shown.registered.clone(),
                // What changes between releases is their number.
                described: (turn == 0).then_some(Described { plugin_uid, at, description }),
                release: self.release(shown, &text, at)?,
                dialects: shown.dialects.clone(),
                verified: None,
                quarantine: None,
                may_begin: true,
            });
            version = match dice.below(6) {
                0 => (version.0 + 1, 0, 0),
                1..=3 => (version.0, version.1 + 1, 0),
                _ => (version.0, version.1, version.2 + 1),
            };
        }
        Ok(publications)
    }

    /// Unique among all of this seed; Dify's own pattern has no capitals and no dots.
    fn name(&self, (first, second, third): Words, place: u64, format: PackageFormat) -> String {
        let between = if format == PackageFormat::Difypkg { '_' } else { '-' };
        let more = place / NAMES;
        let end = match (more, self.seed) {
            (0, 1) => String::new(),
            _ => format!("{between}{}", suffix(self.seed, more)),
        };
        format!("{first}{between}{second}{between}{third}{end}")
    }

    fn release(&self, shown: &Shown, version: &str, at: DateTime<Utc>) -> anyhow::Result<ReleasePublished> {
        let Shown { registered, description, format, .. } = shown;
        let engine = match format {
            PackageFormat::Tarball => Some(("inkdrop", "^5.9.0")),
            PackageFormat::Zip => Some(("backstage", "^1.35.0")),
            PackageFormat::Difypkg | PackageFormat::Lbpkg => None,
        };
        Ok(ReleasePublished {
            plugin_uid: registered.plugin_uid,
            version: version.parse()?,
            at,
            artifact: self.blobs.get(format).cloned().context("a format has no blob")?,
            manifest: manifest(*format, registered.name.as_str(), version, description),
            engines: engine.iter().map(|(name, range)| ((*name).to_owned(), (*range).to_owned())).collect(),
            dependencies: BTreeMap::new(),
            peer_dependencies: BTreeMap::new(),
            permissions: Vec::new(),
            config_schema: None,
            changelog: Some(format!("What is new in {version}")),
            readme: Some(readme(description)),
            prerelease: false,
            quarantine: None,
            described: None,
        })
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts below 2^52, rounded on purpose"
    )]
    fn statistics(&self, dice: &mut Dice, place: u64, publications: &[Publication]) -> ImportedStatistics {
        // Which rank a place has, without a table of all of them.
        let rank = 1 + mixed(self.seed ^ 2, place) % self.count.max(1);
        let downloads = (MOST_DOWNLOADS / (rank as f64).powf(0.9)).round() as u64;
        let each = downloads / publications.len().max(1) as u64;
        let by_version = publications.iter().map(|one| (one.release.version.to_string(), each)).collect();
        let votes = if downloads > 200 { 1 + dice.below(40) } else { 0 };
        let mut distribution = [0; 5];
        for _ in 0..votes {
            let stars = dice.below(5).max(dice.below(5));
            distribution[low(stars, 5)] += 1;
        }
        let sum: u64 = (1..).zip(distribution).map(|(stars, votes)| stars * votes).sum();
        ImportedStatistics {
            source: "synthetic".to_owned(),
            downloads,
            downloads_by_version: by_version,
            rating_average: (votes > 0).then(|| (sum as f64 / votes as f64 * 100.0).round() / 100.0),
            rating_count: votes,
            rating_distribution: distribution,
            stars: Some(downloads / 50),
            ..ImportedStatistics::default()
        }
    }
}

fn shelf(dice: &mut Dice) -> (PackageFormat, BTreeSet<Dialect>) {
    let (format, dialects): (_, &[Dialect]) = match dice.below(10) {
        0..=2 => (PackageFormat::Difypkg, &[Dialect::Dify]),
        3..=5 => (PackageFormat::Tarball, &[Dialect::Inkdrop]),
        6..=7 => (PackageFormat::Zip, &[Dialect::Backstage]),
        8 => (PackageFormat::Zip, &[Dialect::Backstage, Dialect::Nexus]),
        _ => (PackageFormat::Lbpkg, &[Dialect::Space]),
    };
    (format, dialects.iter().copied().collect())
}

fn claims(publisher: &PublisherName, name: &PluginName, dialects: &BTreeSet<Dialect>) -> Vec<ClaimKey> {
    let by_word =
        |dialect: &&Dialect| matches!(dialect, Dialect::Inkdrop | Dialect::Backstage | Dialect::Nexus);
    let words = dialects.iter().filter(by_word).map(|dialect| ClaimKey::word(*dialect, name));
    std::iter::once(ClaimKey::pair(publisher, name)).chain(words).collect()
}

/// Every place below [`NAMES`] has three words of its own: an odd factor only shuffles.
fn words(place: u64) -> Words {
    let shuffled = (place % NAMES).wrapping_mul(48_271) % NAMES;
    (FIRST[low(shuffled, 64)], SECOND[low(shuffled >> 6, 64)], THIRD[low(shuffled >> 12, 32)])
}

fn moment(seconds: i64) -> anyhow::Result<DateTime<Utc>> {
    DateTime::from_timestamp(0, 0)
        .and_then(|epoch| epoch.checked_add_signed(TimeDelta::seconds(seconds)))
        .context("no such time")
}
