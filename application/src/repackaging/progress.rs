//! How far a job is: phases with honest percentages from bytes.

use domain::task::Phase;

use crate::ports::packaging::Inspection;

/// Takes reports at any rate; must be cheap.
pub trait Progress: Send + Sync {
    fn report(&self, step: Step<'_>);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    pub phase: Phase,
    /// Of the whole job, 0 to 99.
    pub percent: u8,
    pub message: &'a str,
    /// Once the package has been read.
    pub plugin: Option<&'a Inspection>,
    /// Bytes done and, where it is known, bytes in all, of this phase.
    pub bytes: Option<(u64, Option<u64>)>,
}

impl<'a> Step<'a> {
    pub fn at(phase: Phase, percent: u8, message: &'a str, plugin: Option<&'a Inspection>) -> Self {
        Self { phase, percent, message, plugin, bytes: None }
    }

    /// Within a phase that goes from one percentage to another by bytes; without a known total it stays at the
    /// beginning, because a guess would be a lie.
    pub fn between(
        phase: Phase,
        (from, to): (u8, u8),
        done: u64,
        all: Option<u64>,
        message: &'a str,
    ) -> Self {
        let share = match all {
            Some(all) if all > 0 => u128::from(to - from) * u128::from(done.min(all)) / u128::from(all),
            _ => 0,
        };
        let percent = from + u8::try_from(share).unwrap_or(to - from);
        Self { phase, percent, message, plugin: None, bytes: Some((done, all)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(done: u64, all: Option<u64>) -> u8 {
        Step::between(Phase::Wheels, (30, 85), done, all, "").percent
    }

    #[test]
    fn a_phase_moves_by_its_bytes() {
        assert_eq!(percent(0, Some(100)), 30);
        assert_eq!(percent(50, Some(100)), 57);
        assert_eq!(percent(100, Some(100)), 85);
    }

    #[test]
    fn more_bytes_than_announced_do_not_leave_the_phase_and_no_total_does_not_guess() {
        assert_eq!(percent(u64::MAX, Some(1)), 85);
        assert_eq!(percent(5, None), 30);
        assert_eq!(percent(5, Some(0)), 30);
    }
}
