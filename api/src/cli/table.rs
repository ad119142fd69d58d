//! All results of one command at a glance, and other tables for a terminal.

use std::fmt::Write as _;

use domain::task::Report;

use super::outcome::Told;

const HEAD: [&str; 6] = ["INPUT", "PLATFORM", "SIZE", "WHEELS", "NEEDS", "RESULT"];
const LONGEST: usize = 60;

pub(super) fn of(results: &[Told]) -> String {
    let one_input = results.iter().all(|told| told.input.is_none());
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(results.iter().map(row));
    let first = usize::from(one_input);
    let shown: Vec<&[String]> = rows.iter().map(|row| &row[first..]).collect();
    aligned(&shown)
}

/// Lines of aligned columns; the last one, which may be long, is not padded. Every row has as many.
pub(super) fn aligned(rows: &[&[String]]) -> String {
    let columns = rows.first().map_or(0, |row| row.len());
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            // Writing to a string does not fail.
            let _ = if column + 1 == columns {
                writeln!(text, "{cell}")
            } else {
                write!(text, "{cell:<width$}  ", width = widths[column])
            };
        }
    }
    text
}

fn row(told: &Told) -> [String; 6] {
    let input = shortened(told.input.as_deref().unwrap_or_default());
    let nothing = || "-".to_owned();
    match &told.result {
        Ok((path, report)) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let size = megabytes(report.output_bytes);
            [input, told.platform(), size, report.wheels.to_string(), needs(report), plain(&name)]
        }
        Err(failure) => {
            let result = format!("{} ({})", shortened(&failure.message), failure.reason);
            [input, told.platform(), nothing(), nothing(), nothing(), result]
        }
    }
}

fn needs(report: &Report) -> String {
    let glibc = report.needs_glibc.map(|floor| format!("glibc {floor}"));
    let macos = report.needs_macos.map(|floor| format!("macOS {floor}"));
    let all: Vec<String> = glibc.into_iter().chain(macos).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}

fn megabytes(bytes: u64) -> String {
    let tenths = ((bytes + 50_000) / 100_000).max(u64::from(bytes > 0));
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

/// A name may hold what a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn shortened(text: &str) -> String {
    let text = plain(text);
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use application::failure::{Failure, Reason};

    use super::*;

    fn failed(input: Option<&str>, message: &str) -> Told {
        let platforms = vec!["manylinux2014_x86_64".parse().unwrap()];
        let failure = Failure::permanent(Reason::NoWheel, message);
        Told { input: input.map(str::to_owned), platforms, result: Err(failure) }
    }

    #[test]
    fn columns_are_aligned_and_the_input_is_left_out_where_there_is_one() {
        let told =
            of(&[failed(Some("a.difypkg"), "x has no wheel"), failed(Some("b\u{1b}[2J"), &"y".repeat(99))]);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[0], "INPUT      PLATFORM              SIZE  WHEELS  NEEDS  RESULT");
        assert_eq!(
            lines[1],
            "a.difypkg  manylinux2014_x86_64  -     -       -      x has no wheel (NO_WHEEL)"
        );
        assert!(lines[2].starts_with("b?[2J "), "{told}");
        assert!(lines[2].ends_with("yy… (NO_WHEEL)"), "{told}");
        assert!(of(&[failed(None, "x"), failed(None, "x")]).starts_with("PLATFORM"));
    }

    #[test]
    fn sizes_are_rounded_to_a_tenth_and_only_nothing_is_nothing() {
        assert_eq!(
            [0, 1, 11_248_884, 3_000_000_000].map(megabytes),
            ["0.0 MB", "0.1 MB", "11.2 MB", "3000.0 MB"]
        );
    }
}
