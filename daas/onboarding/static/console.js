// The console: signs a request as it is typed, sends it, and shows the response. Keys stay in this page.

import { asCurl, asPython } from "./code.js";
import { firstDifference } from "./difference.js";
import { md5 } from "./md5.js";
import { RCWS, canonical } from "./rcws.js";
import { DIRECT, base64, hexadecimal, hmac } from "./signing.js";

const LISTS = "/v1/lists.json";
const CONTACTS = "/v1/contacts.json";
// Names in braces, and the values in `query`, are fields of the form.
const CALLS = {
  move: { scheme: DIRECT, method: "POST", path: "/direct/messages/move/format/json" },
  folders: { scheme: DIRECT, method: "GET", path: "/direct/folders" },
  messages: { scheme: DIRECT, method: "GET", path: "/direct/messages" },
  read: { scheme: DIRECT, method: "GET", path: "/direct/messages/read" },
  history: { scheme: DIRECT, method: "GET", path: "/direct/messages/history" },
  restore: { scheme: DIRECT, method: "POST", path: "/direct/messages/restore" },
  requests: { scheme: DIRECT, method: "GET", path: "/direct/requests" },
  show_lists: { scheme: RCWS, method: "GET", path: LISTS, query: { id: "list" } },
  make_list: { scheme: RCWS, method: "POST", path: "/v1/lists/{list_name}" },
  rename_list: { scheme: RCWS, method: "POST", path: LISTS, query: { id: "list", name: "list_name" } },
  remove_list: { scheme: RCWS, method: "DELETE", path: `${LISTS}/{list}` },
  show_contacts: {
    scheme: RCWS, method: "GET", path: `${CONTACTS}/{list}/contacts/`, query: { pagesize: "pagesize", offset: "offset" },
  },
  show_contact: { scheme: RCWS, method: "GET", path: `${CONTACTS}/{list}/contact/{contact}` },
  add_contact: { scheme: RCWS, method: "POST", path: `${CONTACTS}/{list}/contacts/`, posts: true },
  change_contact: { scheme: RCWS, method: "POST", path: `${CONTACTS}/{list}/contacts/{contact}`, posts: true },
  remove_contact: { scheme: RCWS, method: "DELETE", path: `${CONTACTS}/{list}/contacts/{contact}` },
  add_contact_to_lists: { scheme: RCWS, method: "POST", path: CONTACTS, query: { lists: "lists" }, posts: true },
  find_by_address: { scheme: RCWS, method: "GET", path: CONTACTS, query: { email_address: "email_address" } },
};
// The section of the errors page for each status.
const ANCHORS = {
  400: "bad-request", 401: "authentication-failed", 403: "use", 404: "not-found", 405: "method",
  413: "too-large", 415: "media-type", 422: "missing", 429: "too-many", 500: "defect", 503: "database",
};

const form = document.forms.call;
const fields = form.elements;
const at = (id) => document.getElementById(id);

/** Make an element with attributes and children. */
function make(name, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(name), attributes);
  element.append(...children);
  return element;
}

/** Return the arguments that are filled in; empty ones are not sent. */
function readArguments() {
  const own = document.querySelectorAll(`fieldset[data-call="${fields.call.value}"] input`);
  return [fields.mailbox, ...own].filter((input) => input.value !== "").map((input) => [input.name, input.value]);
}

function writeBody(contentType, pairs) {
  const mediaType = contentType.split(";")[0].trim().toLowerCase();
  if (mediaType === "application/json") {
    return JSON.stringify(Object.fromEntries(pairs));
  }
  if (mediaType === "multipart/form-data") {
    const delimiter = `--${/boundary="?([^";]*)/i.exec(contentType)?.[1] ?? ""}`;
    const parts = pairs.map(([name, text]) =>
      `${delimiter}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${text}\r\n`);
    return `${parts.join("")}${delimiter}--\r\n`;
  }
  return new URLSearchParams(pairs).toString();
}

/** Read the form; return the request as it would be sent, with the values that a signature covers. */
function readCall() {
  const chosen = CALLS[fields.call.value];
  return chosen.scheme === RCWS ? readCallForLists(chosen) : readCallForMessages(chosen);
}

