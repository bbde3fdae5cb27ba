use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};

/// The answer to a VNC server's challenge: DES under the password, each key byte's bits reversed.
#[must_use]
pub fn challenge_response(password: &str, challenge: [u8; 16]) -> [u8; 16] {
    let cipher = Des::new(&vnc_key(password).into());
    let mut answer = [0; 16];
    for (from, to) in challenge.chunks_exact(8).zip(answer.chunks_exact_mut(8)) {
        let mut block = <[u8; 8]>::try_from(from).expect("chunks of eight").into();
        cipher.encrypt_block(&mut block);
        to.copy_from_slice(&block);
    }
    answer
}

/// VNC looks at the first eight bytes only, and takes them with their bits in reverse.
#[must_use]
pub fn vnc_key(password: &str) -> [u8; 8] {
    let mut key = [0; 8];
    for (to, from) in key.iter_mut().zip(password.bytes()) {
        *to = from.reverse_bits();
    }
    key
}
