// Move a message, from a page in a browser.
// Never put a private key in the page: anyone who opens the page can read it. Let users enter their own.

/**
 * Return the Response.
 * `md5` must return the 16 bytes of the MD5 of a Uint8Array, which browsers cannot compute themselves.
 * Without `md5`, no Content-MD5 is sent.
 */
export async function moveMessage(url, publicKey, privateKey, mailbox, id, folder, md5) {
  const uri = "/direct/messages/move/format/json";
  const contentType = "application/x-www-form-urlencoded";
  const bytes = (text) => new TextEncoder().encode(text);
  const body = bytes(new URLSearchParams({ mailbox, id, folder }).toString());
  // Scripts in browsers cannot set Date.
  const date = new Date().toUTCString();
  const headers = { "X-Daas-Date": date, "Content-Type": contentType };
  const lines = ["POST", date, contentType, uri];
  if (md5) {
    headers["Content-MD5"] = btoa(String.fromCharCode(...md5(body)));
    lines.splice(2, 0, headers["Content-MD5"]);
  }

  const hmac = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes(privateKey), hmac, false, ["sign"]);
  const hash = new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes(lines.join("\n"))));
  const hexadecimal = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  headers.Authorization = `DAAS ${publicKey}:${btoa(hexadecimal)}`;

  return fetch(url + uri, { method: "POST", headers, body });
}
