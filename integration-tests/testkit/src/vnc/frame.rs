use std::collections::HashSet;

/// A picture of a console: `width * height` pixels of three bytes, red, green, blue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Pixels a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// Row after row.
    pub rgb: Vec<u8>,
}

impl Frame {
    pub(super) fn blank(width: u16, height: u16) -> Self {
        Self { width, height, rgb: vec![0; usize::from(width) * usize::from(height) * 3] }
    }

    /// Puts one rectangle of 32-bit pixels (blue, green, red, unused) in its place.
    pub(super) fn put(&mut self, x: u16, y: u16, width: u16, pixels: &[u8]) {
        let row_bytes = usize::from(width) * 4;
        if row_bytes == 0 {
            return;
        }
        for (row, line) in pixels.chunks_exact(row_bytes).enumerate() {
            let start = ((usize::from(y) + row) * usize::from(self.width) + usize::from(x)) * 3;
            for (column, pixel) in line.chunks_exact(4).enumerate() {
                let at = start + column * 3;
                if let (Some(to), [blue, green, red, _]) = (self.rgb.get_mut(at..at + 3), pixel) {
                    to.copy_from_slice(&[*red, *green, *blue]);
                }
            }
        }
    }

    /// The colour at a place.
    #[must_use]
    pub fn pixel(&self, x: u16, y: u16) -> Option<[u8; 3]> {
        let at = (usize::from(y) * usize::from(self.width) + usize::from(x)) * 3;
        self.rgb.get(at..at + 3)?.try_into().ok()
    }

    /// How many different colours it shows: 1 is a blank screen.
    #[must_use]
    pub fn colours(&self) -> usize {
        self.rgb.chunks_exact(3).collect::<HashSet<_>>().len()
    }

    /// How many pixels differ from another picture of the same size; all of them if the sizes differ.
    #[must_use]
    pub fn differing(&self, other: &Self) -> usize {
        if (self.width, self.height) != (other.width, other.height) {
            return self.rgb.len() / 3;
        }
        self.rgb.chunks_exact(3).zip(other.rgb.chunks_exact(3)).filter(|(a, b)| a != b).count()
    }
}