function readCallForLists({ method, path, query = {}, posts }) {
  const pairs = Object.entries(query).map(([name, field]) => [name, fields[field].value]).filter(([, text]) => text);
  const filled = path.replace(/\{(\w+)\}/g, (_, field) => encodeURIComponent(fields[field].value));
  const call = { method, uri: `${filled}${pairs.length ? `?${new URLSearchParams(pairs)}` : ""}` };
  if (!posts) {
    return call;
  }
  const posted = canonical(fields.posted.value);
  return { ...call, posted, contentType: "application/json", body: new TextEncoder().encode(posted) };
}

function readCallForMessages({ method, path }) {
  const pairs = readArguments();
  const date = fields.date.value;
  if (method === "GET") {
    return { method, date, uri: `${path}?${new URLSearchParams(pairs)}` };
  }
  const contentType = fields.type.value || undefined;
  const body = new TextEncoder().encode(writeBody(contentType ?? "", pairs));
  const contentMd5 = fields.md5.checked ? base64(md5(body)) : undefined;
  return { method, date, uri: path, contentType, contentMd5, body };
}

/** Sign the request in the form; return each stage, or an error with the field that has it. */
async function sign(call) {
  const { word, parts, joint, encodings } = CALLS[fields.call.value].scheme;
  const lines = parts(call);
  const string = fields.by_hand.checked ? fields.string.value : lines.map(({ text }) => text).join(joint);
  if (/[^\0-\xff]/.test(string)) {
    const error = "A request line and its headers cannot contain characters outside Latin-1.";
    return { lines, string, error, field: fields.by_hand.checked ? fields.string : fields.date };
  }
  const missing = findMissing();
  if (missing) {
    return { lines, string, error: `${labelOf(missing)} is missing.`, field: missing };
  }
  const hash = await hmac(fields.private_key.value, string);
  const signature = encodings[fields.encoding.value].encode(hash);
  return { lines, string, hash, authorization: `${word} ${fields.public_key.value}:${signature}` };
}

/** Return the first empty field without which nothing can be sent: a key, or a part of the path. */
function findMissing() {
  const inPath = Array.from(CALLS[fields.call.value].path.matchAll(/\{(\w+)\}/g), ([, name]) => name);
  return ["public_key", "private_key", ...inPath].map((name) => fields[name]).find(({ value }) => value === "");
}

const labelOf = (field) => field.labels[0].textContent;

/** Show an error at a field, and move the focus there; it disappears when the field is changed. */
function complain(field, sentence) {
  const id = `${field.id}-error`;
  at(id)?.remove();
  field.after(make("small", { id, className: "error" }, sentence));
  field.setAttribute("aria-invalid", "true");
  describe(field, [id, `${field.id}-hint`]);
  field.focus();
  field.addEventListener("input", () => withdraw(field), { once: true });
}

/** Describe a field to screen readers by those of the elements that exist. */
function describe(field, ids) {
  field.setAttribute("aria-describedby", ids.filter(at).join(" "));
}

function withdraw(field) {
  at(`${field.id}-error`)?.remove();
  field.removeAttribute("aria-invalid");
  describe(field, [`${field.id}-hint`]);
}

let shown = 0;

/** Show the request and each stage of its signature. */
async function show() {
  for (const part of document.querySelectorAll("[data-call]")) {
    part.hidden = !part.dataset.call.split(" ").includes(fields.call.value);
  }
  const { scheme } = CALLS[fields.call.value];
  offerEncodings(scheme);
  const call = readCall();
  at("lines").replaceChildren(
    ...scheme.parts(call).map(({ name, text }) => make("li", {}, make("span", {}, name), " ", make("code", {}, text))),
  );
  at("body").textContent = call.body ? new TextDecoder().decode(call.body) : "";
  at("by-hand").hidden = !fields.by_hand.checked;
  if (!fields.by_hand.checked) {
    fields.string.value = scheme.parts(call).map(({ text }) => text).join(scheme.joint);
  }
  const turn = ++shown;
  const { hash, authorization, error } = await sign(call);
  if (turn !== shown) {
    return; // A later change is shown already.
  }
  const signatures = scheme.encodings.filter(({ accepted }) => accepted).map(({ name, encode }, i) =>
    [`signature-${i}`, `${i ? "Also accepted" : "Signature"}: ${name}`, hash ? encode(hash) : ""]);
  const rows = [
    ["hash", "HMAC-SHA256, hexadecimal", hash ? hexadecimal(hash) : error],
    ...signatures,
    ["authorization", "Authorization", authorization ?? ""],
  ];
  at("stages").replaceChildren(...rows.flatMap(([id, name, text]) =>
    [make("dt", {}, name), make("dd", {}, make("code", { id }, text))]));
}

