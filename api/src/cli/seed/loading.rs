//! The demonstration catalogue, published like anybody's: through the services, with the clock and the numbers of the
//! documents. What is there already stays as it is.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use application::{
    failure::Failure,
    ports::{
        packages::{Numbered, Numbers},
        system::Clock,
    },
    principal::Principal,
    publishing::{Asker, Change, Expects, Order, PublishOutcome, Publishing},
    queries::{
        catalogue::{PUBLISHERS, PluginView},
        reviews::WhichReview,
    },
    reviewing::{AVATAR, NAME},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    plugin::{Described, Description, PluginCommand},
    publisher::{PublisherCommand, PublisherRegistered},
    repository::{RepositoryAdded, RepositoryCommand},
    review::{Rating, ReviewCommand, ReviewSubmitted, Written},
    values::{AccountId, PluginId, ReviewId},
};
use serde_json::Value;

use super::{
    Done,
    catalogue::{Demonstration, Plugin, Publisher, Release, Repository, Review},
    package,
};
use crate::{
    cli::counted::Counted,
    wiring::{Cataloguer, by_command},
};

/// Loads what is written down into the catalogue of this database.
pub(super) struct Loading<'a> {
    pub(super) yard: &'a Cataloguer,
    pub(super) directory: &'a Path,
}

