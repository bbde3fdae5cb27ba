//! Consoles through the firewall, without passwords.