/** Offer the encodings of a scheme; the choice stays until another scheme is chosen. */
function offerEncodings({ word, encodings }) {
  if (fields.encoding.dataset.word !== word) {
    fields.encoding.dataset.word = word;
    fields.encoding.replaceChildren(...encodings.map(({ name, accepted }, i) =>
      make("option", { value: i }, accepted ? name : `${name} (a mistake)`)));
  }
}

async function send() {
  // A string that was edited by hand contains the date at that time.
  if (!fields.date.dataset.typed && !fields.by_hand.checked) {
    fields.date.value = new Date().toUTCString();
  }
  const { scheme } = CALLS[fields.call.value];
  const call = readCall();
  const signed = await sign(call);
  await show();
  document.querySelectorAll("[aria-invalid]").forEach(withdraw);
  if (signed.error) {
    tell(signed.error);
    complain(signed.field, signed.error);
    return;
  }
  tell("Sending."); // So that screen readers announce a response that equals the one before.
  const { method, uri, body } = call;
  try {
    const headers = headersOf(call, signed);
    const answer = await fetch(uri, { method, body, headers, cache: "no-store", credentials: "omit" });
    showAnswer(answer, await answer.text(), { ...signed, scheme });
  } catch (error) {
    tell(`The request could not be sent: ${error.message}`);
  }
}

/** Return the headers of a signed request. */
function headersOf({ date, contentType, contentMd5 }, { authorization }) {
  const headers = {
    Authorization: authorization, "X-Daas-Date": date, "Content-Type": contentType, "Content-MD5": contentMd5,
  };
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
}

/** Copy the request as source code; `write` makes it. */
async function copyAs(write, name) {
  if (!fields.date.dataset.typed && !fields.by_hand.checked) {
    fields.date.value = new Date().toUTCString();
  }
  const call = readCall();
  const signed = await sign(call);
  await show();
  document.querySelectorAll("[aria-invalid]").forEach(withdraw);
  if (signed.error) {
    tell(signed.error);
    complain(signed.field, signed.error);
    return;
  }
  const { scheme } = CALLS[fields.call.value];
  const now = !fields.date.dataset.typed;
  await navigator.clipboard.writeText(write({
    ...call, scheme, now, origin: location.origin, headers: headersOf(call, signed), publicKey: fields.public_key.value,
  }));
  tell(`Copied as ${name}.`);
}

/** Show a sentence as the result, with nothing below it. */
function tell(sentence, className = "") {
  Object.assign(at("status"), { textContent: sentence, className });
  at("answer").replaceChildren();
  at("status").scrollIntoView({ block: "nearest" });
}

function showAnswer(answer, body, signed) {
  tell(`The response is ${answer.status}.`, answer.ok ? "status good" : "status");
  const fault = answer.headers.get("X-Daas-Error");
  const anchor = signed.scheme.anchor ?? fault ?? ANCHORS[answer.status];
  const headers = Array.from(answer.headers, ([name, value]) => `${name}: ${value}`).join("\n");
  at("answer").append(
    ...(answer.ok ? [] : [make("p", {}, make("a", { href: `${form.dataset.errors}#${anchor}` }, "What this response means"))]),
    ...(answer.status === 401 ? explain(answer, fault, signed) : []),
    ...(answer.ok ? offer(JSON.parse(body)) : []),
    ...(answer.ok ? explainRequests(JSON.parse(body)) : []),
    make("h3", {}, "Body"),
    make("pre", { className: "json", id: "answer-body", tabIndex: 0 }, body),
    make("h3", {}, "Headers"),
    make("pre", { className: "http", tabIndex: 0 }, headers),
  );
  if (answer.status === 422) {
    point(JSON.parse(body));
  }
}

/** Show at the fields that a 422 names what is wrong with them; the first one gets the focus. */
function point({ fields: names = [], message }) {
  const visible = [...document.querySelectorAll("form#call input:not([type])")].filter((input) => input.offsetParent);
  const wrong = names.map((name) => visible.find((input) => input.name === name)).filter(Boolean);
  wrong.reverse().forEach((input) => complain(input, message));
}

