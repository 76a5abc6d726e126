// Signs requests as the DAAS scheme does, with what the browser brings. Keys come in as text and stay here.

// A header that is not sent is undefined: it has no line. The content type is given without its boundary.
export function stringToSign({ method, date, contentMd5, contentType, uri }) {
  return [method.toUpperCase(), date, contentMd5, contentType, uri].filter((line) => line !== undefined).join("\n");
}

export async function hashOf(privateKey, text) {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes(privateKey), algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign(algorithm, key, bytes(text)));
}

// The two ways to write the hash; a server reads both.
export function base64OfHex(hash) {
  return btoa([...hash].map((byte) => byte.toString(16).padStart(2, "0")).join(""));
}

export function base64OfRaw(hash) {
  return btoa(String.fromCharCode(...hash));
}

export async function authorization(publicKey, privateKey, request) {
  return `DAAS ${publicKey}:${base64OfHex(await hashOf(privateKey, stringToSign(request)))}`;
}

// Text in a header is one character per byte.
function bytes(text) {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
