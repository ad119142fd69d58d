//! Medians, percentiles and how numbers are written.

use std::time::Duration;

pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50.0)
}

/// The nearest rank; 0 of nothing.
pub(crate) fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let above = sorted.len().saturating_sub(1);
    let rank = (0..=above).find(|rank| count(*rank) >= percent / 100.0 * count(above)).unwrap_or(above);
    sorted.get(rank).copied().unwrap_or_default()
}

pub(crate) fn median_seconds(times: &[Duration]) -> f64 {
    median(&times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>())
}

#[expect(clippy::cast_precision_loss, reason = "no benchmark counts to 2^52")]
pub(crate) fn count(n: usize) -> f64 {
    n as f64
}

/// `12,345`
pub(crate) fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
