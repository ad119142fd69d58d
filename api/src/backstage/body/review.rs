//! One review.

use application::reviewing::Shown;
use serde::Serialize;

use crate::backstage::answer::moment;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Review<'a> {
    id: String,
    rating: u8,
    title: &'a str,
    #[serde(rename = "review")]
    text: &'a str,
    user: User<'a>,
    created_at: String,
    helpful: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct User<'a> {
    id: String,
    name: &'a str,
    avatar: Option<&'a str>,
}

impl<'a> Review<'a> {
    pub(crate) fn of(shown: &'a Shown) -> Self {
        let Shown { review, user_name, avatar } = shown;
        Self {
            id: review_id(review.number),
            rating: review.written.rating.stars(),
            title: &review.written.title,
            text: &review.written.text,
            user: User {
                id: format!("user_{}", review.user_number),
                name: user_name,
                avatar: avatar.as_deref(),
            },
            created_at: moment(review.created_at),
            helpful: review.helpful,
            version: review.written.version.as_deref(),
            updated_at: review.edited_at.map(moment),
        }
    }
}

pub(crate) fn review_id(number: u64) -> String {
    format!("review_{number}")
}
