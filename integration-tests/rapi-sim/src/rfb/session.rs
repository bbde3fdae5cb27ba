//! One client: its messages in, updates out.

use std::io::{Error, ErrorKind, Result};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use super::handshake;
use super::pixel::PixelFormat;
use super::screen::{Area, Screen};

/// Between two pictures.
const FRAME: Duration = Duration::from_millis(100);
/// Longest clipboard taken.
const CLIPBOARD: u32 = 1 << 20;

enum Message {
    Format(PixelFormat),
    Update { incremental: bool },
    Key { down: bool, keysym: u32 },
    Pointer { x: u16, y: u16, buttons: u8 },
    Paste(String),
}

/// Serves a client until it leaves.
pub(super) async fn run(mut stream: TcpStream, name: &str, password: Option<&str>) -> Result<()> {
    let hello = handshake::perform(&mut stream, name, password);
    tokio::time::timeout(Duration::from_secs(10), hello)
        .await
        .map_err(|_| Error::from(ErrorKind::TimedOut))??;
    let (reader, writer) = stream.into_split();
    let (sender, receiver) = mpsc::channel(64);
    tokio::select! {
        done = read(reader, sender) => done,
        done = write(writer, receiver, Screen::new(name)) => done,
    }
}

async fn read(mut reader: OwnedReadHalf, sender: mpsc::Sender<Message>) -> Result<()> {
    loop {
        let message = match reader.read_u8().await? {
            0 => {
                let mut raw = [0; 19];
                reader.read_exact(&mut raw).await?;
                let mut format = [0; 16];
                format.copy_from_slice(&raw[3..]);
                Message::Format(PixelFormat::parse(&format)?)
            }
            2 => {
                // Raw is always understood; the list only has to be read.
                reader.read_u8().await?;
                let count = reader.read_u16().await?;
                for _ in 0..count {
                    reader.read_i32().await?;
                }
                continue;
            }
            3 => {
                let incremental = reader.read_u8().await? != 0;
                reader.read_u64().await?;
                Message::Update { incremental }
            }
            4 => {
                let down = reader.read_u8().await? != 0;
                reader.read_u16().await?;
                Message::Key { down, keysym: reader.read_u32().await? }
            }
            5 => {
                let buttons = reader.read_u8().await?;
                let (x, y) = (reader.read_u16().await?, reader.read_u16().await?);
                Message::Pointer { x, y, buttons }
            }
            6 => Message::Paste(read_text(&mut reader).await?),
            other => {
                let text = format!("unknown message {other}");
                return Err(Error::new(ErrorKind::InvalidData, text));
            }
        };
        if sender.send(message).await.is_err() {
            return Ok(());
        }
    }
}

async fn read_text(reader: &mut OwnedReadHalf) -> Result<String> {
    let mut padding = [0; 3];
    reader.read_exact(&mut padding).await?;
    let length = reader.read_u32().await?;
    if length > CLIPBOARD {
        return Err(Error::new(ErrorKind::InvalidData, "clipboard is too long"));
    }
    let mut text = vec![0; usize::try_from(length).unwrap_or(0)];
    reader.read_exact(&mut text).await?;
    // RFB's clipboard is Latin-1.
    Ok(text.into_iter().map(char::from).collect())
}

async fn write(
    mut writer: OwnedWriteHalf,
    mut messages: mpsc::Receiver<Message>,
    mut screen: Screen,
) -> Result<()> {
    let mut format = PixelFormat::NATIVE;
    let mut wanted = false;
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                None => return Ok(()),
                Some(Message::Format(new)) => format = new,
                Some(Message::Key { down, keysym }) => if down { screen.key(keysym) },
                Some(Message::Pointer { x, y, buttons }) => screen.pointer(x, y, buttons),
                Some(Message::Paste(text)) => screen.paste(&text),
                Some(Message::Update { incremental }) => {
                    wanted = true;
                    if !incremental {
                        // Whoever only ever asks for all of it sees it move too.
                        screen.animate();
                        screen.dirty = vec![Area::ALL];
                    }
                }
            },
            _ = frames.tick(), if wanted && screen.dirty.is_empty() => screen.animate(),
        }
        if wanted && !screen.dirty.is_empty() {
            let areas = std::mem::take(&mut screen.dirty);
            writer.write_all(&encode(&screen, &areas, format)).await?;
            wanted = false;
        }
    }
}

fn encode(screen: &Screen, areas: &[Area], format: PixelFormat) -> Vec<u8> {
    let mut areas = areas.to_vec();
    areas.dedup();
    if areas.contains(&Area::ALL) {
        areas = vec![Area::ALL];
    }
    let short = |n: usize| u16::try_from(n).unwrap_or(0).to_be_bytes();
    let mut out = vec![0, 0];
    out.extend_from_slice(&short(areas.len()));
    for area in areas {
        for n in [area.x, area.y, area.width, area.height] {
            out.extend_from_slice(&short(n));
        }
        out.extend_from_slice(&0_i32.to_be_bytes());
        for y in area.y..area.y + area.height {
            for x in area.x..area.x + area.width {
                format.put(screen.pixel(x, y), &mut out);
            }
        }
    }
    out
}
