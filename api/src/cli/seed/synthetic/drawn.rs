//! One plugin that nobody made, drawn from a seed and its place: a name, texts, releases, totals, reviews. How often
//! plugins are downloaded follows Zipf's law, as it does everywhere.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    plugin::{
        Artifact, Author, Described, Description, ImportedStatistics, PackageFormat, PluginKind,
        PluginRegistered, Pricing, Publication, ReleasePublished,
    },
    values::{ClaimKey, Dialect, PluginId, PluginName, PublisherName, ReleaseVersion},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    dice::Dice,
    words::{BACKSTAGE, DIFY, ENDS, FIRST, LICENSES, NEXUS, SECOND, SPACE, TAGS, THIRD, VERBS},
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

impl Draw<'_> {
    pub(super) fn plugin(&self, place: u64) -> anyhow::Result<Drawn> {
        let mut dice = Dice::of(self.seed, place ^ (1 << 40));
        let (format, dialects) = self.shelf(&mut dice);
        let (publisher, _) = publisher(self.seed, self.count, place)?;
        let words = words(place);
        let name = PluginName::new(&self.name(words, place, format))?;
        let id = PluginId(id_of(self.seed, "plugin", place));
        let releases = 1 + dice.below(5);
        let first = NEWEST - DAY * i64::try_from(30 + dice.below(1200))?;
        let theme = format == PackageFormat::Tarball && dice.one_in(3);
        let registered = PluginRegistered {
            plugin_uid: id,
            number: number_of(self.seed, place),
            owner: None,
            publisher: publisher.clone(),
            name: name.clone(),
            kind: if theme { PluginKind::Theme } else { PluginKind::Plugin },
            at: moment(first)?,
        };
        let description = description(&mut dice, words, name.as_str(), publisher.as_str(), &dialects);
        let step = (NEWEST - first) / i64::try_from(releases)?;
        let mut publications = Vec::new();
        let mut version = (dice.below(3), dice.below(4), 0);
        for turn in 0..releases {
            let at = moment(first + step * i64::try_from(turn)?)?;
            let text = format!("{}.{}.{}", version.0, version.1, version.2);
            publications.push(Publication {
                registered: registered.clone(),
                // What changes between releases is their number.
                described: (turn == 0)
                    .then(|| Described { plugin_uid: id, at, description: description.clone() }),
                release: self.release(id, &text, at, format, &description, name.as_str())?,
                dialects: dialects.clone(),
                verified: None,
                quarantine: None,
            });
            version = if dice.one_in(6) {
                (version.0 + 1, 0, 0)
            } else if dice.one_in(2) {
                (version.0, version.1 + 1, 0)
            } else {
                (version.0, version.1, version.2 + 1)
            };
        }
        let pair = ClaimKey::pair(&publisher, &name);
        let one_word = |dialect: &&Dialect| {
            matches!(dialect, Dialect::Inkdrop | Dialect::Backstage | Dialect::Nexus)
        };
        let words = dialects.iter().filter(one_word).map(|dialect| ClaimKey::word(*dialect, &name));
        let yanked = (releases > 1 && dice.one_in(25)).then(|| publications[0].release.version.clone());
        let statistics = self.statistics(&mut dice, place, &publications);
        Ok(Drawn {
            id,
            claims: std::iter::once(pair).chain(words).collect(),
            publisher,
            verified: dice.one_in(6),
            featured: dice.one_in(200),
            deprecated: dice.one_in(40),
            yanked,
            reviews: if dice.one_in(4) { 1 + dice.below(3) } else { 0 },
            publications,
            statistics,
            dice,
        })
    }

    fn shelf(&self, dice: &mut Dice) -> (PackageFormat, BTreeSet<Dialect>) {
        let (format, dialects): (_, &[Dialect]) = match dice.below(10) {
            0..=2 => (PackageFormat::Difypkg, &[Dialect::Dify]),
            3..=5 => (PackageFormat::Tarball, &[Dialect::Inkdrop]),
            6..=7 => (PackageFormat::Zip, &[Dialect::Backstage]),
            8 => (PackageFormat::Zip, &[Dialect::Backstage, Dialect::Nexus]),
            _ => (PackageFormat::Lbpkg, &[Dialect::Space]),
        };
        (format, dialects.iter().copied().collect())
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

    fn release(
        &self,
        plugin: PluginId,
        version: &str,
        at: DateTime<Utc>,
        format: PackageFormat,
        description: &Description,
        name: &str,
    ) -> anyhow::Result<ReleasePublished> {
        let engine = match format {
            PackageFormat::Tarball => Some(("inkdrop", "^5.9.0")),
            PackageFormat::Zip => Some(("backstage", "^1.35.0")),
            PackageFormat::Difypkg | PackageFormat::Lbpkg => None,
        };
        Ok(ReleasePublished {
            plugin_uid: plugin,
            version: version.parse()?,
            at,
            artifact: self.blobs.get(&format).cloned().context("a format has no blob")?,
            manifest: manifest(format, name, version, description),
            engines: engine.iter().map(|(name, range)| ((*name).to_owned(), (*range).to_owned())).collect(),
            dependencies: BTreeMap::new(),
            peer_dependencies: BTreeMap::new(),
            permissions: Vec::new(),
            config_schema: None,
            changelog: Some(format!("What is new in {version}")),
            readme: Some(readme(description)),
            prerelease: false,
            quarantine: None,
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

type Words = (&'static str, &'static str, &'static str);

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

fn description(
    dice: &mut Dice,
    (first, second, third): Words,
    name: &str,
    publisher: &str,
    dialects: &BTreeSet<Dialect>,
) -> Description {
    let categories: &[&str] = match dialects.first() {
        Some(Dialect::Dify) => &DIFY,
        Some(Dialect::Backstage) => &BACKSTAGE,
        Some(Dialect::Nexus) => &NEXUS,
        Some(Dialect::Space) => &SPACE,
        Some(Dialect::Inkdrop | Dialect::Langbot | Dialect::Yard | Dialect::Cli | Dialect::System) | None => {
            &[]
        }
    };
    let mut tags: Vec<String> = (0..=dice.below(4)).map(|_| dice.pick(&TAGS).to_owned()).collect();
    tags.sort_unstable();
    tags.dedup();
    let paid = dice.one_in(12);
    Description {
        display_name: [first, second, third].map(capital).join(" "),
        summary: format!("{} {second}s {}", dice.pick(&VERBS), dice.pick(&ENDS)),
        author: Some(Author { name: publisher.to_owned(), email: None, url: None }),
        category: (!categories.is_empty()).then(|| dice.pick(categories).to_owned()),
        tags,
        homepage: Some(format!("https://example.com/{name}")),
        repository: Some(format!("https://github.com/{publisher}/{name}")),
        license: Some(dice.pick(&LICENSES).to_owned()),
        pricing: Some(Pricing {
            model: if paid { "subscription" } else { "free" }.to_owned(),
            price: paid.then_some(9.5),
            currency: paid.then(|| "USD".to_owned()),
        }),
        ..Description::default()
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn manifest(format: PackageFormat, name: &str, version: &str, description: &Description) -> Value {
    let author = description.author.as_ref().map(|author| author.name.clone()).unwrap_or_default();
    match format {
        PackageFormat::Tarball => json!({
            "name": name, "version": version, "description": description.summary, "keywords": description.tags,
            "author": author, "license": description.license, "engines": {"inkdrop": "^5.9.0"},
        }),
        PackageFormat::Zip => json!({
            "name": name, "version": version, "displayName": description.display_name,
            "description": description.summary, "author": author, "category": description.category,
            "compatibility": {"backstage": "^1.35.0"},
        }),
        PackageFormat::Difypkg => json!({
            "type": "plugin", "author": author, "name": name, "version": version,
            "label": {"en_US": description.display_name}, "description": {"en_US": description.summary},
        }),
        PackageFormat::Lbpkg => json!({
            "apiVersion": "v1", "kind": "Plugin",
            "metadata": {"author": author, "name": name, "version": version,
                "label": {"en_US": description.display_name}, "description": {"en_US": description.summary}},
        }),
    }
}

fn readme(description: &Description) -> String {
    format!(
        "# {}\n\n{}.\n\n## Usage\n\nInstall it, open the settings and choose what it should do. Tags: {}.\n",
        description.display_name,
        description.summary,
        description.tags.join(", ")
    )
}
