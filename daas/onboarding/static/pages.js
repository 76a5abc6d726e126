// What every page does with JavaScript: the menu, copy buttons, tabs, and the search. Without it all content is shown.

// The stylesheet hides the menu and shows the search only if this runs; it has to happen before the page is drawn.
document.documentElement.classList.add("js");

addEventListener("DOMContentLoaded", () => {
  initMenu();
  document.querySelectorAll("main pre").forEach(addCopyButton);
  document.querySelectorAll(".tabs").forEach(initTabs);
  initSearch();
});

/** Make an element with attributes and children. */
function element(name, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

function initMenu() {
  const button = document.querySelector(".menu");
  const open = (isOpen) => button.setAttribute("aria-expanded", String(isOpen));
  button.addEventListener("click", () => open(button.getAttribute("aria-expanded") === "false"));
  addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && button.getAttribute("aria-expanded") === "true") {
      open(false);
      button.focus();
    }
  });
}

/** Put a block of code into a frame with a button that copies its text. */
function addCopyButton(block) {
  const button = element("button", { type: "button", className: "copy", ariaLabel: "Copy" }, "Copy");
  button.addEventListener("click", async () => {
    button.textContent = (await copy(block)) ? "Copied" : "Press Ctrl+C";
    button.ariaLabel = button.textContent;
    setTimeout(() => { button.textContent = button.ariaLabel = "Copy"; }, 2000);
  });
  const frame = element("div", { className: "code" });
  block.replaceWith(frame);
  frame.append(block, button);
}

/** Copy a block's text; return whether the browser allowed it. If not, the text is selected. */
async function copy(block) {
  try {
    await navigator.clipboard.writeText(block.textContent);
    return true;
  } catch {
    // The clipboard needs a secure context; selected text can be copied everywhere.
    getSelection().selectAllChildren(block);
    return document.execCommand("copy");
  }
}

/** Show one section of several at a time, each behind a tab; the choice is remembered for all pages. */
function initTabs(group) {
  const { remember } = group.dataset;
  const sections = [...group.children];
  const tabs = sections.map((section, i) => {
    const id = `${remember}-tab-${i}`;
    Object.assign(section, { role: "tabpanel" }).setAttribute("aria-labelledby", id);
    section.id ||= `${remember}-panel-${i}`;
    const tab = element("button", { type: "button", id, role: "tab" }, section.dataset.label);
    tab.setAttribute("aria-controls", section.id);
    return tab;
  });
  const choose = (chosen) => sections.forEach((section, i) => {
    section.hidden = i !== chosen;
    tabs[i].ariaSelected = String(i === chosen);
    tabs[i].tabIndex = i === chosen ? 0 : -1;
  });
  const chooseAndRemember = (chosen) => {
    choose(chosen);
    store(remember, sections[chosen].dataset.label);
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => chooseAndRemember(i));
    tab.addEventListener("keydown", ({ key }) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
      if (step) {
        const next = (i + step + tabs.length) % tabs.length;
        chooseAndRemember(next);
        tabs[next].focus();
      }
    });
  });
  const chooseByAddress = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const named = sections.findIndex((section) => section.contains(target));
    if (target && named >= 0) {
      choose(named);
      target.scrollIntoView();
    }
  };
  const remembered = sections.findIndex((section) => section.dataset.label === stored(remember));
  choose(Math.max(remembered, 0));
  group.prepend(element("div", { className: "tablist", role: "tablist", ariaLabel: remember }, ...tabs));
  chooseByAddress();
  addEventListener("hashchange", chooseByAddress);
}

// A browser can be set to deny storage, which must not keep a page from working.
function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function store(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Then the choice lasts as long as the page.
  }
}

function initSearch() {
  const form = document.querySelector(".search");
  const input = form.querySelector("input");
  const box = form.querySelector(".found");
  const [status, list] = box.children;
  let index;
  const load = () => { index ??= fetch(form.dataset.index).then((response) => response.json()); };
  input.addEventListener("focus", load);
  input.addEventListener("input", async () => {
    load();
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    box.hidden = words.length === 0;
    const found = find(await index, words);
    const shown = found.slice(0, 12);
    status.textContent = found.length > shown.length ? `${found.length} sections; the best ${shown.length} are:`
      : `${found.length} section${found.length === 1 ? "" : "s"}`;
    list.replaceChildren(...shown.map((section) => describe(section, words)));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    list.querySelector("a")?.click();
  });
  form.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    const next = { ArrowDown: links[at + 1], ArrowUp: links[at - 1] ?? input }[event.key];
    if (next) {
      event.preventDefault();
      next.focus();
    } else if (event.key === "Escape") {
      box.hidden = true;
      input.focus();
    }
  });
  // A result on the same page does not load it again, so the box has to close.
  list.addEventListener("click", () => { box.hidden = true; });
  document.addEventListener("click", ({ target }) => {
    if (!form.contains(target)) {
      box.hidden = true;
    }
  });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, textarea, select")) {
      event.preventDefault();
      input.focus();
    }
  });
}

/** Return the sections that have every word, those with the words in their title first. */
function find(sections, words) {
  const rank = ({ page, title, text }) => {
    const [inTitle, inPage, inText] = [title, page, text].map((place) => place.toLowerCase());
    const ranks = words.map((word) =>
      [inTitle.startsWith(word), inTitle.includes(word), inPage.includes(word), inText.includes(word)].indexOf(true));
    return ranks.includes(-1) ? Infinity : ranks.reduce((sum, one) => sum + one, 0);
  };
  const ranked = sections.map((section, i) => ({ section, i, rank: rank(section) })).filter((one) => one.rank < Infinity);
  return ranked.sort((one, other) => one.rank - other.rank || one.i - other.i).map(({ section }) => section);
}

/** Return a list item with a link to a section and the text around the first word. */
function describe({ page, title, url, text }, words) {
  const first = Math.max(0, text.toLowerCase().indexOf(words[0]) - 40);
  const start = first && text.lastIndexOf(" ", first) + 1;
  const excerpt = `${start ? "… " : ""}${text.slice(start, start + 120)}${text.length > start + 120 ? " …" : ""}`;
  const name = title === page ? page : `${page}: ${title}`;
  return element("li", {}, element("a", { href: url }, element("b", {}, name), element("small", {}, excerpt)));
}
