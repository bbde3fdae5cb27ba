//! Values as people write them.

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
    fn only_the_star_is_special() {
        assert_eq!(pattern(r"a*b%c_d\"), r"a%b\%c\_d\\");
    }
}
