//! The picture: colour bars, the instance's name, what was typed, something that moves.

use super::font;

/// Width in pixels, as a text console.
pub(super) const WIDTH: u16 = 720;
/// Height in pixels.
pub(super) const HEIGHT: u16 = 400;

const BACK: u32 = 0x0010_1828;
const TEXT: u32 = 0x00d0_d8e0;
const DIM: u32 = 0x0060_7080;
const BARS: [u32; 8] = [
    0x00c0_c0c0,
    0x00c0_c000,
    0x0000_c0c0,
    0x0000_c000,
    0x00c0_00c0,
    0x00c0_0000,
    0x0000_00c0,
    0x0020_2020,
];
const TYPED_TOP: usize = 150;
const TYPED_LINES: usize = 7;
const TYPED_COLUMNS: usize = 58;
const STRIP_TOP: usize = 330;
const POINTER_TOP: usize = 376;

/// A part of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Area {
    /// All of it.
    pub(super) const ALL: Self =
        Self { x: 0, y: 0, width: WIDTH as usize, height: HEIGHT as usize };

    /// Rows over the whole width.
    fn rows(y: usize, height: usize) -> Self {
        Self { x: 0, y, width: WIDTH.into(), height }
    }
}

/// The picture of one session.
pub(super) struct Screen {
    pixels: Vec<u32>,
    typed: Vec<String>,
    tick: usize,
    /// Parts changed since they were last sent.
    pub(super) dirty: Vec<Area>,
}

impl Screen {
    /// The first picture of an instance.
    pub(super) fn new(name: &str) -> Self {
        let mut screen = Self {
            pixels: vec![BACK; Area::ALL.width * Area::ALL.height],
            typed: vec![String::new()],
            tick: 0,
            dirty: Vec::new(),
        };
        for (index, colour) in BARS.iter().enumerate() {
            screen.fill(Area { x: index * 90, y: 0, width: 90, height: 24 }, *colour);
        }
        let size = if name.len() <= 38 { 3 } else { 2 };
        screen.text(12, 40, size, TEXT, name);
        screen.text(12, 84, 2, DIM, "Simulated console. Type something:");
        screen.show_typed();
        screen.animate();
        screen.dirty = vec![Area::ALL];
        screen
    }

    /// Colour of a point.
    pub(super) fn pixel(&self, x: usize, y: usize) -> u32 {
        self.pixels.get(y * Area::ALL.width + x).copied().unwrap_or(BACK)
    }

    /// Moves what moves.
    pub(super) fn animate(&mut self) {
        self.tick += 1;
        let strip = Area::rows(STRIP_TOP, 32);
        self.fill(strip, BACK);
        let span = Area::ALL.width - 96;
        let phase = self.tick * 12 % (2 * span);
        let x = if phase < span { phase } else { 2 * span - phase };
        let colour = BARS[self.tick / 10 % 7];
        self.fill(Area { x, y: STRIP_TOP + 4, width: 96, height: 24 }, colour);
        let count = format!("{:06}", self.tick);
        self.text(x + 12, STRIP_TOP + 8, 2, BACK, &count);
        self.dirty.push(strip);
    }

    /// Echoes a key that was pressed.
    pub(super) fn key(&mut self, keysym: u32) {
        match keysym {
            0xff0d | 0xff8d => self.typed.push(String::new()),
            0xff08 => drop(self.typed.last_mut().and_then(String::pop)),
            32..=126 => self.echo(char::from_u32(keysym).unwrap_or('?')),
            _ => return,
        }
        self.show_typed();
    }

    /// Echoes pasted text.
    pub(super) fn paste(&mut self, text: &str) {
        for character in text.chars().take(TYPED_COLUMNS * TYPED_LINES) {
            match character {
                '\n' => self.typed.push(String::new()),
                other => self.echo(other),
            }
        }
        self.show_typed();
    }

    /// Shows where the pointer is.
    pub(super) fn pointer(&mut self, x: u16, y: u16, buttons: u8) {
        let area = Area::rows(POINTER_TOP, 16);
        self.fill(area, BACK);
        let text = format!("pointer {x},{y} buttons {buttons}");
        self.text(12, POINTER_TOP, 2, DIM, &text);
        self.dirty.push(area);
    }

    fn echo(&mut self, character: char) {
        if self.typed.last().is_none_or(|line| line.len() >= TYPED_COLUMNS) {
            self.typed.push(String::new());
        }
        if let Some(line) = self.typed.last_mut() {
            line.push(if character.is_ascii() { character } else { '?' });
        }
    }

    fn show_typed(&mut self) {
        let excess = self.typed.len().saturating_sub(TYPED_LINES);
        self.typed.drain(..excess);
        let area = Area::rows(TYPED_TOP, TYPED_LINES * 22);
        self.fill(area, BACK);
        let lines: Vec<String> = self.typed.clone();
        for (index, line) in lines.iter().enumerate() {
            let cursor = if index + 1 == lines.len() { "_" } else { "" };
            self.text(12, TYPED_TOP + index * 22, 2, TEXT, &format!("> {line}{cursor}"));
        }
        self.dirty.push(area);
    }

    fn fill(&mut self, area: Area, colour: u32) {
        for y in area.y..area.y + area.height {
            let start = y * Area::ALL.width + area.x;
            if let Some(row) = self.pixels.get_mut(start..start + area.width) {
                row.fill(colour);
            }
        }
    }

    fn text(&mut self, x: usize, y: usize, size: usize, colour: u32, text: &str) {
        for (index, character) in text.chars().enumerate() {
            let left = x + index * 6 * size;
            if left + 5 * size > Area::ALL.width {
                return;
            }
            for (px, py) in (0..5).flat_map(|px| (0..8).map(move |py| (px, py))) {
                if font::point(character, px, py) {
                    let (x, y) = (left + px * size, y + py * size);
                    self.fill(Area { x, y, width: size, height: size }, colour);
                }
            }
        }
    }
}
