//! Samples, their order statistics, and tables of plain text.

use std::fmt::Write as _;
use std::time::Duration;

/// Durations of one thing done many times.
#[derive(Clone, Debug)]
pub(super) struct Samples(Vec<Duration>);

impl Samples {
    pub(super) fn new(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        Self(durations)
    }

    /// The duration that `percent` of the samples do not exceed, by nearest rank, in milliseconds.
    pub(super) fn percentile(&self, percent: usize) -> f64 {
        let rank = self.0.len().saturating_mul(percent).div_ceil(100).max(1);
        milliseconds(self.0.get(rank - 1).copied().unwrap_or_default())
    }
}

pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A count as a factor of a ratio; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "no count of a benchmark comes near 2^53")]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}

/// Values of one figure, one a round.
#[derive(Clone, Debug, Default)]
pub(super) struct Rounds(Vec<f64>);

impl Rounds {
    pub(super) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The lower median, so that it is a value that was measured.
    pub(super) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
    }

    /// `least..most`.
    pub(super) fn range(&self, decimals: usize) -> String {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        format!("{least:.decimals$}..{most:.decimals$}")
    }

    /// Round by round, this by that: what slows a whole round down cancels out.
    pub(super) fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(this, that)| this / that).collect())
    }
}

/// A table: the first column to the left, the others to the right.
#[derive(Debug)]
pub(super) struct Table(Vec<Vec<String>>);

impl Table {
    pub(super) fn new(header: &[&str]) -> Self {
        Self(vec![header.iter().map(|&name| name.to_owned()).collect()])
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.0.push(cells);
    }

    pub(super) fn print(&self) {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            self.0.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.0 {
            let mut line = String::from(" ");
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                // Writing into a text cannot fail.
                let _written =
                    if column == 0 { write!(line, " {cell:<width$}") } else { write!(line, "  {cell:>width$}") };
            }
            println!("{}", line.trim_end());
        }
        println!();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let samples = Samples::new([5, 1, 4, 2, 3].map(Duration::from_millis).to_vec());
        let found: Vec<f64> = [1, 20, 50, 95, 100].map(|percent| samples.percentile(percent)).to_vec();
        assert_eq!(found, [1.0, 1.0, 3.0, 5.0, 5.0]);
    }

    #[test]
    fn a_median_is_a_value_that_was_measured_and_ratios_are_taken_round_by_round() {
        let rounds = |values: &[f64]| Rounds(values.to_vec());
        assert!((rounds(&[4.0, 1.0, 3.0, 2.0]).median() - 2.0).abs() < f64::EPSILON);
        assert_eq!(rounds(&[4.0, 9.0]).over(&rounds(&[2.0, 3.0])).0, [2.0, 3.0]);
    }
}
