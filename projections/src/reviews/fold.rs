//! How one event changes a review's row. Pure.

use application::queries::reviews::ReviewView;
use domain::{
    recorded::{Event, Recorded},
    review::{ReviewEvent, ReviewSubmitted},
};

/// `None` when the stream does not begin with its submission.
pub(super) fn fold(view: Option<ReviewView>, recorded: &Recorded) -> Option<ReviewView> {
    let Event::Review(_, event) = &recorded.event else { return view };
    if let ReviewEvent::ReviewSubmitted(submitted) = event {
        return Some(submitted_view(submitted));
    }
    let mut view = view?;
    match event {
        ReviewEvent::ReviewSubmitted(_) | ReviewEvent::PluginLiked { .. } => {}
        ReviewEvent::ReviewEdited { written, at, .. } => {
            view.written = written.clone();
            view.edited_at = Some(*at);
        }
        ReviewEvent::ReviewWithdrawn { .. } => view.is_withdrawn = true,
        ReviewEvent::ReviewModerated { is_hidden, .. } => view.is_hidden = *is_hidden,
        ReviewEvent::ReviewVoted { was, helpful, .. } => {
            if let Some(was) = was {
                let votes = votes(&mut view, *was);
                *votes = votes.saturating_sub(1);
            }
            *votes(&mut view, *helpful) += 1;
        }
    }
    Some(view)
}

fn votes(view: &mut ReviewView, helpful: bool) -> &mut u64 {
    if helpful { &mut view.helpful } else { &mut view.unhelpful }
}

fn submitted_view(submitted: &ReviewSubmitted) -> ReviewView {
    ReviewView {
        id: submitted.review_uid,
        number: submitted.number,
        plugin: submitted.plugin_uid,
        account: submitted.account_uid,
        user_number: submitted.user_number,
        user_name: submitted.user_name.clone(),
        avatar: submitted.avatar.clone(),
        written: submitted.written.clone(),
        helpful: submitted.helpful,
        unhelpful: 0,
        is_hidden: false,
        is_withdrawn: false,
        created_at: submitted.at,
        edited_at: None,
    }
}