/** Return a comparison of the server's string to sign with the one that was signed. */
function explain(answer, fault, { lines, string, scheme }) {
  const say = (sentence) => make("p", { className: "note", id: "difference" }, sentence);
  if (fault) {
    return [say(`The signature is valid. The error is: ${fault}.`)];
  }
  const header = answer.headers.get("X-Daas-String-To-Sign");
  if (header === null) {
    return [say("The server did not send its string to sign: the operator has to enable that for the application, or " +
      "with DAAS_EXPLAIN_401.")];
  }
  const server = atob(header);
  const names = lines.map(({ name }) => name);
  const [theirs, ours] = [server, string].map(scheme.split);
  const difference = firstDifference(theirs.join("\n"), ours.join("\n"), names, scheme.part);
  const sentence = difference?.sentence ?? "Both strings are equal. So the private key, the public key or the " +
    "encoding of the signature is wrong.";
  const length = Math.max(theirs.length, ours.length);
  const marked = difference && Math.min(difference.line, length - 1);
  const rows = Array.from({ length }, (_, i) =>
    make("tr", { className: i === marked ? "differs" : "" },
      make("th", { scope: "row" }, `${i + 1}${names[i] ? ` ${names[i]}` : ""}`),
      ...[theirs[i], ours[i]].map((text) => make("td", {}, text ? make("code", {}, text) : absent(text, scheme.part)))));
  const head = [scheme.part, "server", "you"].map((text) => make("th", { scope: "col" }, text));
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
  return [say(sentence), make("div", { className: "scroll", tabIndex: 0 }, table)];
}

/** Return a table of the requests of a response, with each reason in words. */
function explainRequests({ requests = [] }) {
  const meaning = (reason) => document.querySelector(`#reasons option[value="${CSS.escape(reason)}"]`)?.label ?? "";
  const rows = requests.map((each) =>
    make("tr", {},
      make("th", { scope: "row" }, each.request_id),
      ...[each.at, each.path, each.status].map((text) => make("td", {}, text)),
      make("td", {}, make("code", {}, each.reason), ` ${meaning(each.reason)}`)));
  const head = ["request", "time", "path", "status", "reason"].map((text) => make("th", { scope: "col" }, text));
  const table = make("table", { id: "explained" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
  return rows.length ? [make("div", { className: "scroll", tabIndex: 0 }, table)] : [];
}

const absent = (text, part) => (text === undefined ? `no ${part}` : `empty ${part}`);

/** Return buttons that take a message or folder of the response as arguments of a move. */
function offer({ messages = [], folders = [] }) {
  const choose = (name, value, text) => {
    const button = make("button", { type: "button" }, text);
    button.addEventListener("click", () => {
      fields.call.value = "move";
      document.querySelector(`fieldset[data-call="move"] [name="${name}"]`).value = value;
      show();
      document.querySelector('fieldset[data-call="move"] input').focus();
    });
    return make("li", {}, button);
  };
  const items = [
    ...messages.map(({ id, folder, subject }) => choose("id", id, `Move message ${id}: ${subject} (in ${folder})`)),
    ...folders.map(({ id, name }) => choose("folder", id, `Move a message to ${name} (${id})`)),
  ];
  return items.length ? [make("ul", { className: "offers" }, ...items)] : [];
}

function start() {
  fields.date.value = new Date().toUTCString();
  form.addEventListener("input", show);
  fields.date.addEventListener("input", () => { fields.date.dataset.typed = "yes"; });
  at("now").addEventListener("click", () => {
    delete fields.date.dataset.typed;
    fields.date.value = new Date().toUTCString();
    show();
  });
  document.querySelector(".show").addEventListener("click", ({ target }) => {
    const masked = fields.private_key.classList.toggle("masked");
    Object.assign(target, { textContent: masked ? "Show" : "Hide", ariaPressed: String(!masked) });
  });
  at("copy-curl").addEventListener("click", () => copyAs(asCurl, "curl"));
  at("copy-python").addEventListener("click", () => copyAs(asPython, "Python"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  form.hidden = false;
  show();
}

at("no-script").hidden = true;
if (globalThis.crypto?.subtle) {
  start();
} else {
  at("insecure").hidden = false;
}
