//! Plugins that nobody made, for load tests: plausible, the same for the same seed, and written by the same commands
//! as all others, many on their way at once so that the log stores them together. Their bytes are one small file a
//! format.

mod dice;
mod drawn;
mod texts;
mod words;

use std::collections::BTreeMap;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    name_claim::NameClaimCommand,
    plugin::{Artifact, PackageFormat, PluginCommand},
    publisher::{PublisherCommand, PublisherRegistered},
    review::{Rating, ReviewCommand, ReviewSubmitted, Written},
    values::{AccountId, Digest, PluginId, ReviewId},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use self::{
    dice::Dice,
    drawn::{Blobs, Draw, Drawn, id_of, number_of, publisher},
    words::OPINIONS,
};
use super::Done;
use crate::{
    cli::counted::Counted,
    wiring::{Cataloguer, by_command},
};

/// Plugins on their way at the same time; each waits for one command of its own at a time.
const AT_ONCE: usize = 384;

/// Adds what this seed has and the catalogue has not.
pub(super) async fn write(yard: &Cataloguer, count: u64, seed: u64) -> anyhow::Result<Done> {
    let blobs = blobs(yard).await?;
    let draw = Draw { seed, count, blobs: &blobs };
    register_publishers(yard, seed, count).await?;
    let progress = Counted::new(usize::try_from(count)?, "synthetic plugins");
    let written = stream::iter(0..count).map(|place| {
        let progress = &progress;
        let draw = &draw;
        async move {
            let done = plugin(yard, draw.plugin(place)?).await?;
            progress.at("");
            anyhow::Ok(done)
        }
    });
    let add = async |all: Done, one: Done| {
        Ok(Done {
            plugins: all.plugins + one.plugins,
            releases: all.releases + one.releases,
            reviews: all.reviews + one.reviews,
            unchanged: all.unchanged + one.unchanged,
        })
    };
    let done = written.buffer_unordered(AT_ONCE).try_fold(Done::default(), add).await?;
    progress.finish();
    Ok(done)
}

/// One file for all releases of a format.
async fn blobs(yard: &Cataloguer) -> anyhow::Result<Blobs> {
    let mut blobs = BTreeMap::new();
    for format in [PackageFormat::Difypkg, PackageFormat::Lbpkg, PackageFormat::Tarball, PackageFormat::Zip] {
        let bytes =
            format!("A synthetic {} for load tests; nothing can be installed from it.\n", format.extension());
        let file = tempfile::NamedTempFile::new().context("no file to make a package in")?;
        std::fs::write(file.path(), &bytes)?;
        let sha256 = Digest::of_bytes(Sha256::digest(&bytes).into());
        yard.cataloguing.publishing.blobs.put(file.path(), &sha256).await?;
        let size = bytes.len() as u64;
        blobs.insert(format, Artifact { sha256, size, format, content_checksum: None });
    }
    Ok(blobs)
}

async fn register_publishers(yard: &Cataloguer, seed: u64, count: u64) -> anyhow::Result<()> {
    let mut publishers = BTreeMap::new();
    for place in 0..count {
        let (name, number) = publisher(seed, count, place)?;
        publishers.insert(name, number);
    }
    let commands = &yard.cataloguing.publishing.publishers;
    stream::iter(publishers)
        .map(|(name, number)| async move {
            let (stream, number) = (name.folded(), number_of(seed, number));
            let registered = PublisherRegistered { name, number, owner: None, at: begun() };
            commands.execute(&stream, PublisherCommand::Register(registered), by_command().metadata).await
        })
        .buffer_unordered(AT_ONCE)
        .try_for_each(async |_| Ok(()))
        .await?;
    Ok(())
}

/// When everything synthetic began.
fn begun() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(18_993)
}

