"use strict";
// The gallery: filters, cards and one open card. All text enters the page through textContent.
(() => {
  const data = JSON.parse(document.getElementById("gallery-data").textContent);
  const NONE = "no valid answer", NOT_ASKED = -1;
  const section = document.getElementById("gallery");
  const cards = document.getElementById("gallery-cards");
  const status = document.getElementById("gallery-status");
  const filters = Object.fromEntries(
    [...section.querySelectorAll("select")].map((select) => [select.dataset.filter, select]));
  const byAnchor = new Map(data.cells.map((cell) => [cell.anchor, cell]));
  const KEYS = [...Object.keys(filters), "sample"];
  let state = Object.fromEntries(KEYS.map((key) => [key, ""]));

  // ---- what the state selects

  const source = () => data.sources.find((one) => one.name === state.source) ?? data.sources[0];
  const labelOf = (cell, sample) => {
    const code = cell.answers[sample];
    return code >= 0 ? data.sources[cell.source].labels[code] : NONE;
  };
  const outcomeOf = (cell, sample) => {
    const code = cell.answers[sample];
    if (code < 0) return data.outcomes[code];
    return code === data.sources[cell.source].samples[sample].gold ? "right" : "wrong label";
  };
  const kept = (wanted, value) => wanted === "" || wanted === value;

  function candidates() {
    return data.cells.filter((cell) => data.sources[cell.source] === source()
      && kept(state.model, data.models[cell.model]) && kept(state.prompt, data.prompts[cell.prompt])
      && kept(state.restoration, data.restorations[cell.restoration]));
  }

  function answersTo(sample, cells) {
    return cells.filter((cell) => cell.answers[sample] !== NOT_ASKED
      && kept(state.answer, labelOf(cell, sample)) && kept(state.outcome, outcomeOf(cell, sample)));
  }

  // ---- drawing

  function make(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children.filter((child) => child !== null));
    return element;
  }

  function picture(sample, restoration, alt) {
    const images = source().pictures[restoration] ?? {};
    if (!images[sample]) return make("span", { className: "nopicture small muted", textContent: "no picture" });
    return make("img", { src: images[sample], alt });
  }

  function verdict(label, outcome, count) {
    const kind = outcome === "right" ? "right" : outcome === "wrong label" ? "wrong" : "invalid";
    const mark = { right: "✓", wrong: "✗", invalid: "∅" }[kind];
    const text = kind === "invalid" ? outcome : label;
    return make("span", { className: `answer ${kind}` },
      make("span", { className: "mark", textContent: mark, ariaHidden: "true" }),
      make("span", { className: "said", textContent: text }),
      kind === "wrong" ? make("span", { className: "hidden", textContent: " (wrong)" }) : null,
      count > 1 ? make("span", { className: "muted", textContent: ` ×${count}` }) : null);
  }

  function tally(sample, cells) {
    const counts = new Map();
    for (const cell of cells) {
      const key = `${labelOf(cell, sample)}\n${outcomeOf(cell, sample)}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const sorted = [...counts].sort((one, other) => other[1] - one[1]);
    const shown = sorted.slice(0, sorted.length > 3 ? 2 : 3);
    const rest = sorted.length - shown.length;
    return [...shown.map(([key, count]) => verdict(...key.split("\n"), count)),
      rest ? make("span", { className: "answer muted", textContent: `${rest} others` }) : null];
  }

  function shownRestoration() {
    const here = Object.keys(source().pictures);
    return here.includes(state.restoration) ? state.restoration : here.includes("none") ? "none" : here[0];
  }

  function card(sample, cells) {
    const { id, gold } = source().samples[sample];
    const label = source().labels[gold];
    const button = make("button", { type: "button", className: "card" },
      picture(sample, shownRestoration(), ""),
      make("span", { className: "gold", textContent: label }), ...tally(sample, cells));
    button.dataset.sample = id;
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => {
      state.sample = state.sample === id ? "" : id;
      remember("replaceState");
      open();
    });
    return button;
  }

  function scores(cell, sample) {
    const row = cell.scores?.[sample];
    if (!row) return "";
    const labels = data.sources[cell.source].labels;
    const best = row.map((value, place) => [value, place]).sort((one, other) => other[0] - one[0]).slice(0, 3);
    return make("div", { className: "scores" }, ...best.map(([value, place]) => {
      const bar = make("span", { className: "score" },
        make("span", { textContent: labels[place] }), make("span", { textContent: (value / 1000).toFixed(2) }));
      bar.style.setProperty("--s", `${Math.min(Math.max(value / 10, 0), 100)}%`);
      return bar;
    }));
  }

  function answerRow(cell, sample, previous) {
    const said = cell.texts?.[sample] ?? [null, null];
    const [text, reason] = said.map((place) => (place === null ? "" : data.texts[place]));
    const conditions = [data.prompts[cell.prompt], data.restorations[cell.restoration]]
      .filter((part) => part !== "-" && part !== "none").join(", ");
    const link = make("a", { href: `#${cell.anchor}`, textContent: data.models[cell.model] });
    return make("tr", {},
      make("th", { scope: "row" }, previous?.model === cell.model
        ? make("span", { className: "hidden", textContent: data.models[cell.model] }) : link),
      make("td", { className: "small muted", textContent: conditions }),
      make("td", {}, verdict(labelOf(cell, sample), outcomeOf(cell, sample), 1)),
      make("td", {}, scores(cell, sample)),
      make("td", { className: "foreign small" },
        text ? make("code", { textContent: text }) : "",
        reason ? make("div", { className: "muted", textContent: reason }) : ""));
  }

  function panel(sample) {
    const { id, gold } = source().samples[sample];
    const label = source().labels[gold];
    const cells = candidates().filter((cell) => cell.answers[sample] !== NOT_ASKED);
    const right = cells.filter((cell) => outcomeOf(cell, sample) === "right").length;
    const close = make("button", { type: "button", className: "close", textContent: "Close" });
    close.addEventListener("click", () => shut());
    const faces = Object.keys(source().pictures).map((restoration) => make("figure", {},
      picture(sample, restoration, `Sample ${id}, labelled ${label}`),
      make("figcaption", { textContent: restoration === "none" ? "as published" : restoration })));
    const rows = cells.map((cell, i) => answerRow(cell, sample, cells[i - 1]));
    const table = make("table", { className: "answers stack" },
      make("thead", {}, make("tr", {}, ...["model", "asked", "answer", "scores", "what it said"].map((text) =>
        make("th", { scope: "col", textContent: text })))), make("tbody", {}, ...rows));
    table.setAttribute("aria-label", `Answers to ${id}`);
    const list = make("div", { className: "scroll answer-list", tabIndex: 0 }, table);
    list.setAttribute("role", "region");
    list.setAttribute("aria-label", `Answers to ${id}`);
    return make("div", { className: "detail", id: "gallery-detail" },
      make("div", { className: "faces" }, ...faces),
      make("div", { className: "about" },
        make("h3", { textContent: label }),
        make("p", { className: "small muted foreign", textContent: id }),
        make("p", { className: "small", textContent: `${right} of ${cells.length} answers right` })),
      close, list);
  }

  function open() {
    document.getElementById("gallery-detail")?.remove();
    for (const button of cards.querySelectorAll(".card")) {
      const chosen = button.dataset.sample === state.sample;
      button.setAttribute("aria-expanded", String(chosen));
      if (chosen) button.after(panel(source().samples.findIndex(({ id }) => id === state.sample)));
    }
  }

  function shut() {
    const button = cards.querySelector('[aria-expanded="true"]');
    state.sample = "";
    remember("replaceState");
    open();
    button?.focus();
  }

  function draw() {
    fill();
    const cells = candidates();
    const { samples, labels } = source();
    const shown = samples.map((sample, place) => [place, answersTo(place, cells)])
      .filter(([place, fitting]) => fitting.length && kept(state.gold, labels[samples[place].gold]));
    cards.replaceChildren(...shown.map(([place, fitting]) => card(place, fitting)));
    const only = cells.length === 1 ? cells[0] : null;
    const found = only && state.gold && state.answer && !state.outcome ? countOf(only) : "";
    const said = `labelled ${state.gold} and answered ${state.answer} by ${state.model}`;
    const where = only?.file ? ` The run's ${only.file} has the answers to all ${only.n} samples.` : "";
    status.replaceChildren(`${shown.length || "None"} of the ${samples.length} pictures${shown.length ? "." : " fits."}`
      + (found ? ` ${found} of ${only.n} samples are ${said}.` : "") + (shown.length ? "" : where));
    if (only) status.append(" ", make("a", { href: `#${only.anchor}`, textContent: "Confusion matrix" }));
    open();
  }

  function countOf(cell) {
    const rows = document.getElementById(cell.anchor).querySelector(".confusion").tBodies[0].rows;
    const { labels } = source();
    const column = state.answer === NONE ? labels.length : labels.indexOf(state.answer);
    return countIn(rows[labels.indexOf(state.gold)].querySelectorAll("td")[column]);
  }

  const countIn = (td) => ((td?.querySelector("button") ?? td)?.firstChild?.nodeValue ?? "0").trim();

  // ---- filters and the address, which holds them so that a view can be shared

  function options(select, values, any) {
    const wanted = [...(any ? [["", any]] : []), ...values.map((value) => [value, value === "-" ? "no prompt" : value])];
    select.replaceChildren(...wanted.map(([value, text]) => make("option", { value, textContent: text })));
  }

  function fill() {
    const here = data.cells.filter((cell) => data.sources[cell.source] === source());
    const names = (key, list) => [...new Set(here.map((cell) => list[cell[key]]))];
    const choices = {
      source: data.sources.map(({ name }) => name),
      restoration: names("restoration", data.restorations),
      model: names("model", data.models),
      prompt: names("prompt", data.prompts),
      gold: source().labels,
      answer: [...source().labels, NONE],
      outcome: ["right", "wrong label", ...Object.values(data.outcomes)],
    };
    for (const [key, select] of Object.entries(filters)) {
      if (!choices[key].includes(state[key])) state[key] = key === "source" ? choices[key][0] : "";
      options(select, choices[key], key === "source" ? "" : "any");
      select.value = state[key];
      select.closest("label").hidden = choices[key].length < 2;
    }
  }

  function remember(how) {
    const parts = KEYS.filter((key) => state[key] !== "").map((key) => [key, state[key]]);
    history[how](null, "", `#gallery?${new URLSearchParams(parts)}`);
  }

  function recall() {
    const [place, query] = location.hash.split(/\?(.*)/s);
    if (place !== "#gallery") return reveal(place.slice(1));
    if (query === undefined) return null;
    const given = new URLSearchParams(query);
    state = Object.fromEntries(KEYS.map((key) => [key, given.get(key) ?? ""]));
    draw();
    return section.scrollIntoView({ behavior: "instant" });
  }

  function reveal(id) {
    const target = id && document.getElementById(id);
    if (!target) return;
    const folds = [];
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) folds.push(fold);
    if (folds.every((fold) => fold.open)) return;
    for (const fold of folds) fold.open = true;
    target.scrollIntoView({ behavior: "instant" });
  }

  // ---- confusion matrices: each count becomes a button

  function enliven(fold) {
    const body = fold.querySelector(":scope > .cell-body");
    const cell = body && byAnchor.get(body.id);
    const table = body?.querySelector(".confusion:not(.live)");
    if (!cell || !table) return;
    table.classList.add("live");
    const { labels, samples } = data.sources[cell.source];
    [...table.tBodies[0].rows].forEach((row, i) => [...row.querySelectorAll("td")].forEach((td, j) => {
      const count = countIn(td);
      if (count === "0") return;
      const answer = labels[j] ?? NONE;
      const pictures = samples.filter(({ gold }, place) => gold === i && cell.answers[place] !== NOT_ASKED
        && labelOf(cell, place) === answer).length;
      const button = make("button", { type: "button" }, ...td.childNodes);
      const many = pictures === 1 ? "1 picture" : `${pictures || "no"} pictures`;
      button.setAttribute("aria-label", `${labels[i]} answered ${answer}: ${count}. Show in the gallery, ${many} kept`);
      button.title = `${many} in the gallery`;
      button.addEventListener("click", () => jump(cell, labels[i], answer));
      td.append(button);
    }));
  }

  function jump(cell, gold, answer) {
    state = { source: data.sources[cell.source].name, restoration: data.restorations[cell.restoration],
      model: data.models[cell.model], prompt: data.prompts[cell.prompt], gold, answer, outcome: "", sample: "" };
    draw();
    remember("pushState");
    section.scrollIntoView({ behavior: "instant" });
    document.getElementById("gallery-title").focus({ preventScroll: true });
  }

  // ---- events

  for (const [key, select] of Object.entries(filters)) {
    select.addEventListener("change", () => {
      state[key] = select.value;
      draw();
      remember("replaceState");
    });
  }
  document.getElementById("gallery-reset").addEventListener("click", () => {
    for (const key of KEYS) if (key !== "source") state[key] = "";
    draw();
    remember("replaceState");
  });
  cards.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return shut();
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || !event.target.classList.contains("card")) return null;
    const all = [...cards.querySelectorAll(".card")];
    event.preventDefault();
    return all[all.indexOf(event.target) + step]?.focus();
  });
  addEventListener("hashchange", recall);
  document.addEventListener("toggle", ({ target }) => target.open && target.matches(".cell") && enliven(target), true);
  for (const fold of document.querySelectorAll(".cell[open]")) enliven(fold);
  draw();
  section.classList.add("live");
  recall();
})();
