//! Values as people write them.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use crate::Error;

/// A `like` pattern in which only `*` is special; `\` is the escape.
pub(crate) fn pattern(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 4);
    for c in value.chars() {
        match c {
            '*' => out.push('%'),
            '%' | '_' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// A `like` pattern in which nothing is special.
pub(crate) fn literal(value: &str) -> String {
    value.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Found anywhere in the text.
pub(crate) fn containing(word: &str) -> String {
    format!("%{}%", pattern(word))
}

/// A whole number.
pub(crate) fn number(value: &str, position: usize) -> Result<i64, Error> {
    value.parse().map_err(|_| Error::query(position, format!("{value:?} is not a whole number")))
}

/// `4G`, `512M`, `1.5T`, `2048` (MiB), with or without `B` or `iB` after the letter.
pub(crate) fn size(value: &str, position: usize) -> Result<i64, Error> {
    let wrong = || {
        Error::query(
            position,
            format!("{value:?} is not a size: write for instance 512M, 4G or 2T"),
        )
    };
    let lower = value.to_ascii_lowercase();
    let digits_end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (digits, unit) = lower.split_at(digits_end);
    let factor = match unit {
        "" | "m" | "mb" | "mib" => 1.0,
        "g" | "gb" | "gib" => 1024.0,
        "t" | "tb" | "tib" => 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let amount: f64 = digits.parse().map_err(|_| wrong())?;
    let mib = (amount * factor).round();
    if !mib.is_finite() || mib > 9e15 {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked to be below 2^53")]
    Ok(mib as i64)
}

/// `yes` or `no`.
pub(crate) fn flag(value: &str, position: usize) -> Result<bool, Error> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(Error::query(position, format!("{value:?}: write yes or no"))),
    }
}

/// A time as people write it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Moment {
    /// Seconds.
    Age(f64),
    /// From, and until (not included): a day, or one second.
    Span(DateTime<Utc>, DateTime<Utc>),
}

/// `90s`, `30m`, `12h`, `7d`, `2w`, `1y`; or `2026-01-31`, `2026-01-31T12:00:00Z`, in UTC.
pub(crate) fn moment(value: &str, position: usize) -> Result<Moment, Error> {
    let wrong = || {
        let message = format!(
            "{value:?} is no time: write an age (30m, 12h, 7d, 2w, 1y) or a date (2026-01-31)"
        );
        Error::query(position, message)
    };
    if let Ok(day) = NaiveDate::parse_from_str(value, "%Y-%m-%d") {
        let from = day.and_time(chrono::NaiveTime::MIN).and_utc();
        return from
            .checked_add_days(Days::new(1))
            .filter(|_| in_reach(from))
            .map_or_else(|| Err(wrong()), |until| Ok(Moment::Span(from, until)));
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(&value.to_ascii_uppercase()) {
        let from = at.to_utc();
        let until = from.checked_add_signed(TimeDelta::seconds(1));
        return until
            .filter(|_| in_reach(from))
            .map_or_else(|| Err(wrong()), |until| Ok(Moment::Span(from, until)));
    }
    let lower = value.to_ascii_lowercase();
    let digits_end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (digits, unit) = lower.split_at(digits_end);
    let factor = match unit {
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        "w" => 7.0 * 86_400.0,
        "y" => 365.0 * 86_400.0,
        _ => return Err(wrong()),
    };
    let amount: f64 = digits.parse().map_err(|_| wrong())?;
    let seconds = amount * factor;
    // A thousand years: what the database can still subtract.
    if seconds.is_finite() && seconds <= 365_000.0 * 86_400.0 {
        Ok(Moment::Age(seconds))
    } else {
        Err(wrong())
    }
}

/// The database knows years before and after these, but nobody means them.
fn in_reach(at: DateTime<Utc>) -> bool {
    (0..=253_402_300_799).contains(&at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_mebibytes_whatever_their_unit() {
        for (text, mib) in [("4G", 4096), ("512", 512), ("1.5g", 1536), ("2TiB", 2_097_152)] {
            assert_eq!(size(text, 1), Ok(mib), "{text}");
        }
        for text in ["", "G", "4X", "-1", "1e309", "1.2.3G", "9999999999999T"] {
            assert!(size(text, 1).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_ages_or_dates() {
        assert_eq!(moment("7d", 1), Ok(Moment::Age(604_800.0)));
        assert_eq!(moment("1.5h", 1), Ok(Moment::Age(5400.0)));
        let day = moment("2026-01-31", 1).unwrap();
        let Moment::Span(from, until) = day else { panic!("{day:?}") };
        assert_eq!(
            (from.to_rfc3339(), (until - from).num_hours()),
            ("2026-01-31T00:00:00+00:00".to_owned(), 24)
        );
        assert!(matches!(moment("2026-01-31t12:00:00z", 1), Ok(Moment::Span(..))));
        for text in [
            "",
            "7",
            "d",
            "-7d",
            "7x",
            "2026-02-30",
            "99999999999999y",
            "1e9d",
            "+10000-01-01",
            "0001-01-01",
        ] {
            assert!(moment(text, 1).is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_star_is_special() {
        assert_eq!(pattern(r"a*b%c_d\"), r"a%b\%c\_d\\");
        assert_eq!(literal(r"a*b%c_d\"), r"a*b\%c\_d\\");
    }
}
