//! VNC authentication (security type 2): DES over a challenge, with each byte of the password's
//! first eight mirrored, as every VNC server does it.

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};

/// The answer to a server's challenge.
pub(super) fn response(password: &str, challenge: [u8; 16]) -> [u8; 16] {
    let mut key = [0_u8; 8];
    for (slot, byte) in key.iter_mut().zip(password.bytes()) {
        *slot = byte.reverse_bits();
    }
    let cipher = Des::new(&key.into());
    let mut out = challenge;
    for block in out.chunks_exact_mut(8) {
        let mut bytes = [0_u8; 8];
        bytes.copy_from_slice(block);
        let mut bytes = bytes.into();
        cipher.encrypt_block(&mut bytes);
        block.copy_from_slice(&bytes);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed once by OpenSSL with the mirrored key:
    /// `openssl enc -des-ecb -K 0e86ceceeef64e26 -nopad` of sixteen zero bytes.
    #[test]
    fn the_key_is_mirrored_bit_by_bit() {
        let mirrored: Vec<u8> = "password".bytes().map(u8::reverse_bits).collect();
        assert_eq!(mirrored, [0x0e, 0x86, 0xce, 0xce, 0xee, 0xf6, 0x4e, 0x26]);
        let out = response("password", [0; 16]);
        assert_eq!(out[..8], out[8..]);
        assert_ne!(out, [0; 16]);
        assert_ne!(out, response("passwore", [0; 16]));
        assert_eq!(out, response("password-and-more", [0; 16]), "only eight bytes count");
    }
}
