//! What the benchmarks print: measure, figure, target, and whether it was met.

use std::fmt;

#[derive(Default)]
pub(crate) struct Table(Vec<[String; 4]>);

#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Table {
    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Of an area whose run did not come to its end.
    pub(crate) fn broken(area: &str) -> Self {
        let mut table = Self::default();
        table.fact(area, "the run broke, see above");
        table
    }

    /// A figure that explains others.
    pub(crate) fn fact(&mut self, measure: impl Into<String>, figure: impl Into<String>) {
        self.0.push([measure.into(), figure.into(), String::new(), String::new()]);
    }

    /// A figure with a promise. `unit` follows the value and says where it comes from.
    pub(crate) fn judge(
        &mut self,
        measure: impl Into<String>,
        value: f64,
        unit: impl fmt::Display,
        target: Target,
    ) {
        let met = match target {
            Target::AtLeast(least) => value >= least,
            Target::AtMost(most) => value <= most,
        };
        let met = if met { "yes" } else { "NO" };
        self.0.push([measure.into(), format!("{value:.2} {unit}"), target.to_string(), met.to_owned()]);
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::AtMost(most) => write!(f, "<= {most}"),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["measure", "figure", "target", "met"].map(str::to_owned);
        let rows = || std::iter::once(&head).chain(&self.0);
        let width = |column: usize| rows().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let [measure, figure, target] = [width(0), width(1), width(2)];
        for [a, b, c, d] in rows() {
            let line = format!("{a:measure$} | {b:figure$} | {c:target$} | {d}");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
