// Serves drawn pages (examples/gallery.rs) and the built assets under the gateway's Content-Security-Policy.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self' ws: wss:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const TYPES = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
const dist = fileURLToPath(new URL("../dist", import.meta.url));

/** Starts it on a free port; `api` may answer /api/… itself by returning true. */
export async function serve(pages, api = () => false) {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://localhost");
    if (url.pathname.startsWith("/api/")) {
      if (!(await api(request, response, url))) {
        response.writeHead(url.pathname.endsWith("/events") ? 204 : 404).end();
      }
      return;
    }
    const file = url.pathname.startsWith("/assets/")
      ? join(dist, url.pathname.slice(8))
      : join(pages, `${url.pathname.slice(1) || "overview"}.html`);
    try {
      const body = await readFile(file);
      response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "text/plain", "Content-Security-Policy": CSP });
      response.end(body);
    } catch {
      response.writeHead(404).end("not found");
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://localhost:${server.address().port}`, close: () => server.close() };
}
