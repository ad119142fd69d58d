//! How often something took how long: sparse buckets, each five per cent wider than the one before, so that two of them
//! can be put together and a quantile is never further off than that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// By the number of the bucket; bucket `n` ends at `0.05 * 1.05^n` milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histogram(BTreeMap<u16, u64>);

const FIRST_MS: f64 = 0.05;
const WIDER: f64 = 1.05;

impl Histogram {
    pub fn of(counts: impl IntoIterator<Item = (u16, u32)>) -> Self {
        let mut histogram = Self::default();
        for (bucket, count) in counts {
            *histogram.0.entry(bucket).or_default() += u64::from(count);
        }
        histogram
    }

    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The end of the bucket that it falls into; none where nothing was counted.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts far below 2^52, and a quantile is between nought and one"
    )]
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        let rank = (self.count() as f64 * quantile).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in &self.0 {
            seen += count;
            if seen >= rank {
                return Some(FIRST_MS * WIDER.powi(i32::from(*bucket)));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bucket that a duration falls into.
    fn bucket(ms: f64) -> u16 {
        let number = (ms / FIRST_MS).ln() / WIDER.ln();
        format!("{:.0}", number.ceil().max(0.0)).parse().unwrap()
    }

    #[test]
    fn a_quantile_is_within_one_bucket_of_the_truth_also_after_merging() {
        let all: Vec<f64> = (1..=1000).map(f64::from).collect();
        let halves = all.chunks(500).map(|half| Histogram::of(half.iter().map(|ms| (bucket(*ms), 1))));
        let merged = halves.reduce(|mut one, other| {
            one.merge(&other);
            one
        });
        let p95 = merged.unwrap().quantile(0.95).unwrap();
        assert!((950.0..=950.0 * WIDER).contains(&p95), "{p95}");
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert_eq!(Histogram::of([(7, 1)]).quantile(0.0), Histogram::of([(7, 1)]).quantile(1.0));
    }
}
