//! Reviews on the shelf.

use std::collections::{BTreeMap, BTreeSet};

use application::{
    Error,
    queries::reviews::{ReviewQueries, ReviewSort, ReviewView, WhichReview},
};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    recorded::Event,
    review::ReviewEvent,
    values::{AccountId, Dialect, PluginId, ReviewId},
};

use super::Shelf;

impl Shelf {
    fn likes(&self) -> BTreeSet<(PluginId, AccountId)> {
        let mut likes = BTreeSet::new();
        for recorded in self.recorded() {
            let Event::Review(_, ReviewEvent::PluginLiked { plugin_uid, by, liked }) = recorded.event else {
                continue;
            };
            if liked {
                likes.insert((plugin_uid, by))
            } else {
                likes.remove(&(plugin_uid, by))
            };
        }
        likes
    }

    fn reviews(&self) -> BTreeMap<ReviewId, ReviewView> {
        let mut views: BTreeMap<ReviewId, ReviewView> = BTreeMap::new();
        for recorded in self.recorded() {
            let Event::Review(id, event) = recorded.event else { continue };
            if let ReviewEvent::ReviewSubmitted(submitted) = event {
                let view = ReviewView {
                    id,
                    number: submitted.number,
                    plugin: submitted.plugin_uid,
                    account: submitted.account_uid,
                    user_number: submitted.user_number,
                    user_name: submitted.user_name,
                    avatar: submitted.avatar,
                    written: submitted.written,
                    helpful: submitted.helpful,
                    unhelpful: 0,
                    is_hidden: false,
                    is_withdrawn: false,
                    created_at: submitted.at,
                    edited_at: None,
                };
                views.insert(id, view);
                continue;
            }
            if let Some(view) = views.get_mut(&id) {
                change(view, event);
            }
        }
        views
    }
}

fn change(view: &mut ReviewView, event: ReviewEvent) {
    match event {
        ReviewEvent::ReviewSubmitted(_) | ReviewEvent::PluginLiked { .. } => {}
        ReviewEvent::ReviewEdited { written, at, .. } => {
            (view.written, view.edited_at) = (written, Some(at));
        }
        ReviewEvent::ReviewWithdrawn { .. } => view.is_withdrawn = true,
        ReviewEvent::ReviewModerated { is_hidden, .. } => view.is_hidden = is_hidden,
        ReviewEvent::ReviewVoted { was, helpful, .. } => {
            match was {
                Some(true) => view.helpful -= 1,
                Some(false) => view.unhelpful -= 1,
                None => {}
            }
            if helpful { view.helpful += 1 } else { view.unhelpful += 1 }
        }
    }
}

#[async_trait]
impl ReviewQueries for Shelf {
    async fn of_plugin(
        &self,
        plugin: PluginId,
        sort: ReviewSort,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<ReviewView>, u64), Error> {
        let is_shown = |view: &ReviewView| view.plugin == plugin && !view.is_hidden && !view.is_withdrawn;
        let mut shown: Vec<ReviewView> = self.reviews().into_values().filter(is_shown).collect();
        let stars = |view: &ReviewView| i16::from(view.written.rating.stars());
        shown.sort_by_key(|view| std::cmp::Reverse((view.created_at, view.number)));
        match sort {
            ReviewSort::Recent => {}
            ReviewSort::Helpful => shown.sort_by_key(|view| std::cmp::Reverse(view.helpful)),
            ReviewSort::RatingHigh => shown.sort_by_key(|view| -stars(view)),
            ReviewSort::RatingLow => shown.sort_by_key(stars),
        }
        let total = shown.len() as u64;
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok((shown.into_iter().skip(skip).take(limit as usize).collect(), total))
    }

    async fn review(&self, which: WhichReview) -> Result<Option<ReviewView>, Error> {
        Ok(self.reviews().into_values().find(|view| match which {
            WhichReview::Id(id) => view.id == id,
            WhichReview::Number(number) => view.number == number,
        }))
    }

    async fn user_number(&self, account: AccountId) -> Result<Option<u64>, Error> {
        Ok(self.reviews().into_values().find(|view| view.account == account).map(|view| view.user_number))
    }

    async fn likes(&self, plugins: &[PluginId]) -> Result<BTreeMap<PluginId, u64>, Error> {
        let mut counts = BTreeMap::new();
        for (plugin, _) in self.likes() {
            *counts.entry(plugin).or_default() += 1;
        }
        counts.retain(|plugin, _| plugins.contains(plugin));
        Ok(counts)
    }

    async fn liked_by(
        &self,
        account: AccountId,
        dialect: Dialect,
        most: u32,
    ) -> Result<Vec<(String, String)>, Error> {
        let views = self.views();
        let liked = self.likes().into_iter().filter(|(_, by)| *by == account);
        let liked = liked.filter_map(|(plugin, _)| views.get(&plugin));
        let shown = liked.filter(|view| view.is_visible(dialect));
        Ok(shown.map(|view| (view.publisher.clone(), view.name.clone())).take(most as usize).collect())
    }

    async fn trend(&self, plugin: PluginId, now: DateTime<Utc>) -> Result<Option<f64>, Error> {
        let recent = |view: &ReviewView| view.created_at > now - TimeDelta::days(30);
        let of_plugin = self.reviews().into_values().filter(|view| view.plugin == plugin);
        let (new, old): (Vec<ReviewView>, Vec<ReviewView>) = of_plugin.partition(recent);
        let average = |views: &[ReviewView]| {
            let count = u32::try_from(views.len()).ok().filter(|count| *count > 0)?;
            let stars: u32 = views.iter().map(|view| u32::from(view.written.rating.stars())).sum();
            Some(f64::from(stars) / f64::from(count))
        };
        Ok(average(&new).zip(average(&old)).map(|(new, old)| new - old))
    }
}
