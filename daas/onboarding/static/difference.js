// Describe where a string that was signed differs from the one that the server built.

/**
 * Return the first difference of two strings to sign: the index of the part and a sentence, or null if they are equal.
 *
 * Both have their parts joined by newlines. `names` are the names of the server's parts; `part` is the word for a part.
 */
export function firstDifference(server, signed, names, part = "line") {
  if (server === signed) {
    return null;
  }
  if (signed.replaceAll("\r", "") === server) {
    return { line: 0, sentence: "Your lines end with \\r\\n. Join them with \\n only." };
  }
  if (signed.replaceAll("\\n", "\n") === server) {
    return { line: 0, sentence: "Your string contains a backslash and an n instead of a newline." };
  }
  const theirs = server.split("\n");
  const ours = signed.split("\n");
  if (signed.replace(/\n+$/, "") === server) {
    const sentence = `Your string has a newline at its end. There must be none after the last ${part}.`;
    return { line: theirs.length, sentence };
  }
  const line = theirs.findIndex((text, i) => text !== ours[i]);
  const name = `${part} ${line + 1}, the ${names[line]}`;
  if (line >= ours.length || same(without(theirs, line), ours)) {
    return { line, sentence: `Your string lacks ${name}: the server received “${theirs[line]}”.` };
  }
  if (ours[line] === "") {
    const sentence = `${part[0].toUpperCase()}${part.slice(1)} ${line + 1} of your string is empty, but the server has ` +
      `the ${names[line]}. A header that is not sent has no ${part}.`;
    return { line, sentence };
  }
  if (line < 0 || same(theirs, without(ours, line))) {
    const at = line < 0 ? theirs.length : line;
    return { line: at, sentence: `Your string has a ${part} too many: ${part} ${at + 1} is “${ours[at]}”.` };
  }
  return { line, sentence: `In ${name}, ${(HINTS[names[line]] ?? another)(theirs[line], ours[line])}` };
}

const HINTS = {
  method: (server, signed) =>
    server === signed.toUpperCase() ? "yours is not in upper case." : another(server, signed),
  date: (server, signed) =>
    `you did not sign the date that you sent: the server received “${server}”, you signed “${signed}”.`,
  "content type": (server, signed) => {
    if (server.split(";")[0].trim() !== signed.split(";")[0].trim()) {
      return another(server, signed);
    }
    if (/boundary/i.test(signed)) {
      return "yours has the boundary, which must not be signed.";
    }
    return `the parameters, such as a charset, differ from those sent: the server received “${server}”, ` +
      `you signed “${signed}”. You can always sign the bare type.`;
  },
  URI: (server, signed) => {
    if (signed.endsWith(server)) {
      return "yours begins with more, such as scheme and host. Sign only path and query.";
    }
    if (server.startsWith(`${signed}?`)) {
      return "yours lacks the query.";
    }
    if (decoded(server) === decoded(signed)) {
      return "yours is decoded or escaped differently. Sign it as it is on the request line: " +
        `“${server}”.`;
    }
    return another(server, signed);
  },
  URL: (server, signed) => {
    const [path, query = ""] = signed.split("?");
    return `${path}?${query.split("&").sort().join("&")}` === server
      ? "the names in your query are not sorted."
      : HINTS.URI(server, signed);
  },
};

function another(server, signed) {
  if (server === signed.trim()) {
    return "yours has spaces around it.";
  }
  if (server.toLowerCase() === signed.toLowerCase()) {
    return `upper and lower case differ: the server received “${server}”.`;
  }
  return `the server received “${server}”, you signed “${signed}”.`;
}

function decoded(uri) {
  try {
    return decodeURIComponent(uri.replaceAll("+", " "));
  } catch {
    return uri;
  }
}

const without = (lines, line) => lines.filter((_, i) => i !== line);
const same = (some, others) => some.join("\n") === others.join("\n");
