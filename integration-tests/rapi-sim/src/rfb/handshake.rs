//! Version, security and initialisation of RFB 3.8.

use std::io::{Error, ErrorKind, Result};

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::screen::{HEIGHT, WIDTH};
use crate::rng::Rng;

/// Speaks until the client may send messages.
pub(super) async fn perform(
    stream: &mut TcpStream,
    name: &str,
    password: Option<&str>,
) -> Result<()> {
    stream.write_all(b"RFB 003.008\n").await?;
    let mut version = [0; 12];
    stream.read_exact(&mut version).await?;
    if &version != b"RFB 003.008\n" {
        return Err(Error::new(ErrorKind::InvalidData, "only RFB 3.8 is spoken"));
    }
    let kind = if password.is_some() { 2 } else { 1 };
    stream.write_all(&[1, kind]).await?;
    if stream.read_u8().await? != kind {
        return refuse(stream, "security type was not offered").await;
    }
    if let Some(password) = password
        && !authenticate(stream, password).await?
    {
        return refuse(stream, "Authentication failed").await;
    }
    stream.write_u32(0).await?;
    stream.read_u8().await?;
    let title = format!("QEMU ({name})");
    let mut init = Vec::new();
    init.extend_from_slice(&WIDTH.to_be_bytes());
    init.extend_from_slice(&HEIGHT.to_be_bytes());
    // 32 bits, depth 24, little endian, true colour, red 255<<16, green 255<<8, blue 255<<0.
    init.extend_from_slice(&[32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);
    init.extend_from_slice(&u32::try_from(title.len()).unwrap_or(0).to_be_bytes());
    init.extend_from_slice(title.as_bytes());
    stream.write_all(&init).await
}

async fn refuse(stream: &mut TcpStream, why: &str) -> Result<()> {
    let length = u32::try_from(why.len()).unwrap_or(0);
    stream.write_u32(1).await?;
    stream.write_u32(length).await?;
    stream.write_all(why.as_bytes()).await?;
    Err(Error::new(ErrorKind::PermissionDenied, why.to_owned()))
}

async fn authenticate(stream: &mut TcpStream, password: &str) -> Result<bool> {
    let mut rng = Rng::new(crate::clock::Stamp::now().nanos());
    let mut challenge = [0; 16];
    challenge[..8].copy_from_slice(&rng.next().to_be_bytes());
    challenge[8..].copy_from_slice(&rng.next().to_be_bytes());
    stream.write_all(&challenge).await?;
    let mut response = [0; 16];
    stream.read_exact(&mut response).await?;
    Ok(response == encrypt(password, challenge))
}

/// VNC's DES: the key is the password, eight bytes, each with its bits turned round.
fn encrypt(password: &str, challenge: [u8; 16]) -> [u8; 16] {
    let mut key = [0; 8];
    for (to, from) in key.iter_mut().zip(password.bytes()) {
        *to = from.reverse_bits();
    }
    let cipher = Des::new(&key.into());
    let mut out = challenge;
    for half in out.chunks_exact_mut(8) {
        let mut block = [0; 8];
        block.copy_from_slice(half);
        let mut block = block.into();
        cipher.encrypt_block(&mut block);
        half.copy_from_slice(&block);
    }
    out
}
