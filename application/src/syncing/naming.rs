//! What is asked by name: details that pages leave out, and whether what no page shows is gone.

use domain::repository::Listing;

use super::pass;
use crate::{failure::Failure, ports::marketplace::Upstream};

/// What lists leave out.
pub(super) async fn detail(upstream: &dyn Upstream, changed: &mut [Listing]) -> Result<(), Failure> {
    for page in changed.chunks_mut(pass::AT_ONCE) {
        let names: Vec<_> = page.iter().map(|card| (card.author.clone(), card.name.clone())).collect();
        let details = upstream.batch(&names).await?.value;
        for card in page {
            let is_card = |listing: &Listing| (&listing.author, &listing.name) == (&card.author, &card.name);
            if let Some(found) = details.iter().find(|shown| is_card(&shown.listing)) {
                pass::complete(card, &found.listing);
            }
        }
    }
    Ok(())
}

/// A page that moved while it was read may have hidden one: those that are asked for by name decide.
pub(super) async fn really_gone(upstream: &dyn Upstream, missing: &[String]) -> Result<Vec<String>, Failure> {
    let pair = |id: &String| id.split_once('/').map(|(author, name)| (author.to_owned(), name.to_owned()));
    let names: Vec<_> = missing.iter().filter_map(pair).collect();
    let still = upstream.batch(&names).await?;
    if still.stale {
        return Ok(Vec::new());
    }
    let is_there = |id: &&String| still.value.iter().any(|shown| pass::id(&shown.listing) == **id);
    Ok(missing.iter().filter(|id| !is_there(id)).cloned().collect())
}
