// Move a message, with only Node.js 18 or later.
//
// Usage: node move_message.mjs URL MAILBOX ID FOLDER [--without-md5]
// The environment has the keys: DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY.
import { createHash, createHmac } from "node:crypto";

const [url, mailbox, id, folder, option] = process.argv.slice(2);
const { DAAS_PUBLIC_KEY, DAAS_PRIVATE_KEY } = process.env;

const uri = "/direct/messages/move/format/json";
const contentType = "application/x-www-form-urlencoded";
const body = new URLSearchParams({ mailbox, id, folder }).toString();
const headers = { Date: new Date().toUTCString(), "Content-Type": contentType };
const lines = ["POST", headers.Date, contentType, uri];
if (option !== "--without-md5") {
  headers["Content-MD5"] = createHash("md5").update(body).digest("base64");
  lines.splice(2, 0, headers["Content-MD5"]);
}

const hash = createHmac("sha256", DAAS_PRIVATE_KEY).update(lines.join("\n")).digest("hex");
headers.Authorization = `DAAS ${DAAS_PUBLIC_KEY}:${Buffer.from(hash).toString("base64")}`;

const response = await fetch(url + uri, { method: "POST", headers, body });
console.log(await response.text());
process.exitCode = response.ok ? 0 : 1;
