// MD5 (RFC 1321), for Content-MD5: a browser's own cryptography has none, since it protects nothing by itself.

const SHIFTS = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
const SINES = Uint32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32));

/** Return the 16 bytes of the MD5 of a Uint8Array. */
export function md5(bytes) {
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(bytes.length) * 8n, true);

  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  for (let block = 0; block < padded.length; block += 64) {
    let [a, b, c, d] = state;
    for (let i = 0; i < 64; i++) {
      const [mixed, word] = [
        () => [(b & c) | (~b & d), i],
        () => [(d & b) | (~d & c), (5 * i + 1) % 16],
        () => [b ^ c ^ d, (3 * i + 5) % 16],
        () => [c ^ (b | ~d), (7 * i) % 16],
      ][i >> 4]();
      const sum = (a + mixed + SINES[i] + view.getUint32(block + word * 4, true)) >>> 0;
      const shift = SHIFTS[i >> 4][i % 4];
      [a, d, c, b] = [d, c, b, (b + ((sum << shift) | (sum >>> (32 - shift)))) >>> 0];
    }
    [a, b, c, d].forEach((part, i) => { state[i] += part; });
  }
  const digest = new DataView(new ArrayBuffer(16));
  state.forEach((part, i) => digest.setUint32(i * 4, part, true));
  return new Uint8Array(digest.buffer);
}
