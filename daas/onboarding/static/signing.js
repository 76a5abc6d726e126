// Signs a call as the Direct scheme does. No page, no network: text and bytes alone.

/** Writes bytes in base64. */
export const base64 = (bytes) => btoa(String.fromCharCode(...bytes));

/** Writes bytes in lower-case hexadecimal. */
export const hexadecimal = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The ways to write a hash; the server takes those that are `accepted`. */
export const ENCODINGS = [
  { name: "base64 of the hexadecimal text", accepted: true, encode: (hash) => btoa(hexadecimal(hash)) },
  { name: "base64 of the raw bytes", accepted: true, encode: base64 },
  { name: "the hexadecimal text itself", accepted: false, encode: hexadecimal },
];

/**
 * The scheme of the calls for messages, as a value: the word of its header, what a part of its string to sign is called
 * and what joins them, the ways to write a hash, and functions that give the parts of a call and of a string.
 */
export const DIRECT = {
  word: "DAAS",
  part: "line",
  joint: "\n",
  encodings: ENCODINGS,
  parts: linesToSign,
  split: (string) => string.split("\n"),
};

/** Lists the lines of a call's string to sign, each with its name; what is not sent (undefined) has no line. */
export function linesToSign({ method, date, contentMd5, contentType, uri }) {
  return [
    { name: "method", text: method },
    { name: "date", text: date },
    { name: "Content-MD5", text: contentMd5 },
    { name: "content type", text: contentType && withoutBoundary(contentType) },
    { name: "URI", text: uri },
  ].filter(({ text }) => text !== undefined);
}

/** Computes the HMAC-SHA256 of a text of one byte a character, under a private key's own text. */
export async function hmac(privateKey, text) {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(privateKey), algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, Uint8Array.from(text, (c) => c.charCodeAt(0))));
}

function withoutBoundary(contentType) {
  return contentType.replace(/[ \t]*;[ \t]*boundary[ \t]*=[ \t]*("(\\.|[^"\\])*"|[^ \t;"]*)/gi, "");
}
