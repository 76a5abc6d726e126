// Sign a request by the Direct scheme: only text and bytes, no page, no network.

/** Return bytes in base64. */
export const base64 = (bytes) => btoa(String.fromCharCode(...bytes));

/** Return bytes in lower-case hexadecimal. */
export const hexadecimal = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The encodings of a hash; the server accepts those that are `accepted`. */
export const ENCODINGS = [
  { name: "base64 of the hexadecimal text", accepted: true, encode: (hash) => btoa(hexadecimal(hash)) },
  { name: "base64 of the raw bytes", accepted: true, encode: base64 },
  { name: "the hexadecimal text itself", accepted: false, encode: hexadecimal },
];

/**
 * The scheme of the calls for messages, as a value: the word of its header, what a part of its string to sign is called
 * and what joins them, the encodings of a hash, and functions that return the parts of a request and of a string.
 */
export const DIRECT = {
  word: "DAAS",
  part: "line",
  joint: "\n",
  encodings: ENCODINGS,
  parts: linesToSign,
  split: (string) => string.split("\n"),
};

/** Return the lines of a request's string to sign, each with its name; a header that is not sent (undefined) has none. */
export function linesToSign({ method, date, contentMd5, contentType, uri }) {
  return [
    { name: "method", text: method },
    { name: "date", text: date },
    { name: "Content-MD5", text: contentMd5 },
    { name: "content type", text: contentType && withoutBoundary(contentType) },
    { name: "URI", text: uri },
  ].filter(({ text }) => text !== undefined);
}

/** Return the HMAC-SHA256 of a text with one byte per character; the key is the private key's text. */
export async function hmac(privateKey, text) {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(privateKey), algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, Uint8Array.from(text, (c) => c.charCodeAt(0))));
}

function withoutBoundary(contentType) {
  return contentType.replace(/[ \t]*;[ \t]*boundary[ \t]*=[ \t]*("(\\.|[^"\\])*"|[^ \t;"]*)/gi, "");
}