async fn plugin(yard: &Cataloguer, drawn: Drawn) -> anyhow::Result<Done> {
    let publishing = &yard.cataloguing.publishing;
    let (id, by) = (drawn.id, by_command().metadata);
    for key in &drawn.claims {
        let (stream, at) = (key.to_string(), begun());
        let claim = NameClaimCommand::Claim { key: key.clone(), plugin: id, owner: None, at };
        publishing.claims.execute(&stream, claim, by.clone()).await?;
    }
    let mut done = Done::default();
    let stream = id.to_string();
    for publication in drawn.publications.clone() {
        let command = PluginCommand::Publish(Box::new(publication));
        if publishing.plugins.execute(&stream, command, by.clone()).await?.is_none() {
            done.unchanged += 1;
            continue;
        }
        done.plugins = 1;
        done.releases += 1;
    }
    if done.releases == 0 {
        return Ok(done);
    }
    for command in told(&drawn) {
        publishing.plugins.execute(&stream, command, by.clone()).await?;
    }
    let mut dice = drawn.dice;
    for nth in 0..drawn.reviews {
        review(yard, id, nth, &mut dice).await?;
        done.reviews += 1;
    }
    Ok(done)
}

fn told(drawn: &Drawn) -> Vec<PluginCommand> {
    let mut commands = vec![PluginCommand::ImportStatistics(Box::new(drawn.statistics.clone()))];
    if drawn.verified {
        let (method, evidence) = ("manual".to_owned(), drawn.publisher.to_string());
        commands.push(PluginCommand::Verify { method, evidence });
    }
    if drawn.featured {
        commands.push(PluginCommand::Feature);
    }
    if let Some(version) = drawn.yanked.clone() {
        commands.push(PluginCommand::Yank { version, reason: "It did not start".to_owned() });
    }
    if drawn.deprecated {
        let reason = "Nobody works on it any more".to_owned();
        commands.push(PluginCommand::Deprecate { reason, replacement: None });
    }
    commands
}

async fn review(yard: &Cataloguer, plugin: PluginId, nth: u64, dice: &mut Dice) -> anyhow::Result<()> {
    // A few people write much.
    let user = dice.below(1 << 16) + nth;
    let account = AccountId(id_of(0, "account", user));
    let id = ReviewId::of(plugin, account);
    let (title, text) = dice.pick(&OPINIONS);
    let submitted = ReviewSubmitted {
        review_uid: id,
        number: number_of(1, dice.below(1 << 40)),
        plugin_uid: plugin,
        account_uid: account,
        user_number: number_of(0, user),
        user_name: None,
        avatar: None,
        written: Written {
            rating: Rating::new(1 + dice.below(5).max(dice.below(5)))?,
            title: title.to_owned(),
            text: text.to_owned(),
            version: None,
        },
        helpful: dice.below(20),
        is_counted: false,
        at: begun() + TimeDelta::days(i64::try_from(dice.below(1300))?),
    };
    let command = ReviewCommand::Submit(Box::new(submitted));
    let reviews = &yard.cataloguing.reviewing.reviews;
    match reviews.execute(&id.to_string(), command, by_command().metadata).await {
        Ok(_) | Err(application::commands::CommandError::Refused(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn blobs() -> Blobs {
        let formats =
            [PackageFormat::Difypkg, PackageFormat::Lbpkg, PackageFormat::Tarball, PackageFormat::Zip];
        let artifact =
            |format| Artifact { sha256: Digest::of_bytes([7; 32]), size: 1, format, content_checksum: None };
        formats.into_iter().map(|format| (format, artifact(format))).collect()
    }

    #[test]
    fn no_two_have_a_name_and_three_releases_are_usual() {
        let (blobs, count) = (blobs(), 20_000);
        let draw = Draw { seed: 1, count, blobs: &blobs };
        let (mut claims, mut ids, mut releases, mut most) = (BTreeSet::new(), BTreeSet::new(), 0, 0);
        for place in 0..count {
            let drawn = draw.plugin(place).unwrap();
            assert!(drawn.claims.into_iter().all(|key| claims.insert(key)), "{place}");
            assert!(ids.insert(drawn.id), "{place}");
            releases += drawn.publications.len();
            most = most.max(drawn.statistics.downloads);
        }
        assert!((2.9..3.1).contains(&(f64::from(u32::try_from(releases).unwrap()) / 20_000.0)), "{releases}");
        assert!(most > 100_000, "some are popular: {most}");
    }

    #[test]
    fn one_is_drawn_from_its_seed_and_place_alone() {
        let blobs = blobs();
        let drawn = |seed, place| Draw { seed, count: 1000, blobs: &blobs }.plugin(place).unwrap();
        let _ = drawn(1, 3);
        assert_eq!(drawn(1, 5).publications, drawn(1, 5).publications);
        assert_ne!(drawn(1, 5).claims, drawn(2, 5).claims);
    }
}
