// A screenshot with a palette: text on plain grounds has few colours, and a picture of them is a third as large.
import { deflateSync, inflateSync, crc32 } from "node:zlib";

const BYTES = 3;

// The pixels of a PNG as a browser writes it: eight bits of red, green and blue, not interlaced.
const pixels = (png) => {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  if (png.readUInt32BE(24) !== 0x08020000 || png[28] !== 0) throw new Error("this PNG is of another kind");
  const data = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const raw = inflateSync(Buffer.concat(data));
  const row = width * BYTES;
  const out = Buffer.alloc(row * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (row + 1)];
    for (let x = 0; x < row; x++) {
      const left = x < BYTES ? 0 : out[y * row + x - BYTES];
      const above = y === 0 ? 0 : out[(y - 1) * row + x];
      const corner = x < BYTES || y === 0 ? 0 : out[(y - 1) * row + x - BYTES];
      const [a, b, c] = [Math.abs(above - corner), Math.abs(left - corner), Math.abs(left + above - 2 * corner)];
      const nearest = a <= b && a <= c ? left : b <= c ? above : corner;
      const said = [0, left, above, (left + above) >> 1, nearest][filter];
      out[y * row + x] = raw[y * (row + 1) + 1 + x] + said;
    }
  }
  return { width, height, out };
};

const chunk = (kind, data) => {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
};

// The same picture in the 256 colours that it has most of; every other becomes the nearest of them.
export const palette = (png) => {
  const { width, height, out } = pixels(png);
  const counts = new Map();
  const colour = (at) => out.readUIntBE(at * BYTES, BYTES);
  for (let at = 0; at < width * height; at++) counts.set(colour(at), (counts.get(colour(at)) ?? 0) + 1);
  const known = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, 256).map(([colour]) => colour);
  const parts = (colour) => [colour >> 16, (colour >> 8) & 255, colour & 255];
  const distance = (a, b) => parts(a).reduce((sum, part, n) => sum + (part - parts(b)[n]) ** 2, 0);
  const places = new Map(known.map((colour, place) => [colour, place]));
  for (const other of counts.keys()) {
    if (places.has(other)) continue;
    const far = known.map((one) => distance(one, other));
    places.set(other, far.indexOf(Math.min(...far)));
  }
  const rows = Buffer.alloc((width + 1) * height);
  for (let at = 0; at < width * height; at++) rows[Math.floor(at / width) * (width + 1) + 1 + (at % width)] = places.get(colour(at));
  const head = Buffer.from(png.subarray(16, 29));
  head[9] = 3;
  const colours = Buffer.from(known.flatMap(parts));
  return Buffer.concat([
    png.subarray(0, 8),
    chunk("IHDR", head),
    chunk("PLTE", colours),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
};
