//! Ganeti's map of a network, one character an address, as ranges that people read.

use std::net::Ipv4Addr;

/// More ranges than this are not read by anybody.
const MOST: usize = 64;

/// The addresses that are taken or reserved: `10.50.0.0 – 10.50.0.4, 10.50.0.15`. Empty where the network
/// has no IPv4 addresses, or Ganeti gives no map.
pub(crate) fn taken(network: &str, map: &str) -> String {
    let base = network.split_once('/').and_then(|(base, _)| base.parse::<Ipv4Addr>().ok());
    let Some(base) = base.map(u32::from) else { return String::new() };
    let at = |place: usize| {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        Ipv4Addr::from(base.saturating_add(place)).to_string()
    };
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for (place, mark) in map.bytes().enumerate() {
        if mark != b'X' {
            continue;
        }
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == place => *last = place,
            _ => ranges.push((place, place)),
        }
    }
    let mut words: Vec<String> =
        ranges
            .iter()
            .take(MOST)
            .map(|(first, last)| {
                if first == last { at(*first) } else { format!("{} – {}", at(*first), at(*last)) }
            })
            .collect();
    if ranges.len() > MOST {
        words.push(format!("and {} ranges more", ranges.len() - MOST));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_ranges() {
        let words = taken("10.50.0.0/28", "XXXXX..........X");
        assert_eq!(words, "10.50.0.0 – 10.50.0.4, 10.50.0.15");
        assert_eq!(taken("", "X"), "");
        assert_eq!(taken("10.50.0.0/28", ""), "");
    }

    #[test]
    fn a_large_network_in_shreds_stays_readable() {
        let words = taken("10.0.0.0/16", &"X.".repeat(32_768));
        assert!(words.ends_with("and 32704 ranges more"), "{words}");
    }
}
