// Sign a request for lists and contacts as the server expects it first: only text, no page, no network.

import { base64, hexadecimal } from "./signing.js";

const NO_DATA = '{"posted_data":"[]"}';
const NOTHING_POSTED = ["", "[]", "{}", NO_DATA, '{"posted_data":"null"}'];

/** The scheme; see DIRECT in signing.js. */
export const RCWS = {
  word: "RCWS",
  part: "part",
  joint: "::",
  anchor: "lists",
  encodings: [
    { name: "hexadecimal text", accepted: true, encode: hexadecimal },
    { name: "hexadecimal text in upper case", accepted: true, encode: (hash) => hexadecimal(hash).toUpperCase() },
    { name: "base64 of the raw bytes", accepted: true, encode: base64 },
    { name: "base64 of the hexadecimal text", accepted: false, encode: (hash) => btoa(hexadecimal(hash)) },
  ],
  parts: partsToSign,
  split: (string) => (/^(.*?)::(.*?)::(.*)$/s.exec(string) ?? [string, string]).slice(1),
};

/**
 * Return the parts of a request's string to sign, each with its name, in lower case.
 *
 * `posted` is the body as canonical() returns it, or undefined.
 */
export function partsToSign({ method, uri, posted = "" }) {
  const [path, query] = uri.split(/\?(.*)/s);
  const sorted = (query ?? "").split("&").sort((one, other) => compare(one.split("=")[0], other.split("=")[0]));
  const json = NOTHING_POSTED.includes(posted.trim()) ? NO_DATA : posted;
  return [
    { name: "method", text: method },
    { name: "URL", text: query ? `${path}?${sorted.join("&")}` : path },
    { name: "JSON", text: escaped(json) },
  ].map(({ name, text }) => ({ name, text: text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) }));
}

/** Return the text of a JSON object with its keys sorted and no spaces; any other text stays as it is. */
export function canonical(text) {
  const object = readObject(text);
  return object ? objectOf(Object.entries(object)) : text;
}

/** Return names and values as a JSON object with its keys sorted; equal names stay in their order. */
export function objectOf(pairs) {
  // By hand, since a JavaScript object puts names that are numbers first, and has no name twice.
  const sorted = [...pairs].sort(([one], [other]) => compare(bytes(one), bytes(other)));
  return `{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
}

const compare = (one, other) => (one < other ? -1 : Number(one > other));
const bytes = (text) => hexadecimal(new TextEncoder().encode(text));

function readObject(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** Return JSON with a slash, DEL and what is not ASCII escaped, as the server does first; of what is no object, a character for each byte. */
function escaped(text) {
  if (!readObject(text)) {
    return String.fromCharCode(...new TextEncoder().encode(text));
  }
  const slashes = text.replaceAll("/", "\\/");
  return slashes.replace(/[^\0-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
