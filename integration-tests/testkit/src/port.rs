use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// A free TCP port on loopback, held by a bound listener: nobody else can take it in between.
#[derive(Debug)]
pub struct ReservedPort {
    listener: TcpListener,
    address: SocketAddr,
}

impl ReservedPort {
    /// Any free port.
    pub fn any() -> io::Result<Self> {
        Self::exactly(0)
    }

    /// This port if it is free, else any other.
    pub fn preferring(port: u16) -> io::Result<Self> {
        Self::exactly(port).or_else(|_| Self::any())
    }

    fn exactly(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The number.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The address to connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands the listener over to whoever serves on it in this process.
    #[must_use]
    pub fn into_listener(self) -> TcpListener {
        self.listener
    }

    /// Gives the port up for another process to bind: do it directly before starting that one.
    #[must_use]
    pub fn release(self) -> u16 {
        self.address.port()
    }
}
