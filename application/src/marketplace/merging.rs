//! Answers of here and of elsewhere made one.

use domain::repository::Listing;

use crate::{
    failure::Failure,
    ports::marketplace::{Answer, Category, ListedVersion, Marketplace, Page, Search},
};

/// What is found here comes first; the page goes on with what the other one finds.
pub(super) async fn beside(
    own: Page,
    search: &Search,
    upstream: Option<&dyn Marketplace>,
) -> Result<Answer<Page>, Failure> {
    let Some(upstream) = upstream else { return Ok(Answer { value: own, stale: false }) };
    if own.total == 0 {
        return upstream.search(search).await;
    }
    let theirs = match following(&own, search, upstream).await {
        Ok(theirs) => theirs,
        Err(_unavailable) => return Ok(Answer { value: own, stale: true }),
    };
    let Answer { value: mut page, stale } = theirs;
    let is_own = |author: &str, name: &str| {
        own.plugins
            .iter()
            .any(|shown| (shown.listing.author.as_str(), &*shown.listing.name) == (author, name))
    };
    page.plugins.retain(|shown| !is_own(&shown.listing.author, &shown.listing.name));
    let mut plugins = own.plugins;
    plugins.extend(page.plugins);
    Ok(Answer { value: Page { plugins, total: own.total + page.total }, stale })
}

/// Of theirs, what stands on this page after ours. They count in whole pages: two of them hold it.
async fn following(own: &Page, search: &Search, upstream: &dyn Marketplace) -> Result<Answer<Page>, Failure> {
    let size = u64::from(search.per_page.max(1));
    let begin = (u64::from(search.page.max(1)) - 1) * size;
    let end = (begin + size).saturating_sub(own.total);
    let begin = begin.saturating_sub(own.total);
    let (first, skip) = (begin / size, begin % size);
    let numbered = |page: u64| Search { page: u32::try_from(page + 1).unwrap_or(u32::MAX), ..search.clone() };
    let mut answer = upstream.search(&numbered(first)).await?;
    if end > (first + 1) * size {
        let next = upstream.search(&numbered(first + 1)).await?;
        answer.stale |= next.stale;
        answer.value.plugins.extend(next.value.plugins);
    }
    let wanted = usize::try_from(end - begin).unwrap_or(usize::MAX);
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    answer.value.plugins = answer.value.plugins.into_iter().skip(skip).take(wanted).collect();
    Ok(answer)
}

pub(super) fn add_up(counted: &mut [Category], theirs: &[Category]) {
    for category in counted {
        let same = theirs.iter().find(|other| other.id == category.id);
        category.plugin_count += same.map_or(0, |other| other.plugin_count);
    }
}

/// The one version that a listing tells of.
pub(super) fn newest_of(listing: &Listing) -> ListedVersion {
    ListedVersion {
        version: listing.latest_version.clone(),
        created_at: listing.updated_at,
        checksum: listing.checksum.clone(),
        ..ListedVersion::default()
    }
}
