//! Pixel formats: the screen is RGB, clients may ask for something else.

use std::io::{Error, ErrorKind, Result};

/// How a client wants its pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct PixelFormat {
    bytes: usize,
    big_endian: bool,
    max: [u32; 3],
    shift: [u32; 3],
}

impl PixelFormat {
    /// What the server offers.
    pub(super) const NATIVE: Self =
        Self { bytes: 4, big_endian: false, max: [255; 3], shift: [16, 8, 0] };

    /// Reads the 16 bytes of a client's format.
    pub(super) fn parse(raw: &[u8; 16]) -> Result<Self> {
        let bytes = usize::from(raw[0]) / 8;
        let max = |at: usize| u32::from(u16::from_be_bytes([raw[at], raw[at + 1]]));
        if !matches!(bytes, 1 | 2 | 4) || raw[3] == 0 || raw[10..13].iter().any(|s| *s > 31) {
            return Err(Error::new(ErrorKind::InvalidData, "pixel format is not supported"));
        }
        Ok(Self {
            bytes,
            big_endian: raw[2] != 0,
            max: [max(4), max(6), max(8)],
            shift: [raw[10], raw[11], raw[12]].map(u32::from),
        })
    }

    /// Appends one pixel of the screen.
    pub(super) fn put(&self, rgb: u32, out: &mut Vec<u8>) {
        let channels = [rgb >> 16 & 255, rgb >> 8 & 255, rgb & 255];
        let value =
            (0..3).fold(0, |value, i| value | (channels[i] * self.max[i] / 255) << self.shift[i]);
        let [a, b, c, d] = u32::to_be_bytes(value);
        match (self.bytes, self.big_endian) {
            (1, _) => out.push(d),
            (2, true) => out.extend_from_slice(&[c, d]),
            (2, false) => out.extend_from_slice(&[d, c]),
            (_, true) => out.extend_from_slice(&[a, b, c, d]),
            (_, false) => out.extend_from_slice(&[d, c, b, a]),
        }
    }
}
