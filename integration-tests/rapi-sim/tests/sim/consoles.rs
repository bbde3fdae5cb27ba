use std::net::SocketAddr;
use std::time::Duration;

use des::cipher::{BlockCipherEncrypt, KeyInit};
use gwm_rapi_sim::{Outside, SimCluster};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::quick;

/// A running instance with VNC, and where its server is.
fn console(c: &SimCluster) -> (String, SocketAddr) {
    c.look(|c| {
        let found = c.instances.values().find(|i| c.status(i) == "running" && i.has_vnc()).unwrap();
        let node = &c.nodes[&found.pnode];
        (found.name.clone(), SocketAddr::from((node.pip, found.network_port.unwrap())))
    })
}

/// Connects as soon as the server is there.
async fn connect(address: SocketAddr) -> TcpStream {
    loop {
        match TcpStream::connect(address).await {
            Ok(stream) => return stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Greets and answers the challenge; true when let in.
async fn login(stream: &mut TcpStream, password: &[u8; 8]) -> bool {
    let mut version = [0; 12];
    stream.read_exact(&mut version).await.unwrap();
    assert_eq!(&version, b"RFB 003.008\n");
    stream.write_all(&version).await.unwrap();
    let mut types = [0; 2];
    stream.read_exact(&mut types).await.unwrap();
    assert_eq!(types, [1, 2], "VNC authentication only");
    stream.write_all(&[2]).await.unwrap();
    let mut challenge = [0; 16];
    stream.read_exact(&mut challenge).await.unwrap();
    let key = password.map(u8::reverse_bits);
    let cipher = des::Des::new(&key.into());
    for half in challenge.chunks_exact_mut(8) {
        let mut block = [0; 8];
        block.copy_from_slice(half);
        let mut block = block.into();
        cipher.encrypt_block(&mut block);
        half.copy_from_slice(&block);
    }
    stream.write_all(&challenge).await.unwrap();
    stream.read_u32().await.unwrap() == 0
}

/// Asks for an update and reads its rectangles: x, y, width, height.
async fn update(stream: &mut TcpStream, incremental: bool) -> Vec<[u16; 4]> {
    let ask = [3, u8::from(incremental), 0, 0, 0, 0, 0x02, 0xd0, 0x01, 0x90];
    stream.write_all(&ask).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), 0);
    stream.read_u8().await.unwrap();
    let count = stream.read_u16().await.unwrap();
    let mut areas = Vec::new();
    for _ in 0..count {
        let mut area = [0; 4];
        for n in &mut area {
            *n = stream.read_u16().await.unwrap();
        }
        assert_eq!(stream.read_i32().await.unwrap(), 0, "raw");
        let mut pixels = vec![0; usize::from(area[2]) * usize::from(area[3]) * 4];
        stream.read_exact(&mut pixels).await.unwrap();
        areas.push(area);
    }
    areas
}

async fn enter(stream: &mut TcpStream, name: &str) {
    assert!(login(stream, b"vncpass1").await);
    stream.write_all(&[1]).await.unwrap();
    let size = (stream.read_u16().await.unwrap(), stream.read_u16().await.unwrap());
    assert_eq!(size, (720, 400));
    let mut format = [0; 16];
    stream.read_exact(&mut format).await.unwrap();
    let length = stream.read_u32().await.unwrap();
    let mut title = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut title).await.unwrap();
    assert_eq!(String::from_utf8(title).unwrap(), format!("QEMU ({name})"));
}

#[tokio::test]
async fn a_running_instance_shows_a_moving_picture_and_echoes_keys() {
    let sim = quick().await;
    let (name, address) = console(&sim.clusters()[0]);
    let mut stream = connect(address).await;
    enter(&mut stream, &name).await;
    assert_eq!(update(&mut stream, false).await, [[0, 0, 720, 400]]);
    let moved = update(&mut stream, true).await;
    assert!(moved.iter().all(|a| a[3] < 400), "{moved:?}");
    stream.write_all(&[4, 1, 0, 0, 0, 0, 0, b'x']).await.unwrap();
    loop {
        let typed = update(&mut stream, true).await;
        if typed.iter().any(|a| a[1] == 150) {
            break;
        }
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let sim = quick().await;
    let (_, address) = console(&sim.clusters()[0]);
    let mut stream = connect(address).await;
    assert!(!login(&mut stream, b"wrongpwd").await);
    sim.stop().await;
}

#[tokio::test]
async fn a_shutdown_closes_the_console_and_a_reboot_makes_a_new_one() {
    let sim = quick().await;
    let c = &sim.clusters()[0];
    let (name, address) = console(c);
    let mut stream = connect(address).await;
    enter(&mut stream, &name).await;
    c.outside(Outside::Reboot { instance: name.clone() }).await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.ok();
    let mut stream = connect(address).await;
    enter(&mut stream, &name).await;
    c.outside(Outside::Stop { instance: name }).await.unwrap();
    stream.read_to_end(&mut rest).await.ok();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    sim.stop().await;
}
