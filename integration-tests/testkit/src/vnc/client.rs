use std::io::{self, ErrorKind};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Frame, challenge_response};

const SECURITY_NONE: u8 = 1;
const SECURITY_VNC: u8 = 2;
const RAW: i32 = 0;
const DESKTOP_SIZE: i32 = -223;
/// Longest name or reason taken from a server.
const LONGEST_TEXT: u32 = 4096;

/// A connected viewer.
#[derive(Debug)]
pub struct VncClient<S> {
    stream: S,
    name: String,
    width: u16,
    height: u16,
    security: u8,
}

impl<S: AsyncRead + AsyncWrite + Unpin> VncClient<S> {
    /// Shakes hands; with a password VNC authentication is used if the server offers it.
    pub async fn connect(mut stream: S, password: Option<&str>) -> io::Result<Self> {
        let mut version = [0; 12];
        stream.read_exact(&mut version).await?;
        if &version != b"RFB 003.008\n" {
            return Err(bad(format!("version {:?}", String::from_utf8_lossy(&version))));
        }
        stream.write_all(&version).await?;
        let security = authenticate(&mut stream, password).await?;
        stream.write_u8(1).await?; // shared: other viewers stay
        let width = stream.read_u16().await?;
        let height = stream.read_u16().await?;
        stream.read_exact(&mut [0; 16]).await?; // its own pixel format: we ask for ours
        let name = text(&mut stream).await?;
        let mut client = Self { stream, name, width, height, security };
        client.ask_for_our_format().await?;
        Ok(client)
    }

    /// What the server calls the desktop (QEMU: `QEMU (name)`).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The security type that was used: 1 none, 2 VNC password.
    #[must_use]
    pub fn security(&self) -> u8 {
        self.security
    }

    /// Reads one whole picture.
    pub async fn frame(&mut self) -> io::Result<Frame> {
        let mut frame = Frame::blank(self.width, self.height);
        self.request_all().await?;
        let mut missing = frame.rgb.len() / 3;
        while missing > 0 {
            if !self.next_update().await? {
                continue;
            }
            let rectangles = self.stream.read_u16().await?;
            for _ in 0..rectangles {
                let x = self.stream.read_u16().await?;
                let y = self.stream.read_u16().await?;
                let width = self.stream.read_u16().await?;
                let height = self.stream.read_u16().await?;
                match self.stream.read_i32().await? {
                    RAW => {
                        let pixels = usize::from(width) * usize::from(height);
                        let mut buffer = vec![0; pixels * 4];
                        self.stream.read_exact(&mut buffer).await?;
                        frame.put(x, y, width, &buffer);
                        missing = missing.saturating_sub(pixels);
                    }
                    DESKTOP_SIZE => {
                        (self.width, self.height) = (width, height);
                        frame = Frame::blank(width, height);
                        missing = frame.rgb.len() / 3;
                        self.request_all().await?;
                    }
                    other => return Err(bad(format!("encoding {other}, never asked for"))),
                }
            }
        }
        Ok(frame)
    }

    /// Presses or lets go of a key, by its X keysym.
    pub async fn key(&mut self, keysym: u32, down: bool) -> io::Result<()> {
        let mut message = vec![4, u8::from(down), 0, 0];
        message.extend(keysym.to_be_bytes());
        self.send(&message).await
    }

    /// Types Latin-1 text; a line end is the Return key.
    pub async fn type_text(&mut self, text: &str) -> io::Result<()> {
        for letter in text.chars() {
            let keysym = if letter == '\n' { 0xff0d } else { u32::from(letter) };
            self.key(keysym, true).await?;
            self.key(keysym, false).await?;
        }
        Ok(())
    }

    /// Moves the pointer; `buttons` has a bit for each one held down.
    pub async fn pointer(&mut self, x: u16, y: u16, buttons: u8) -> io::Result<()> {
        let ([x0, x1], [y0, y1]) = (x.to_be_bytes(), y.to_be_bytes());
        self.send(&[5, buttons, x0, x1, y0, y1]).await
    }

    /// The stream, for tests that end it or send nonsense.
    pub fn into_inner(self) -> S {
        self.stream
    }

    async fn ask_for_our_format(&mut self) -> io::Result<()> {
        // 32 bits a pixel, depth 24, little-endian, true colour, 8 bits each at 16, 8 and 0.
        let format = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
        let mut message = vec![0, 0, 0, 0];
        message.extend(format);
        message.extend([2, 0, 0, 2]);
        message.extend(RAW.to_be_bytes());
        message.extend(DESKTOP_SIZE.to_be_bytes());
        self.send(&message).await
    }

    async fn request_all(&mut self) -> io::Result<()> {
        let mut message = vec![3, 0, 0, 0, 0, 0];
        message.extend(self.width.to_be_bytes());
        message.extend(self.height.to_be_bytes());
        self.send(&message).await
    }

    /// Reads one message; true when it is a picture update, whose rectangles come next.
    async fn next_update(&mut self) -> io::Result<bool> {
        match self.stream.read_u8().await? {
            0 => self.stream.read_u8().await.map(|_| true),
            2 => Ok(false), // bell
            3 => {
                self.stream.read_exact(&mut [0; 3]).await?;
                text(&mut self.stream).await.map(|_| false) // somebody's clipboard
            }
            other => Err(bad(format!("message type {other}"))),
        }
    }

    async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.stream.write_all(message).await?;
        self.stream.flush().await
    }
}

async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    password: Option<&str>,
) -> io::Result<u8> {
    let count = stream.read_u8().await?;
    if count == 0 {
        return Err(io::Error::new(ErrorKind::ConnectionRefused, text(stream).await?));
    }
    let mut offered = vec![0; usize::from(count)];
    stream.read_exact(&mut offered).await?;
    let security = match password {
        Some(_) if offered.contains(&SECURITY_VNC) => SECURITY_VNC,
        _ if offered.contains(&SECURITY_NONE) => SECURITY_NONE,
        _ => return Err(bad(format!("security types {offered:?} only"))),
    };
    stream.write_all(&[security]).await?;
    stream.flush().await?;
    if let (SECURITY_VNC, Some(password)) = (security, password) {
        let mut challenge = [0; 16];
        stream.read_exact(&mut challenge).await?;
        stream.write_all(&challenge_response(password, challenge)).await?;
        stream.flush().await?;
    }
    if stream.read_u32().await? == 0 {
        Ok(security)
    } else {
        Err(io::Error::new(ErrorKind::PermissionDenied, text(stream).await?))
    }
}

async fn text<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<String> {
    let length = stream.read_u32().await?;
    if length > LONGEST_TEXT {
        return Err(bad(format!("a text of {length} bytes")));
    }
    let mut bytes = vec![0; usize::try_from(length).expect("at most 4096")];
    stream.read_exact(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn bad(what: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
