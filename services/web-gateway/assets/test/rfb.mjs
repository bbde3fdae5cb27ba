// A WebSocket server that speaks just enough RFB 3.8 for the console island: one green picture, keys are noted.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

const SIDE = 64;

function frame(opcode, payload) {
  const head = payload.length < 126 ? Buffer.from([0x80 | opcode, payload.length]) : Buffer.from([0x80 | opcode, 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([head, payload]);
}

function serverInit() {
  const name = Buffer.from("test");
  const init = Buffer.alloc(24 + name.length);
  init.writeUInt16BE(SIDE, 0);
  init.writeUInt16BE(SIDE, 2);
  init.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0], 4);
  init.writeUInt32BE(name.length, 20);
  name.copy(init, 24);
  return init;
}

function picture() {
  const update = Buffer.alloc(16 + SIDE * SIDE * 4);
  update.writeUInt16BE(1, 2);
  update.writeUInt16BE(SIDE, 8);
  update.writeUInt16BE(SIDE, 10);
  for (let n = 0; n < SIDE * SIDE; n++) update.set([20, 230, 20, 0], 16 + n * 4);
  return update;
}

/** How long a client's message is, by its first bytes; 0 when not known yet. */
function lengthOf(data) {
  switch (data[0]) {
    case 0: return 20;
    case 2: return data.length >= 4 ? 4 + 4 * data.readUInt16BE(2) : 0;
    case 3: return 10;
    case 4: return 8;
    case 5: return 6;
    case 6: return data.length >= 8 ? 8 + Math.abs(data.readInt32BE(4)) : 0;
    default: throw new Error(`message ${data[0]}`);
  }
}

export async function rfbServer() {
  const state = { protocols: [], keys: [], socket: undefined };
  const server = createServer();
  server.on("upgrade", (request, socket) => {
    state.socket = socket;
    state.protocols = (request.headers["sec-websocket-protocol"] ?? "").split(/,\s*/);
    const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: binary\r\n\r\n`);
    const send = (bytes) => socket.write(frame(2, Buffer.from(bytes)));
    send("RFB 003.008\n");
    let raw = Buffer.alloc(0);
    let data = Buffer.alloc(0);
    let step = 0;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      raw = Buffer.concat([raw, chunk]);
      for (;;) {
        if (raw.length < 6) break;
        let size = raw[1] & 127;
        let at = 2;
        if (size === 126) [size, at] = [raw.readUInt16BE(2), 4];
        if (raw.length < at + 4 + size) break;
        const mask = raw.subarray(at, at + 4);
        const payload = Buffer.from(raw.subarray(at + 4, at + 4 + size).map((byte, n) => byte ^ mask[n % 4]));
        if ((raw[0] & 15) === 2) data = Buffer.concat([data, payload]);
        raw = raw.subarray(at + 4 + size);
      }
      const handshake = [[12, [1, 1]], [1, [0, 0, 0, 0]], [1, serverInit()]];
      while (step < handshake.length && data.length >= handshake[step][0]) {
        data = data.subarray(handshake[step][0]);
        send(handshake[step++][1]);
      }
      while (step === handshake.length && data.length) {
        const length = lengthOf(data);
        if (!length || data.length < length) break;
        if (data[0] === 3 && data[1] === 0) send(picture());
        if (data[0] === 4) state.keys.push(data.readUInt32BE(4));
        data = data.subarray(length);
      }
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(state, {
    url: `ws://localhost:${server.address().port}/console`,
    end: (code, reason) => state.socket.write(frame(8, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]))),
    close: () => { state.socket?.destroy(); server.close(); },
    until: async (condition) => {
      for (let n = 0; n < 200 && !condition(); n++) await new Promise((resolve) => setTimeout(resolve, 25));
      if (!condition()) throw new Error(`keys seen: ${state.keys.join(" ")}`);
    },
  });
}
