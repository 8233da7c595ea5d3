"use strict";
/* The page's own script. Every text from a run is written by `put` as text nodes; nothing here parses HTML. */
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const two = data.runs.length === 2;
  const $ = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const HALF = 0.5,
    ITEM = 62;

  /* ---- small parts ---------------------------------------------------------------------------------------------- */

  function make(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "class") node.className = value;
      else if (key === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
      else if (key in node) node[key] = value;
      else node.setAttribute(key, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  function draw(name, attributes = {}, ...children) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  const titled = (node, text) => {
    node.append(draw("title", {}, text));
    return node;
  };
  const signed = (value) => (value > 0 ? "+" : value < 0 ? "\u2212" : "") + short(Math.abs(value));
  function short(value) {
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1000) return Math.round(value).toLocaleString("en");
    return size >= 100
      ? value.toFixed(0)
      : size >= 10
        ? value.toFixed(1)
        : size >= 0.095
          ? value.toFixed(2)
          : value.toPrecision(2);
  }

  /* Characters that would be invisible, or would turn the text around: shown by their number. */
  const CONTROL = new RegExp(
    "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]" +
      "|[\\ud800-\\udbff](?![\\udc00-\\udfff])|(?<![\\ud800-\\udbff])[\\udc00-\\udfff]",
    "g",
  );
  const TAGS = /<\/?(?:think|answer)>|<\|[\w ]{1,40}\|>/g;

  function put(node, text) {
    let start = 0;
    for (const found of text.matchAll(CONTROL)) {
      if (found.index > start) node.append(text.slice(start, found.index));
      const code = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
      node.append(
        make("span", { class: "ctl", title: "A control character of the text, shown by its number" }, `U+${code}`),
      );
      start = found.index + 1;
    }
    if (start < text.length) node.append(text.slice(start));
    return node;
  }

  /* A text with marks on it: {start, end, class} in UTF-16, and runs of credit [characters, advantage, tokens]. */
  function marked(text, marks, credit, strongest) {
    const layers = [...marks];
    for (const found of text.matchAll(TAGS))
      layers.push({ start: found.index, end: found.index + found[0].length, class: "tag" });
    let place = 0;
    for (const [characters, advantage, tokens] of credit || []) {
      const start = place;
      for (let n = 0; n < characters && place < text.length; n++) place += text.codePointAt(place) > 0xffff ? 2 : 1;
      if (advantage) layers.push({ start, end: place, advantage, tokens });
    }
    const cuts = [...new Set([0, text.length, ...layers.flatMap((layer) => [layer.start, layer.end])])].sort(
      (a, b) => a - b,
    );
    const node = make("div", { class: "text" });
    let next = 0,
      live = [];
    const sorted = layers.sort((a, b) => a.start - b.start);
    for (let n = 0; n + 1 < cuts.length; n++) {
      const [start, end] = [cuts[n], cuts[n + 1]];
      while (next < sorted.length && sorted[next].start <= start) live.push(sorted[next++]);
      live = live.filter((layer) => layer.end > start);
      const piece = text.slice(start, end);
      if (!live.length) {
        put(node, piece);
        continue;
      }
      const span = make("span", {
        class: live
          .map((layer) => layer.class || "")
          .join(" ")
          .trim(),
      });
      const share = live.find((layer) => layer.advantage);
      if (share) {
        const strength = 0.1 + 0.52 * Math.sqrt(Math.abs(share.advantage) / strongest);
        span.style.backgroundColor = `rgba(var(--${share.advantage > 0 ? "up" : "down"}-rgb), ${strength.toFixed(3)})`;
        span.title = `${share.tokens} ${share.tokens === 1 ? "token" : "tokens"}, ${signed(share.advantage)} each`;
      }
      node.append(put(span, piece));
    }
    return node;
  }

  /* Words that the repaired text has lost and gained, by the longest common subsequence. */
  const WORDS = /<\/?(?:think|answer)>|\s+|[\p{L}\p{N}_]+(?:\.[\p{L}\p{N}_]+)*|[^\s\p{L}\p{N}_]/gu;
  const MOST_CELLS = 4e6;
  function difference(before, after) {
    const words = (text) =>
      [...text.matchAll(WORDS)].map((found) => ({
        word: found[0],
        start: found.index,
        end: found.index + found[0].length,
      }));
    const [a, b] = [words(before), words(after)];
    if (a.length * b.length > MOST_CELLS) return null;
    const width = b.length + 1,
      table = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i--)
      for (let j = b.length - 1; j >= 0; j--)
        table[i * width + j] =
          a[i].word === b[j].word
            ? table[(i + 1) * width + j + 1] + 1
            : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
    const gone = [],
      fresh = [];
    let i = 0,
      j = 0;
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && a[i].word === b[j].word) {
        i++;
        j++;
      } else if (j === b.length || (i < a.length && table[(i + 1) * width + j] >= table[i * width + j + 1]))
        gone.push({ ...a[i++], class: "gone" });
      else fresh.push({ ...b[j++], class: "new" });
    }
    return [gone, fresh].map((marks) => marks.filter((mark) => mark.word.trim()));
  }

  /* Right, wrong, no verdict: told apart by shape and by colour. Filled: in the subgroup. */
  const isRight = (rollout) => rollout.acc !== undefined && rollout.acc > HALF;
  const isWrong = (rollout) => rollout.acc !== undefined && rollout.acc <= HALF;
  const teaches = (rollout) => (rollout.advantage !== undefined ? rollout.advantage !== 0 : true);
  function glyph(rollout, size = 13) {
    const colour = isRight(rollout) ? "var(--up)" : isWrong(rollout) ? "var(--down)" : "var(--muted)";
    const inside = teaches(rollout) ? colour : "var(--panel)";
    const box = draw("svg", { width: size, height: size, viewBox: "0 0 13 13", "aria-hidden": "true" });
    const paint = { fill: inside, stroke: colour, "stroke-width": 1.6, "stroke-linejoin": "round" };
    if (isRight(rollout)) box.append(draw("circle", { cx: 6.5, cy: 6.5, r: 4.9, ...paint }));
    else if (isWrong(rollout)) box.append(draw("path", { d: "M6.5 1.6 12 11.4H1Z", ...paint }));
    else box.append(draw("path", { d: "M2 6.5h9", stroke: colour, "stroke-width": 2 }));
    if (rollout.anchor)
      box.append(draw("circle", { cx: 6.5, cy: isRight(rollout) ? 6.5 : 8, r: 1.7, fill: "var(--panel)" }));
    if (rollout.repair && rollout.repair.used && rollout.repair.acc > HALF)
      box.append(
        draw("circle", { cx: 10.4, cy: 2.7, r: 2.5, fill: "var(--up)", stroke: "var(--panel)", "stroke-width": 1 }),
      );
    return box;
  }
  const verdictOf = (acc) => (acc === undefined ? "no verdict" : acc > HALF ? "right" : "wrong");

  /* ---- groups --------------------------------------------------------------------------------------------------- */

  /* A prompt without what the chat template has put around it. */
  const TEMPLATE = /<\|[\w ]{1,40}\|>/g;
  const ROLE_WORDS = new Set(["", "system", "user", "assistant", "You are a helpful assistant."]);
  const bareOf = (prompt) =>
    prompt
      .split("\n")
      .map((line) => [line, line.replace(TEMPLATE, "").trim()])
      .filter(([line, bare]) =>
        line === bare
          ? !["user", "assistant", "system"].includes(bare)
          : !ROLE_WORDS.has(bare.replace(/^(system|user|assistant)$/, "")),
      )
      .map(([line]) => line.replace(TEMPLATE, ""))
      .join("\n")
      .trim();
  const titleOf = (prompt) =>
    bareOf(prompt.slice(0, 4000))
      .split("\n")
      .find((line) => !ROLE_WORDS.has(line.trim()))
      ?.slice(0, 200) || "(empty prompt)";

  for (const [number, groups] of data.groups.entries()) {
    const near = [];
    for (const group of groups) {
      group.run = number;
      const rows = group.rollouts || (group.rollouts = []);
      group.right = rows.filter(isRight).length;
      group.wrong = rows.filter(isWrong).length;
      group.kind = group.right && group.wrong ? "mixed" : group.wrong ? "failed" : group.right ? "right" : "none";
      group.passed = rows.some((row) => row.repair && row.repair.acc > HALF);
      group.unrepaired = rows.some((row) => row.repair && !(row.repair.acc > HALF));
      group.credit = Math.max(0, ...rows.map((row) => Math.abs(row.advantage || 0)));
      group.nearest = Math.min(
        Infinity,
        ...rows.filter((row) => isWrong(row) && row.distance !== undefined).map((row) => Math.max(0, row.distance)),
      );
      group.length = Math.max(0, ...rows.map((row) => row.tokens || row.output.length / 4));
      if (group.nearest < Infinity) near.push(group.nearest);
      group.title = titleOf(group.prompt);
    }
    near.sort((a, b) => a - b);
    const limit = near.length ? near[Math.floor((near.length - 1) / 10)] : -1;
    for (const group of groups) group.near = group.nearest <= limit;
  }

  /* What the list shows: a group, or with two runs the two groups of the same visit to the same prompt. */
  function pairUp() {
    if (!two) return (data.groups[0] || []).map((group) => ({ sides: [group] }));
    const waiting = new Map(),
      found = [];
    for (const group of data.groups[0]) {
      const item = { sides: [group, null] };
      found.push(item);
      if (group.key) (waiting.get(group.key) || waiting.set(group.key, []).get(group.key)).push(item);
    }
    for (const group of data.groups[1]) {
      const partner = group.key && (waiting.get(group.key) || []).shift();
      if (partner) partner.sides[1] = group;
      else found.push({ sides: [null, group] });
    }
    return found;
  }
  const items = pairUp();
  for (const [number, item] of items.entries()) {
    item.number = number;
    item.groups = item.sides.filter(Boolean);
    item.step = Math.min(...item.groups.map((group) => group.step));
  }
  const rightShare = (group) => group.right / Math.max(1, group.right + group.wrong);
  const some = (test) => (item) => item.groups.some(test);
  const FILTERS = [
    ["all", "All", "Every group", () => true],
    ["mixed", "Mixed", "Some rollouts right, some wrong: these teach", some((group) => group.kind === "mixed")],
    ["failed", "All failed", "No rollout is right", some((group) => group.kind === "failed")],
    ["right", "All right", "No rollout is wrong: nothing to contrast", some((group) => group.kind === "right")],
    ["repaired", "Repaired", "A repair of a failure passed", some((group) => group.passed)],
    ["unrepaired", "Repair failed", "A repair was tried and did not pass", some((group) => group.unrepaired)],
    [
      "near",
      "Near misses",
      "A wrong rollout very close to an anchor: the closest tenth of the groups",
      some((group) => group.near),
    ],
    [
      "surprising",
      "Surprising",
      "Verdicts worth a second look: the group says why",
      some((group) => (group.surprises || []).length > 0),
    ],
  ];
  if (two)
    FILTERS.push([
      "apart",
      "Runs differ",
      "Right in one run twice as often as in the other, or more, by half of the group",
      (item) => item.groups.length === 2 && Math.abs(rightShare(item.groups[0]) - rightShare(item.groups[1])) >= HALF,
    ]);
  const most = (value) => (item) => -Math.max(...item.groups.map(value));
  const SORTS = [
    ["late", "Latest step", (item) => -item.step],
    ["early", "Earliest step", (item) => item.step],
    ["credit", "Biggest credit", most((group) => group.credit)],
    ["near", "Nearest miss", (item) => Math.min(...item.groups.map((group) => group.nearest))],
    ["wrong", "Fewest right", (item) => Math.min(...item.groups.map(rightShare))],
    ["long", "Longest response", most((group) => group.length)],
  ];
  if (two)
    SORTS.push([
      "apart",
      "Runs furthest apart",
      (item) => (item.groups.length < 2 ? 1 : -Math.abs(rightShare(item.groups[0]) - rightShare(item.groups[1]))),
    ]);

  /* ---- what the reader has chosen, kept in the address so that a page written anew opens where one was ---------------- */

  const state = {
    filter: "all",
    sort: "late",
    query: "",
    step: null,
    item: null,
    rollout: null,
    theme: "",
    live: true,
  };
  function remember() {
    const kept = new URLSearchParams();
    if (state.filter !== "all") kept.set("show", state.filter);
    if (state.sort !== "late") kept.set("sort", state.sort);
    if (state.query) kept.set("find", state.query);
    if (state.step !== null) kept.set("step", state.step);
    if (state.theme) kept.set("theme", state.theme);
    if (!state.live) kept.set("live", "off");
    const item = items[state.item];
    if (item)
      kept.set("group", `${item.groups[0].run}.${item.groups[0].step}.${item.groups[0].key || item.groups[0].name}`);
    try {
      history.replaceState(null, "", `#${kept}`);
    } catch (refused) {
      /* some viewers forbid it; then nothing is kept */
    }
  }
  function recall() {
    const kept = new URLSearchParams(location.hash.slice(1));
    if (FILTERS.some(([name]) => name === kept.get("show"))) state.filter = kept.get("show");
    if (SORTS.some(([name]) => name === kept.get("sort"))) state.sort = kept.get("sort");
    state.query = kept.get("find") || "";
    state.step = /^\d+$/.test(kept.get("step") || "") ? Number(kept.get("step")) : null;
    state.theme = ["light", "dark"].includes(kept.get("theme")) ? kept.get("theme") : "";
    state.live = kept.get("live") !== "off";
    const wanted = kept.get("group");
    const found =
      wanted &&
      items.find((item) =>
        item.groups.some((group) => `${group.run}.${group.step}.${group.key || group.name}` === wanted),
      );
    state.item = found ? found.number : null;
  }

  /* ---- header, signs, curves ------------------------------------------------------------------------------------ */

  const sample = (run) =>
    draw(
      "svg",
      { width: 24, height: 10, "aria-hidden": "true" },
      draw("path", { d: "M0 5H24", class: `mean run-${run}`, "stroke-width": 2.4 }),
    );

  function header() {
    for (const [number, run] of data.runs.entries()) {
      const facts = [run.method, `step ${run.last_step}`, `${run.groups_seen.toLocaleString("en")} groups`]
        .filter(Boolean)
        .join(" \u00b7 ");
      $("runs").append(
        make(
          "div",
          { class: "run" },
          sample(number),
          put(make("b"), run.name),
          put(make("span", { class: "muted" }), facts),
        ),
      );
    }
    const notes = new Map();
    for (const run of data.runs) for (const note of run.notes) notes.set(note, [...(notes.get(note) || []), run.name]);
    if (two && data.groups.every((groups) => groups.length) && !items.some((item) => item.groups.length === 2))
      notes.set(
        "no prompt of one run could be found in the other: dumps of stock verl do not say which row of the training file a prompt is",
        data.runs.map((run) => run.name),
      );
    for (const [note, names] of notes)
      $("notes").append(put(make("p"), two ? `${names.join(", ")}: ${note}.` : `${note}.`));
    $("written").textContent = data.written;
  }

  function stretches(spans) {
    const [from, to] = spans[spans.length - 1],
      others = spans.length > 1 ? `, and ${spans.length === 2 ? "once" : `${spans.length - 1} times`} before` : "";
    if (to === lastStep && to > from) return `since step ${from}${others}`;
    return (from === to ? `at step ${from}` : `steps ${from} to ${to}`) + others;
  }
  const lastStep = Math.max(1, ...data.runs.map((run) => run.last_step));
  const STATES = { seen: ["\u25b2", "seen"], clear: ["\u2713", "not seen"], unknown: ["\u2013", "cannot be judged"] };
  function signs() {
    data.runs[0].signs.forEach((first, number) => {
      const each = data.runs.map((run) => run.signs[number]);
      const worst = ["seen", "clear", "unknown"].find((one) => each.some((sign) => sign.state === one));
      const judged = each.find((sign) => sign.state !== "unknown") || first;
      const stretch = (sign) => (sign.state !== "seen" ? STATES[sign.state][1] : stretches(sign.spans));
      const said = make("p", {});
      if (each.every((sign) => sign.state === each[0].state && sign.state !== "seen"))
        said.append(make("b", {}, stretch(each[0])), ": ", worst === "unknown" ? first.measured : judged.measured);
      else
        for (const [run, sign] of each.entries())
          said.append(make("span", { class: "scale line" }, two ? sample(run) : "", make("b", {}, stretch(sign))));
      $("signs").append(
        make(
          "div",
          { class: `sign ${worst}`, title: `${judged.measured}. What to do: ${first.remedy}.` },
          make("span", { class: "mark", "aria-label": STATES[worst][1] }, STATES[worst][0]),
          make(
            "div",
            {},
            make("h3", {}, first.name),
            said,
            worst === "seen" ? make("p", {}, `${judged.measured}; ${first.remedy}`) : null,
          ),
        ),
      );
    });
  }

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  function smooth(points) {
    const window = Math.max(1, Math.floor(points.length / 12));
    return points.map(([step], n) => [
      step,
      mean(points.slice(Math.max(0, n - window + 1), n + 1).map(([, value]) => value)),
    ]);
  }

  let crossed = [];
  function curves() {
    $("curves").replaceChildren();
    crossed = [];
    for (const panel of data.panels) {
      const drawn = data.runs.map((run) => run.curves[panel.name]);
      const names = drawn.filter(Boolean).map((curve) => curve.main.source);
      const now = make("span", { class: "now" });
      const name = make("span", {}, panel.title);
      const box = make(
        "div",
        {
          class: "panel",
          title: `${panel.title}: ${panel.note}.${panel.second ? ` Thin dashes: ${panel.second_note}.` : ""} ${names.length ? `From ${[...new Set(names)].join(", ")}.` : ""}`,
        },
        make("div", { class: "head" }, name, now),
      );
      $("curves").append(box);
      if (!names.length) {
        box.append(make("div", { class: "none" }, "not logged"));
        continue;
      }
      plot(panel, drawn, box, now);
    }
    mark(state.step);
  }

  function plot(panel, drawn, box, now) {
    const width = Math.max(120, box.clientWidth - 20),
      height = 74,
      left = 1,
      bottom = 60,
      share = panel.is_share,
      top = share ? 8 : 15;
    const every = drawn
      .filter(Boolean)
      .flatMap((curve) =>
        [...curve.main.points, ...(curve.second ? curve.second.points : [])].map(([, value]) => value),
      );
    const high = share ? 1 : Math.max(...every, 0) * 1.06 || 1,
      low = share ? 0 : Math.min(0, ...every);
    const x = (step) => left + (step / lastStep) * (width - 2 * left);
    const y = (value) => bottom - ((value - low) / (high - low || 1)) * (bottom - top);
    const line = (points) =>
      points.map(([step, value], n) => `${n ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    const svg = draw("svg", {
      role: "img",
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: "none",
      "aria-label": panel.title,
    });
    data.runs.forEach((run) => {
      for (const sign of run.signs)
        if (sign.panel === panel.name)
          for (const [from, to] of sign.spans) {
            const start = x(Math.max(0, from - HALF)),
              end = Math.max(start + 2, x(Math.min(lastStep, to + HALF)));
            svg.append(
              titled(
                draw("rect", { class: "shade", x: start, y: top - 6, width: end - start, height: bottom - top + 6 }),
                `${two ? `${run.name}: ` : ""}${sign.name} (${sign.measured}), step ${from} to ${to}`,
              ),
              draw("text", { class: "flag", x: Math.min(start + 2, width - 12), y: top + 4 }, "\u25b2"),
            );
          }
    });
    for (const value of [low, high]) svg.append(draw("path", { class: "grid", d: `M0 ${y(value)}H${width}` }));
    svg.append(
      draw("text", { x: 1, y: height - 3 }, "0"),
      draw("text", { x: width - 1, y: height - 3, "text-anchor": "end" }, `step ${lastStep}`),
    );
    if (!share) svg.append(draw("text", { x: width - 1, y: top - 3, "text-anchor": "end" }, short(high)));
    const latest = [];
    drawn.forEach((curve, run) => {
      if (!curve) return;
      const points = curve.main.points,
        sparse = points.length < Math.max(4, Math.min(25, lastStep / 3));
      if (curve.second) svg.append(draw("path", { class: `second run-${run}`, d: line(smooth(curve.second.points)) }));
      if (!sparse) svg.append(draw("path", { class: `raw run-${run}`, d: line(points) }));
      svg.append(draw("path", { class: `mean run-${run}`, d: line(sparse ? points : smooth(points)) }));
      if (sparse)
        for (const [step, value] of points)
          svg.append(draw("circle", { class: `run-${run}`, cx: x(step), cy: y(value), r: 2.2 }));
      latest.push([run, points]);
    });
    const cross = draw("path", { class: "cross", d: "", visibility: "hidden" });
    svg.append(cross);
    box.append(svg);
    const at = (points, step) =>
      points.reduce((best, point) => (Math.abs(point[0] - step) < Math.abs(best[0] - step) ? point : best));
    const percent = (value) => (share ? `${Math.round(100 * value)}%` : short(value));
    const show = (step, chosen) => {
      now.replaceChildren(
        ...latest.map(([run, points]) =>
          make(
            "span",
            { class: run ? "b" : "a" },
            percent(step === null ? smooth(points)[points.length - 1][1] : at(points, step)[1]),
          ),
        ),
      );
      cross.setAttribute("visibility", step === null ? "hidden" : "visible");
      if (step !== null) cross.setAttribute("d", `M${x(step)} ${top - 6}V${bottom}`);
      cross.setAttribute("class", chosen ? "chosen" : "cross");
    };
    crossed.push(show);
    const stepAt = (event) => {
      const place = svg.getBoundingClientRect();
      return Math.max(0, Math.min(lastStep, Math.round(((event.clientX - place.left) / place.width) * lastStep)));
    };
    svg.addEventListener("mousemove", (event) => crossed.forEach((one) => one(stepAt(event), false)));
    svg.addEventListener("mouseleave", () => mark(state.step));
    svg.addEventListener("click", (event) => {
      chooseStep(stepAt(event));
    });
  }
  function mark(step) {
    crossed.forEach((show) => show(step, step !== null));
  }

  /* ---- the list ------------------------------------------------------------------------------------------------- */

  let shown = [];
  const haystack = (item) =>
    item.text === undefined
      ? (item.text = item.groups
          .map((group) =>
            [
              group.prompt,
              group.gold,
              group.place || "",
              ...group.rollouts.map((row) => `${row.output}\n${row.rule || ""}\n${row.repair ? row.repair.text : ""}`),
            ].join("\n"),
          )
          .join("\n")
          .toLowerCase())
      : item.text;

  function select() {
    const test = FILTERS.find(([name]) => name === state.filter)[3];
    const key = SORTS.find(([name]) => name === state.sort)[2];
    const query = state.query.trim().toLowerCase();
    const here = items.filter(
      (item) =>
        (state.step === null || item.groups.some((group) => group.step === state.step)) &&
        (!query || haystack(item).includes(query)),
    );
    for (const chip of $("filters").children) {
      const [name, , , own] = FILTERS[Number(chip.dataset.number)];
      chip.className = name === state.filter ? "chip on" : "chip";
      chip.setAttribute("aria-pressed", name === state.filter);
      chip.querySelector(".count").textContent = here.filter(own).length.toLocaleString("en");
    }
    shown = here
      .filter(test)
      .map((item) => [key(item), item])
      .sort((a, b) => a[0] - b[0] || a[1].number - b[1].number)
      .map(([, item]) => item);
    $("step").hidden = state.step === null;
    $("step").textContent = `step ${state.step} \u00d7`;
    $("rows").style.height = `${shown.length * ITEM}px`;
    if (!shown.some((item) => item.number === state.item)) state.item = shown.length ? shown[0].number : null;
    $("list").scrollTop = 0;
    reveal();
    list(true);
    detail();
    remember();
  }

  let window_ = [0, 0];
  function list(anew) {
    const box = $("list"),
      above = 4;
    const first = Math.max(0, Math.floor(box.scrollTop / ITEM) - above);
    const last = Math.min(shown.length, Math.ceil((box.scrollTop + box.clientHeight) / ITEM) + above);
    if (!anew && first === window_[0] && last === window_[1]) return;
    window_ = [first, last];
    if (!shown.length) {
      $("rows").replaceChildren(
        make(
          "p",
          { class: "none-found" },
          items.length
            ? "No group is like that. Esc takes the search and the step back."
            : "This run has no rollouts to look at.",
        ),
      );
      return;
    }
    $("rows").replaceChildren(...shown.slice(first, last).map((item, n) => row(item, first + n)));
  }

  const pictured = data.pictures.some((rows) => Object.keys(rows).length > 0);
  const pictureOf = (group) => ((data.pictures[group.run] || {})[group.row] || [])[0];
  function row(item, place) {
    const group = item.groups[0],
      picture = item.groups.map(pictureOf).find(Boolean);
    const node = make(
      "div",
      {
        class: `item${item.number === state.item ? " on" : ""}${pictured ? "" : " plain"}`,
        role: "option",
        title: group.title,
        on: { click: () => open(item, true) },
      },
      !pictured
        ? ""
        : picture
          ? make("img", { class: "thumb", src: picture, alt: "", decoding: "async" })
          : make("span", { class: "thumb" }),
      make(
        "div",
        {},
        put(make("div", { class: "title" }), group.title),
        make("div", { class: "strip" }, ...item.sides.map((side, run) => strip(side, run))),
      ),
      make("div", { class: "facts" }, make("div", { class: "num" }, `step ${item.step}`), facts(item)),
    );
    node.style.top = `${place * ITEM}px`;
    node.setAttribute("aria-selected", item.number === state.item);
    return node;
  }
  const ROOM = 150;
  function strip(group, run) {
    if (!group) return make("span", { class: "muted" }, "\u2013");
    const room = two ? ROOM / 2 : ROOM,
      ahead = two ? 6 : 0,
      count = group.rollouts.length;
    const gap = Math.max(6, Math.min(two ? 9 : 16, room / count)),
      size = Math.min(13, gap - 1),
      fit = Math.floor(room / gap);
    const svg = draw("svg", { width: Math.min(count, fit) * gap + ahead, height: 13, "aria-hidden": "true" });
    if (two) svg.append(draw("path", { d: "M1 1V12", class: `mean run-${run}` }));
    group.rollouts.slice(0, fit).forEach((rollout, n) => {
      const one = glyph(rollout, size);
      one.setAttribute("x", n * gap + ahead);
      one.setAttribute("y", (13 - size) / 2);
      svg.append(one);
    });
    return make(
      "span",
      { class: "scale" },
      svg,
      count > fit ? make("span", { class: "muted num" }, `+${count - fit}`) : "",
    );
  }
  function facts(item) {
    const said = [];
    const any = (test) => item.groups.some(test);
    if (any((group) => group.passed)) said.push(["\u21bb", "a repair passed"]);
    if (any((group) => group.near)) said.push(["\u2248", "near miss"]);
    if (any((group) => (group.surprises || []).length)) said.push(["!", "surprising verdict"]);
    if (state.sort === "credit")
      said.push([short(Math.max(...item.groups.map((group) => group.credit))), "biggest |advantage|"]);
    const nearest = Math.min(...item.groups.map((group) => group.nearest));
    if (state.sort === "near" && nearest < Infinity) said.push([short(nearest), "distance of the nearest miss"]);
    return make(
      "div",
      { class: "num" },
      ...said.map(([mark_, title], n) => make("span", { title }, n ? ` ${mark_}` : mark_)),
      said.length ? "" : "\u00a0",
    );
  }

  function reveal() {
    const place = shown.findIndex((item) => item.number === state.item),
      box = $("list");
    if (place < 0) return;
    if (place * ITEM < box.scrollTop) box.scrollTop = place * ITEM;
    else if ((place + 1) * ITEM > box.scrollTop + box.clientHeight)
      box.scrollTop = (place + 1) * ITEM - box.clientHeight;
  }
  function open(item, byHand) {
    state.item = item.number;
    state.rollout = null;
    reveal();
    list(true);
    if (byHand) $("detail").classList.add("open"); /* before it is filled: what is hidden has no width */
    detail();
    remember();
  }
  function move(by) {
    if (!shown.length) return;
    const place = shown.findIndex((item) => item.number === state.item);
    open(shown[Math.max(0, Math.min(shown.length - 1, place + by))], false);
    const seen = $("browser").getBoundingClientRect();
    if (seen.top > innerHeight * HALF || seen.bottom < innerHeight * HALF) $("browser").scrollIntoView();
  }

  /* ---- a group -------------------------------------------------------------------------------------------------- */

  function detail() {
    const box = $("detail"),
      item = items[state.item];
    box.scrollTop = 0;
    if (!item) {
      box.replaceChildren(make("p", { class: "muted" }, "No group is chosen."));
      return;
    }
    const back = make(
      "div",
      { class: "back" },
      make("button", { type: "button", on: { click: () => box.classList.remove("open") } }, "\u2190 Groups"),
      make("span", { class: "num" }, `${shown.indexOf(item) + 1} of ${shown.length}`),
      make("button", { type: "button", title: "Previous group", on: { click: () => move(-1) } }, "\u2191"),
      make("button", { type: "button", title: "Next group", on: { click: () => move(1) } }, "\u2193"),
    );
    const sides = make("div", { class: two ? "sides two" : "sides" });
    box.replaceChildren(back, question(item), legend(item), sides);
    item.sides.forEach((group, run) => sides.append(side(group, run)));
    for (const text of box.querySelectorAll(".text")) clamp(text);
  }

  function question(item) {
    const group = item.groups[0],
      images = (data.pictures[group.run] || {})[group.row];
    const pictures = make("div", { class: "images" });
    for (const source of images || []) {
      if (!source) {
        pictures.append(make("div", { class: "no-image" }, "cannot be decoded"));
        continue;
      }
      const image = make("img", { src: source, alt: "The prompt's image" });
      image.addEventListener("load", () => {
        if (image.naturalWidth < 100 && image.naturalHeight < 100) image.classList.add("small");
      });
      pictures.append(image);
    }
    if (!images)
      pictures.append(
        group.row === undefined
          ? make(
              "div",
              {
                class: "no-image",
                title: "No row of the training file has the name or the text of this prompt, or several have",
              },
              "image not known",
            )
          : make("div", { class: "no-image" }, "no room on the page for this image"),
      );
    const bare = bareOf(group.prompt),
      words = make("div", {}, marked(bare, [], null, 1));
    const raw = make(
      "button",
      { class: "more", type: "button", title: "The prompt with its chat template, as the model is given it" },
      "as the model sees it",
    );
    raw.addEventListener("click", () => {
      raw.remove();
      words.replaceChildren(marked(group.prompt, [], null, 1));
    });
    const reasons = [
      ...new Set(
        item.groups.flatMap((one) =>
          (one.surprises || []).map((why) => (two ? `${data.runs[one.run].name}: ${why}` : why)),
        ),
      ),
    ];
    return make(
      "div",
      { class: "question" },
      !pictured || (images && !images.length) ? null : pictures,
      make(
        "div",
        { class: "words" },
        words,
        bare === group.prompt.trim() ? null : raw,
        make(
          "div",
          { class: "facts-line" },
          make("span", {}, "gold ", put(make("b"), group.gold || "\u2013")),
          group.place ? put(make("span"), group.place) : null,
          ...item.groups.map((one) =>
            put(
              make("span", { class: "num" }),
              `${two ? data.runs[one.run].name + ": " : ""}step ${one.step}, ${one.right} of ${one.right + one.wrong} right`,
            ),
          ),
        ),
        reasons.length ? put(make("p", { class: "reasons" }), `Surprising: ${reasons.join("; ")}.`) : null,
      ),
    );
  }

  const strongestOf = (item) =>
    Math.max(
      1e-12,
      ...item.groups.flatMap((group) =>
        group.rollouts.flatMap((row) => (row.credit || []).map(([, advantage]) => Math.abs(advantage))),
      ),
    );
  function legend(item) {
    const strongest = strongestOf(item),
      line = make("div", { class: "caption" });
    const key = (rollout, text) => line.append(make("span", { class: "scale" }, glyph(rollout), text));
    key({ acc: 1, advantage: 1 }, "right");
    key({ acc: 0, advantage: 1 }, "wrong");
    const advised = item.groups.some((group) => group.rollouts.some((row) => row.advantage !== undefined));
    if (advised)
      line.append(
        make("span", { class: "scale" }, glyph({ acc: 1, advantage: 1, anchor: true }), "anchor"),
        make("span", {}, "hollow: teaches nothing"),
      );
    if (strongest > 1e-12)
      line.append(
        make(
          "span",
          { class: "scale", title: "The background of a text: the advantage of each token, by its root" },
          `credit a token \u2212${short(strongest)}`,
          make("i"),
          `+${short(strongest)}`,
        ),
      );
    if (item.groups.some((group) => group.rollouts.some((row) => row.repair && row.repair.text)))
      line.append(
        make(
          "span",
          {},
          make("span", { class: "gone" }, "lost"),
          " and ",
          make("span", { class: "new" }, "gained"),
          " by the repair",
        ),
      );
    return line;
  }

  const ORDER = [
    "anchor",
    "rescue_anchor",
    "repaired_positive",
    "hard_negative",
    "repaired_negative",
    "rescue_negative",
    "unused",
    "invalid",
  ];
  function side(group, run) {
    const box = make("div", { class: "side" });
    if (two) box.append(put(make("h3", {}, sample(run)), data.runs[run].name));
    if (!group) {
      box.append(make("p", { class: "muted" }, "This run has no group of this prompt, or it is not in the sample."));
      return box;
    }
    const rollouts = [...group.rollouts].map((rollout, n) => ({ rollout, n }));
    const role = ({ rollout }) => (rollout.role === undefined ? 0 : ORDER.indexOf(rollout.role));
    const far = ({ rollout }) => (rollout.distance === undefined ? 9 : rollout.distance);
    rollouts.sort((a, b) => role(a) - role(b) || far(a) - far(b) || a.n - b.n);
    const strongest = strongestOf(items[state.item]),
      biggest = Math.max(1e-12, ...group.rollouts.map((one) => Math.abs(one.advantage || 0)));
    const cards = new Map(),
      alike = new Map();
    const drawn = distances(group, (rollout) => choose(cards.get(rollout)));
    if (drawn) box.append(drawn);
    for (const { rollout } of rollouts) {
      /* Rollouts that teach nothing and say the same stand together. */
      const same = teaches(rollout) || rollout.repair ? null : `${rollout.acc} ${rollout.rule} ${rollout.output}`;
      const first = same && alike.get(same);
      if (first) {
        put(first.querySelector(".names"), `, #${rollout.name}`);
        cards.set(rollout, first);
        continue;
      }
      const node = card(rollout, strongest, biggest);
      if (same) alike.set(same, node);
      cards.set(rollout, node);
      box.append(node);
    }
    return box;
  }

  function distances(group, act) {
    const placed = group.rollouts.filter((rollout) => rollout.distance !== undefined);
    if (placed.length < 2) return null;
    const room = $("detail").clientWidth - 40,
      width = Math.max(240, Math.min(820, two && room > 640 ? room / 2 - 12 : room)),
      pitch = 12,
      left = 12,
      right = width - 54;
    const far = Math.max(...placed.map((rollout) => rollout.distance)),
      apart = far > 1e-6;
    const x = (value) => left + (apart ? (Math.max(0, value) / far) * (right - left) : 0);
    const columns = new Map(),
      marks = [];
    for (const rollout of [...placed].sort((a, b) => (b.anchor || 0) - (a.anchor || 0) || a.distance - b.distance)) {
      const column = Math.round(x(rollout.distance) / pitch),
        level = columns.get(column) || 0;
      columns.set(column, level + 1);
      marks.push([rollout, column, level]);
    }
    const levels = Math.max(...columns.values()),
      base = levels * 11 + 4;
    const svg = draw("svg", {
      viewBox: `0 0 ${width} ${base + 20}`,
      role: "img",
      "aria-label": "Cosine distance of each rollout to the nearest anchor",
    });
    svg.style.maxWidth = `${width}px`;
    svg.append(draw("path", { class: "grid", d: `M0 ${base}H${right + 12}` }));
    for (const share of !apart ? [0] : width < 480 ? [0, 1] : [0, HALF, 1])
      svg.append(
        draw("path", { class: "grid", d: `M${x(share * far)} ${base}v4` }),
        draw(
          "text",
          { x: x(share * far), y: base + 15, "text-anchor": share ? "middle" : "start" },
          share ? short(share * far) : apart ? "0 = the anchor's rationale" : "0: all like the anchor's rationale",
        ),
      );
    for (const [rollout, column, level] of marks) {
      const one = glyph(rollout, 10);
      one.setAttribute("x", Math.max(0, column * pitch - 5));
      one.setAttribute("y", base - 11 * (level + 1) - 1);
      one.removeAttribute("aria-hidden");
      one.style.cursor = "pointer";
      titled(
        one,
        `rollout ${rollout.name}: ${verdictOf(rollout.acc)}, ${(data.roles[rollout.role] || [rollout.role || ""])[0]}, distance ${short(rollout.distance)}`,
      );
      one.addEventListener("click", () => act(rollout));
      svg.append(one);
    }
    return make(
      "div",
      { class: "distances" },
      make("div", { class: "caption" }, make("span", {}, "cosine distance to the nearest anchor")),
      svg,
    );
  }

  function bar(value, biggest) {
    const svg = draw(
      "svg",
      { width: 64, height: 12, "aria-hidden": "true" },
      draw("path", { d: "M32 0V12", stroke: "var(--line)" }),
    );
    const size = (31 * Math.abs(value)) / biggest;
    svg.append(
      draw("rect", {
        x: value < 0 ? 32 - size : 32,
        y: 2,
        width: size,
        height: 8,
        rx: 1,
        fill: value < 0 ? "var(--down)" : "var(--up)",
      }),
    );
    return svg;
  }
  const ruleOf = (rule) =>
    rule
      ? put(make("span", { class: "rule", title: data.rules[rule] || "The verifier's rule behind the verdict" }), rule)
      : null;
  const verdict = (acc, word) =>
    make(
      "span",
      { class: `verdict ${acc === undefined ? "unknown" : acc > HALF ? "right" : "wrong"}` },
      word || verdictOf(acc),
    );

  function card(rollout, strongest, biggest) {
    const { repair } = rollout,
      used = repair && repair.used;
    const [role, meaning] = data.roles[rollout.role] || [rollout.role, ""];
    const line = make(
      "div",
      { class: "line" },
      glyph(rollout),
      put(make("span", { class: "muted num names" }), `#${rollout.name}`),
      verdict(rollout.acc),
      ruleOf(rollout.rule),
      used ? make("span", {}, "\u2192 repaired: ", verdict(repair.acc)) : null,
      role ? put(make("span", { class: "role", title: meaning }), role) : null,
    );
    const push = make("span", { class: "push num" });
    if (rollout.distance !== undefined)
      push.append(
        make(
          "span",
          { class: "muted", title: "Cosine distance to the nearest anchor" },
          `distance ${short(rollout.distance)}`,
        ),
      );
    if (rollout.advantage !== undefined)
      push.append(
        make(
          "span",
          { class: "scale", title: "Advantage of the row: how hard it is pushed, up or down" },
          bar(rollout.advantage, biggest),
          make("b", {}, signed(rollout.advantage)),
        ),
      );
    push.append(
      make("span", { class: "muted", title: "The reward of the sampled text" }, `score ${short(rollout.score)}`),
    );
    if (rollout.tokens !== undefined) push.append(make("span", { class: "muted" }, `${rollout.tokens} tokens`));
    line.append(push);
    const node = make("div", { class: teaches(rollout) ? "rollout" : "rollout idle", tabIndex: -1 }, line);
    if (!repair || !repair.text) {
      const text = marked(rollout.output, [], rollout.credit, strongest);
      if (!teaches(rollout)) text.style.setProperty("--clamp", "46px");
      node.append(make("div", { class: "body" }, text));
      if (repair)
        node.append(
          make(
            "div",
            { class: "pair" },
            put(
              make("p", { class: "cue" }),
              `A repair was asked for and came to nothing (${repair.outcome.replaceAll("_", " ")}).`,
            ),
          ),
        );
      return node;
    }
    const changes = difference(rollout.output, repair.text) || [[], []];
    node.append(
      make(
        "div",
        { class: "pair" },
        make(
          "p",
          { class: "cue", title: "What the policy was told after its own rationale" },
          make("b", {}, "cue  "),
          put(make("span"), repair.cue.trim()),
        ),
        make(
          "div",
          {},
          make("h4", {}, "as sampled: ", verdict(rollout.acc)),
          marked(rollout.output, changes[0], used ? null : rollout.credit, strongest),
        ),
        make(
          "div",
          {},
          make(
            "h4",
            {},
            "repaired: ",
            verdict(repair.acc),
            " ",
            ruleOf(repair.rule),
            used ? ", trained in its place" : ", not used: the sampled text is trained",
          ),
          marked(repair.text, changes[1], used ? rollout.credit : null, strongest),
        ),
      ),
    );
    return node;
  }

  function clamp(text) {
    text.classList.add("clamp");
    if (text.scrollHeight <= text.clientHeight + 4) {
      text.classList.remove("clamp");
      return;
    }
    const more = make("button", { class: "more", type: "button" }, "show all");
    more.addEventListener("click", () => {
      more.textContent = text.classList.toggle("clamp") ? "show all" : "show less";
    });
    text.after(more);
  }

  function choose(node) {
    for (const other of $("detail").querySelectorAll(".rollout.on")) other.classList.remove("on");
    if (!node) return;
    node.classList.add("on");
    node.scrollIntoView({ block: "nearest" });
  }
  function step(by) {
    const cards = [...$("detail").querySelectorAll(".rollout")];
    const place = cards.findIndex((node) => node.classList.contains("on"));
    choose(cards[Math.max(0, Math.min(cards.length - 1, place + by))]);
  }

  /* ---- what the reader does ------------------------------------------------------------------------------------- */

  function chooseStep(number) {
    state.step = state.step === number ? null : number;
    mark(state.step);
    select();
  }
  function find(text) {
    state.query = text;
    select();
  }

  const darkly = matchMedia("(prefers-color-scheme: dark)");
  function theme() {
    const name = state.theme || (darkly.matches ? "dark" : "light");
    document.documentElement.dataset.theme = name;
    $("theme").textContent = name === "dark" ? "Light" : "Dark";
  }
  function turn() {
    state.theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    theme();
    remember();
  }

  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input, select");
    if (event.key === "Escape" && !$("keys").open) {
      $("search").blur();
      $("detail").classList.remove("open");
      if (state.query || state.step !== null) {
        $("search").value = state.query = "";
        state.step = null;
        mark(null);
        select();
      }
      return;
    }
    if (typing || $("keys").open) return;
    const filter = FILTERS[Number(event.key) - 1];
    const acts = {
      j: () => move(1),
      ArrowDown: () => move(1),
      k: () => move(-1),
      ArrowUp: () => move(-1),
      ArrowRight: () => step(1),
      ArrowLeft: () => step(-1),
      "/": () => $("search").focus(),
      t: turn,
      "?": () => $("keys").showModal(),
    };
    if (acts[event.key]) {
      acts[event.key]();
      event.preventDefault();
    } else if (filter && /^[1-9]$/.test(event.key)) {
      state.filter = filter[0];
      select();
    }
  }

  function live() {
    if (!data.refresh) return;
    const say = () => {
      $("live").textContent = state.live ? "Live: on" : "Live: off";
    };
    $("live").hidden = false;
    $("live").title = `This page is written anew while the run goes on, and loads itself every ${data.refresh} s`;
    $("live").addEventListener("click", () => {
      state.live = !state.live;
      say();
      remember();
    });
    say();
    setInterval(() => {
      if (state.live && !document.hidden && document.activeElement !== $("search") && !$("keys").open)
        location.reload();
    }, data.refresh * 1000);
  }

  function begin() {
    recall();
    theme();
    header();
    signs();
    for (const [number, [name, label, title]] of FILTERS.entries())
      $("filters").append(
        make(
          "button",
          {
            class: "chip",
            type: "button",
            title: `${title} (${number + 1})`,
            "data-number": number,
            on: {
              click: () => {
                state.filter = name;
                select();
              },
            },
          },
          label,
          make("span", { class: "count" }),
        ),
      );
    for (const [name, label] of SORTS)
      $("sort").append(make("option", { value: name, selected: name === state.sort }, `by ${label.toLowerCase()}`));
    for (const [rollout, text] of [
      [{ acc: 1, advantage: 1 }, "right, and it teaches"],
      [{ acc: 0, advantage: 1 }, "wrong, and it teaches"],
      [{ acc: 1, advantage: 0 }, "hollow: it teaches nothing"],
      [{ acc: 1, advantage: 1, anchor: true }, "the anchor that the others are contrasted with"],
      [
        { acc: 0, advantage: 1, repair: { used: true, acc: 1 } },
        "wrong as sampled; its repair passed and takes its place",
      ],
      [{ advantage: 0 }, "without a verdict"],
    ])
      $("marks").append(make("dt", {}, glyph(rollout, 16)), make("dd", {}, text));
    for (const [mark_, text] of [
      ["\u21bb", "a repair in this group passed"],
      ["\u2248", "near miss: a wrong rollout among the closest to an anchor"],
      ["!", "a surprising verdict: the group says why"],
      ["\u25b2", "a failure sign of the paper; the shaded steps of its curve show when"],
    ])
      $("marks").append(make("dt", {}, mark_), make("dd", {}, text));
    $("search").value = state.query;
    let waiting = 0;
    $("search").addEventListener("input", (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => find(event.target.value), 120);
    });
    $("search").addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        find(event.target.value);
        event.target.blur();
      }
    });
    $("sort").addEventListener("change", (event) => {
      state.sort = event.target.value;
      select();
      event.target.blur();
    });
    $("step").addEventListener("click", () => chooseStep(state.step));
    $("theme").addEventListener("click", turn);
    $("help").addEventListener("click", () => $("keys").showModal());
    $("list").addEventListener("scroll", () => list(false), { passive: true });
    darkly.addEventListener("change", theme);
    document.addEventListener("keydown", keys);
    let resized = 0;
    addEventListener("resize", () => {
      clearTimeout(resized);
      resized = setTimeout(() => {
        curves();
        list(true);
      }, 150);
    });
    curves();
    select();
    live();
    document.documentElement.dataset.ready = "yes";
  }
  begin();
})();
