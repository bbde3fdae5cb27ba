use gwm_testkit::vnc::{VncClient, challenge_response};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const CHALLENGE: [u8; 16] = *b"0123456789abcdef";

/// The start of an RFB server's conversation: a 2 x 2 desktop, with or without a password.
async fn greet(stream: &mut DuplexStream, password: Option<&str>) -> bool {
    stream.write_all(b"RFB 003.008\n").await.unwrap();
    stream.read_exact(&mut [0; 12]).await.unwrap();
    let security = if password.is_some() { 2 } else { 1 };
    stream.write_all(&[1, security]).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), security);
    if let Some(password) = password {
        stream.write_all(&CHALLENGE).await.unwrap();
        let mut answer = [0; 16];
        stream.read_exact(&mut answer).await.unwrap();
        if answer != challenge_response(password, CHALLENGE) {
            stream.write_all(&[0, 0, 0, 1, 0, 0, 0, 5]).await.unwrap();
            stream.write_all(b"wrong").await.unwrap();
            return false;
        }
    }
    stream.write_u32(0).await.unwrap();
    stream.read_u8().await.unwrap(); // shared
    stream.write_all(&[0, 2, 0, 2]).await.unwrap();
    stream.write_all(&[0; 16]).await.unwrap();
    stream.write_all(b"\0\0\0\x04desk").await.unwrap();
    stream.read_exact(&mut [0; 20 + 12]).await.unwrap(); // pixel format, encodings
    true
}

fn update(x: u16, y: u16, width: u16, height: u16, pixel: [u8; 4]) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 1];
    for number in [x, y, width, height] {
        message.extend(number.to_be_bytes());
    }
    message.extend([0; 4]);
    message.extend(pixel.repeat(usize::from(width) * usize::from(height)));
    message
}

#[tokio::test]
async fn a_picture_sent_in_pieces_is_put_together() {
    let (near, mut far) = tokio::io::duplex(4096);
    let server = tokio::spawn(async move {
        greet(&mut far, Some("sesame")).await;
        far.read_exact(&mut [0; 10]).await.unwrap();
        far.write_all(&[2]).await.unwrap(); // a bell in between
        far.write_all(&update(0, 0, 2, 1, [3, 2, 1, 0])).await.unwrap();
        far.write_all(&update(0, 1, 2, 1, [6, 5, 4, 0])).await.unwrap();
        let mut key = [0; 16];
        far.read_exact(&mut key).await.unwrap();
        key
    });
    let mut client = VncClient::connect(near, Some("sesame")).await.unwrap();
    let frame = client.frame().await.unwrap();
    assert_eq!((client.name(), client.security()), ("desk", 2));
    assert_eq!(frame.rgb, [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]);
    assert_eq!((frame.colours(), frame.pixel(1, 1)), (2, Some([4, 5, 6])));
    client.type_text("A").await.unwrap();
    let key = server.await.unwrap();
    assert_eq!(key, [4, 1, 0, 0, 0, 0, 0, 65, 4, 0, 0, 0, 0, 0, 0, 65]);
}

#[tokio::test]
async fn a_wrong_password_is_told_in_the_servers_words() {
    let (near, mut far) = tokio::io::duplex(4096);
    let server = tokio::spawn(async move { greet(&mut far, Some("sesame")).await });
    let error = VncClient::connect(near, Some("barley")).await.unwrap_err();
    assert_eq!(error.to_string(), "wrong");
    assert!(!server.await.unwrap());
}

#[test]
fn the_answer_to_a_challenge_is_des_with_reversed_bits() {
    let answer = challenge_response("", [0; 16]);
    // DES of zeros under a key of zeros, from FIPS 46's test tables.
    assert_eq!(answer[..8], [0x8c, 0xa6, 0x4d, 0xe9, 0xc1, 0xb1, 0x23, 0xa7]);
    assert_ne!(
        challenge_response("password", CHALLENGE),
        challenge_response("passwore", CHALLENGE)
    );
    assert_eq!(
        challenge_response("password", CHALLENGE),
        challenge_response("passwordXX", CHALLENGE)
    );
}
