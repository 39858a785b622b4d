//! A table that is printed row by row, while the rest of it is still being measured.

use crate::cli::out;

pub(super) struct Table(&'static [&'static str]);

impl Table {
    /// Prints the heads of the columns.
    pub(super) fn begin(heads: &'static [&'static str]) -> anyhow::Result<Self> {
        out::line(heads.join("  "))?;
        Ok(Self(heads))
    }

    /// Prints a row, each cell under its head.
    pub(super) fn row(&self, cells: &[String]) -> anyhow::Result<()> {
        let cells: Vec<String> =
            self.0.iter().zip(cells).map(|(head, cell)| format!("{cell:>width$}", width = head.len())).collect();
        out::line(cells.join("  "))
    }
}

/// A whole number with commas between its thousands.
pub(super) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The number, or a dash where the server does not tell.
pub(super) fn told(number: Option<f64>, show: impl FnOnce(f64) -> String) -> String {
    number.map_or_else(|| "-".to_owned(), show)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let shown = [0.4, 999.0, 1_000.0, 1_234_567.0, -12_345.0, -123_456.0].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567", "-12,345", "-123,456"]);
    }
}
