//! Numbers, sizes and times as people read them.

use std::borrow::Borrow;

use chrono::{DateTime, SecondsFormat, Utc};

/// `1234567` as `1,234,567`.
pub fn count(n: impl Borrow<u64>) -> String {
    let digits = n.borrow().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A size given in MiB as people read it: `512 MiB`, `1.5 GiB`, `2 TiB`.
pub fn mib(size: u64) -> String {
    const UNITS: [&str; 4] = ["MiB", "GiB", "TiB", "PiB"];
    let (mut scale, mut unit) = (1_u64, 0_usize);
    while unit < 3 && size / scale >= 1024 {
        scale *= 1024;
        unit += 1;
    }
    let tenths = (u128::from(size) * 10 + u128::from(scale) / 2) / u128::from(scale);
    if tenths.is_multiple_of(10) || tenths >= 1000 {
        format!("{} {}", tenths / 10, UNITS[unit])
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

/// A size or a dash.
pub fn mib_or_dash(size: impl Borrow<Option<u64>>) -> String {
    size.borrow().map_or_else(|| "–".to_owned(), mib)
}

/// The exact value behind a size, for its title.
pub fn mib_exact(size: impl Borrow<Option<u64>>) -> String {
    size.borrow()
        .map_or_else(|| "Ganeti does not say now".to_owned(), |s| format!("{} MiB", count(s)))
}

/// How long ago: `now`, `12 s ago`, `5 min ago`, `3 h ago`, `4 d ago`, then the date.
/// `assets/src/ts/time.ts` keeps the words running; both must agree.
pub fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - at).num_seconds().max(0);
    match seconds {
        0..=2 => "now".to_owned(),
        3..=89 => format!("{seconds} s ago"),
        90..=5_399 => format!("{} min ago", (seconds + 30) / 60),
        5_400..=129_599 => format!("{} h ago", (seconds + 1_800) / 3_600),
        129_600..=2_591_999 => format!("{} d ago", (seconds + 43_200) / 86_400),
        _ => at.format("%Y-%m-%d").to_string(),
    }
}

/// `in 12 s`, `in 5 min`, `in 6 d`; what is due is `now`.
pub fn until(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match (at - now).num_seconds() {
        ..1 => "now".to_owned(),
        seconds @ 1..=89 => format!("in {seconds} s"),
        seconds @ 90..=5399 => format!("in {} min", (seconds + 30) / 60),
        seconds @ 5400..=129_599 => format!("in {} h", (seconds + 1800) / 3600),
        seconds => format!("in {} d", (seconds + 43_200) / 86_400),
    }
}

/// A host name up to its first dot; the whole name belongs into the title.
pub fn short(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// A span in seconds: `0.4 s` is `0 s`; `75` is `1 min 15 s`; `3700` is `1 h 1 min`.
pub fn span(seconds: u64) -> String {
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3_599 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..=3_599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// RFC 3339 in UTC, to the second.
pub fn exact(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A browser's own words as people read them: `Firefox on Linux`; others as they are, cut.
pub fn browser(agent: &str) -> String {
    let find = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    // Each claims to be those below it.
    let name = find(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (name, system) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        (None, _) if agent.is_empty() => "not known".to_owned(),
        (None, _) => agent.chars().take(60).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn sizes_read_as_people_say_them() {
        for (size, words) in [
            (0, "0 MiB"),
            (512, "512 MiB"),
            (1024, "1 GiB"),
            (1536, "1.5 GiB"),
            (16_384, "16 GiB"),
            (20_480, "20 GiB"),
            (2_097_152, "2 TiB"),
            (130_000, "127 GiB"),
        ] {
            assert_eq!(mib(size), words);
        }
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(mib_exact(Some(16_384)), "16,384 MiB");
        assert_eq!(mib_or_dash(None), "–");
    }

    #[test]
    fn ages_grow_coarser_with_distance() {
        let now = DateTime::<Utc>::from_timestamp(1_800_000_000, 0).unwrap();
        let at = |s: i64| ago(now - TimeDelta::seconds(s), now);
        assert_eq!(at(-5), "now");
        assert_eq!(at(12), "12 s ago");
        assert_eq!(at(300), "5 min ago");
        assert_eq!(at(7_200), "2 h ago");
        assert_eq!(at(172_800), "2 d ago");
        assert_eq!(at(40 * 86_400), "2026-12-06");
        let to = |s: i64| until(now + TimeDelta::seconds(s), now);
        assert_eq!([to(-5), to(0), to(30), to(90)], ["now", "now", "in 30 s", "in 2 min"]);
        assert_eq!(span(75), "1 min 15 s");
        assert_eq!(span(3_700), "1 h 1 min");
    }

    #[test]
    fn a_browser_is_called_by_its_name_and_a_program_by_its_own_words() {
        let linux = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                     Chrome/125.0.0.0 Safari/537.36";
        assert_eq!(browser(linux), "Chrome on Linux");
        let edge = format!("{linux} Edg/125.0").replace("X11; Linux x86_64", "Windows NT 10.0");
        assert_eq!(browser(&edge), "Edge on Windows");
        assert_eq!(browser("curl/8.5.0"), "curl/8.5.0");
        assert_eq!(browser(""), "not known");
        assert_eq!(browser(&"x".repeat(500)).len(), 60);
    }
}