impl Loading<'_> {
    pub(super) async fn load(&self, demonstration: &Demonstration) -> anyhow::Result<Done> {
        let Demonstration { publishers, repositories, plugins } = demonstration;
        let mut done = Done::default();
        let progress = Counted::new(publishers.len() + repositories.len() + plugins.len(), "demonstration");
        for publisher in publishers {
            progress.at(publisher.name.as_str());
            self.publisher(publisher).await.with_context(|| format!("publisher {}", publisher.name))?;
        }
        for repository in repositories {
            progress.at(&repository.name);
            self.repository(repository).await.with_context(|| format!("repository {}", repository.name))?;
        }
        for plugin in plugins {
            progress.at(plugin.name());
            self.plugin(plugin, &mut done).await.with_context(|| plugin.name().to_owned())?;
        }
        progress.finish();
        Ok(done)
    }

    async fn publisher(&self, publisher: &Publisher) -> anyhow::Result<()> {
        let publishing = &self.yard.cataloguing.publishing;
        let name = publisher.name.as_str();
        if publishing.catalogue.publisher(name).await?.is_none() {
            let registered = PublisherRegistered {
                name: publisher.name.clone(),
                number: publisher.number,
                owner: None,
                at: publisher.at,
            };
            let command = PublisherCommand::Register(registered);
            let by = by_command().metadata;
            let position = publishing.publishers.execute(&publisher.name.folded(), command, by).await?;
            if let Some(position) = position {
                publishing.freshness.reached(PUBLISHERS, position).await;
            }
        }
        let there = publishing.catalogue.publisher(name).await?.context("it is not shown")?;
        let profile = publisher.profile();
        if (&there.display_name, &there.email, &there.url)
            != (&profile.display_name, &profile.email, &profile.url)
        {
            publishing.describe_publisher(&publisher.name, profile, asker(&Principal::bootstrap())).await?;
        }
        if let (Some(domain), None) = (&publisher.verified, there.verified) {
            let by = Principal::bootstrap();
            let method = "domain".to_owned();
            publishing.verify_publisher(&publisher.name, method, domain.clone(), asker(&by)).await?;
        }
        Ok(())
    }

    /// What its own last synchronisation saw is all there is to know of it.
    async fn repository(&self, repository: &Repository) -> anyhow::Result<()> {
        let known = self.yard.cataloguing.repositories.all().await?;
        if known.iter().any(|known| known.name == repository.name) {
            return Ok(());
        }
        let added = RepositoryAdded {
            name: repository.name.clone(),
            url: repository.url.clone(),
            description: repository.description.clone(),
            kind: repository.kind.clone(),
        };
        let sync = RepositoryCommand::Sync {
            cursor: repository.cursor.clone(),
            added: repository.plugins,
            updated: 0,
            removed: 0,
        };
        for command in [RepositoryCommand::Add(added), sync] {
            let by = by_command().metadata;
            self.yard.repository_commands.execute(&repository.name, command, by).await?;
        }
        Ok(())
    }

    async fn plugin(&self, plugin: &Plugin, done: &mut Done) -> anyhow::Result<()> {
        let mut id = None;
        for release in &plugin.releases {
            let (published, outcome) = self.release(plugin, release).await?;
            id = Some(published);
            match outcome {
                PublishOutcome::NewPlugin => {
                    done.plugins += 1;
                    done.releases += 1;
                }
                PublishOutcome::NewVersion => done.releases += 1,
                PublishOutcome::Unchanged | PublishOutcome::WouldPublish => done.unchanged += 1,
            }
        }
        let id = id.context("it has no release")?;
        self.told(id, plugin).await?;
        for review in &plugin.reviews {
            done.reviews += u64::from(self.review(id, review).await?);
        }
        Ok(())
    }

    async fn release(
        &self,
        plugin: &Plugin,
        release: &Release,
    ) -> anyhow::Result<(PluginId, PublishOutcome)> {
        let file = package::make(plugin, release, self.directory)?;
        let publishing = self.publishing(plugin.number, release.at);
        let order = Order {
            formats: vec![plugin.format],
            dialects: plugin.dialects.clone(),
            name: Some(plugin.name().to_owned()),
            version: Some(release.version.to_string()),
            publisher: Some(plugin.publisher.to_string()),
            repository: plugin.repository.clone(),
            changelog: release.changelog.clone(),
            expects: Expects::Any,
            dry_run: false,
        };
        let by = Principal::bootstrap();
        // Everything between a package and the catalogue is in this future.
        let published = Box::pin(publishing.publish(&file, order, asker(&by))).await?;
        Ok((published.plugin, published.outcome))
    }

    /// The service with the time of the document and its number.
    fn publishing(&self, number: u64, at: DateTime<Utc>) -> Publishing {
        let publishing = self.yard.cataloguing.publishing.clone();
        let numbers = Arc::new(Documented { number, others: publishing.numbers.clone() });
        Publishing { clock: Arc::new(At(at)), numbers, ..publishing }
    }

    /// What the document says and no package can: texts, totals, marks.
    async fn told(&self, id: PluginId, plugin: &Plugin) -> anyhow::Result<()> {
        let publishing = &self.yard.cataloguing.publishing;
        let view = publishing.catalogue.current(id).await?.context("it is not there")?;
        let mut commands = Vec::new();
        let description = completed(&view, plugin)?;
        if description != view.description {
            let described = Described { plugin_uid: id, at: view.updated_at, description };
            commands.push(PluginCommand::Describe(Box::new(described)));
        }
        if let Some(statistics) = &plugin.statistics
            && view.imported.as_ref() != Some(statistics)
        {
            commands.push(PluginCommand::ImportStatistics(Box::new(statistics.clone())));
        }
        for command in commands {
            publishing.plugins.execute(&id.to_string(), command, by_command().metadata).await?;
        }
        if plugin.featured && !view.featured {
            publishing.change(id, Change::Feature, asker(&Principal::bootstrap())).await?;
        }
        Ok(())
    }

    /// False: it is there already.
    async fn review(&self, plugin: PluginId, review: &Review) -> anyhow::Result<bool> {
        let identity = &self.yard.identity;
        let account = identity.account(&review.user.account.parse()?, &by_command()).await?;
        let id = ReviewId::of(plugin, account);
        if self.yard.cataloguing.reviews.review(WhichReview::Id(id)).await?.is_some() {
            return Ok(false);
        }
        let subject = format!("account/{account}");
        let seal =
            async |use_: &str, text: &str| identity.vault.seal(&subject, use_, &text.to_owned().into()).await;
        let user_name = Some(seal(NAME, &review.user.name).await?);
        let avatar = match &review.user.avatar {
            Some(avatar) => Some(seal(AVATAR, avatar).await?),
            None => None,
        };
        let submitted = ReviewSubmitted {
            review_uid: id,
            number: review.number,
            plugin_uid: plugin,
            account_uid: account,
            user_number: review.user.number,
            user_name,
            avatar,
            written: Written {
                rating: Rating::new(review.rating)?,
                title: review.title.clone(),
                text: review.text.clone(),
                version: None,
            },
            helpful: review.helpful,
            // It is one of those in the totals.
            is_counted: true,
            at: review.at,
        };
        let command = ReviewCommand::Submit(Box::new(submitted));
        let reviews = &self.yard.cataloguing.reviewing.reviews;
        reviews.execute(&id.to_string(), command, by_command().metadata).await?;
        Ok(true)
    }
}

/// The description of the package, with what the document says beyond it.
fn completed(view: &PluginView, plugin: &Plugin) -> anyhow::Result<Description> {
    let mut description = serde_json::to_value(&view.description)?;
    if let Value::Object(members) = &mut description {
        members.extend(plugin.description.clone());
    }
    serde_json::from_value(description).context("this is no description")
}

fn asker(principal: &Principal) -> Asker<'_> {
    Asker { principal, caller: by_command() }
}

/// The time that a document tells.
struct At(DateTime<Utc>);

impl Clock for At {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
}

/// The number that a document tells; below all that are given otherwise.
struct Documented {
    number: u64,
    others: Arc<dyn Numbers>,
}

#[async_trait]
impl Numbers for Documented {
    async fn next(&self, of: Numbered) -> Result<u64, Failure> {
        match of {
            Numbered::Plugin => Ok(self.number),
            Numbered::Publisher | Numbered::Review | Numbered::Operation => self.others.next(of).await,
        }
    }

    async fn of_reviewer(&self, account: AccountId) -> Result<u64, Failure> {
        self.others.of_reviewer(account).await
    }
}
