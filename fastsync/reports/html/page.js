"use strict";
// Everything shown is made here, as text nodes: nothing of the data is ever read as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const [SLAVE, VERDICT, KEY, ATTRIBUTES, ACTION, ERROR, MASTER, SLAVE_ITEM] = [0, 1, 2, 3, 4, 5, 6, 7];
const PER_PAGE = 100;
const rows = data.rows;
const byId = (id) => document.getElementById(id);

function make(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined && text !== null) element.textContent = visible(String(text));
  if (className) element.className = className;
  return element;
}

// Control, direction and other unseen characters are spelled out, so that a value cannot look like another one.
function visible(text) {
  return text.replace(/[^\P{C}\n\t]|[\u2028\u2029]/gu, (each) => "\\u{" + each.codePointAt(0).toString(16) + "}");
}

function count(number) {
  return typeof number === "number" ? number.toLocaleString("en", { maximumFractionDigits: 1 }) : "";
}

function put(parent, ...children) {
  parent.append(...children);
  return parent;
}

function table(headings, lines, numbers) {
  const head = make("tr");
  headings.forEach((text, place) => { const cell = make("th", text, numbers.includes(place) ? "number" : ""); cell.scope = "col"; head.append(cell); });
  const body = make("tbody");
  for (const line of lines) {
    const row = make("tr");
    line.forEach((cell, place) => row.append(cell instanceof Node ? put(make("td"), cell) : make("td", cell, numbers.includes(place) ? "number" : "")));
    body.append(row);
  }
  return put(make("div", null, "wide"), put(make("table"), put(make("thead"), head), body));
}

function notice(text, kind) {
  byId("notices").append(make("p", text, "notice " + (kind || "")));
}

function title() {
  const runs = data.runs.map((run) => run.master.table + " \u2192 " + Object.keys(run.slaves).join(", "));
  byId("tables").textContent = visible((runs.length ? runs : Object.keys(data.counts)).join("; "));
}

function notices() {
  for (const report of data.reports) {
    if (!report.last) {
      notice(report.name + " was cut short after " + count(report.lines) + " lines: it does not hold every difference.", "bad");
    } else if (report.last.differences !== report.lines) {
      notice(report.name + " says that it holds " + count(report.last.differences) + " differences, but holds " + count(report.lines) + ".", "bad");
    } else if (!report.last.complete) {
      notice(report.name + " is of a run that was not complete: what it did not reach is not known.", "bad");
    }
  }
  for (const run of data.runs) {
    if (run.complete === false) notice("The run of " + run.master.table + " was not complete: what it did not reach is not known.", "bad");
    if (run.sample) notice("Only a sample of " + run.master.table + " was compared: " + run.sample.segments + " of " + run.sample.of + " segments.", "");
    if (run.shard) notice("These are the figures of shard " + run.shard + " of " + run.master.table + ".", "");
    const found = Object.values(run.slaves).some((slave) => slave.missing || slave.differing || slave.extra);
    if (run.complete && !found && !run.sample) notice("No difference was found.", "good");
  }
  if (data.left_out) {
    notice("The table below holds the first " + count(rows.length) + " differences of " + count(rows.length + data.left_out) +
      ": " + count(data.left_out) + " more are counted, but not listed. They are in the report; --rows lists more.", "bad");
  }
}

const COUNTERS = ["same", "missing", "differing", "extra", "settled", "expired", "filtered", "written", "deleted", "contended", "slave_newer", "changed", "refused", "failed"];

function totals() {
  const section = byId("totals");
  for (const run of data.runs) {
    section.append(make("h3", run.master.table));
    section.append(make("p", count(run.master.scanned) + " items scanned in " + count(run.elapsed_seconds) + " s, " + run.strategy + ", " +
      count(run.segments) + " segments, " + count(run.master.read_units) + " read units", "soft"));
    const used = COUNTERS.filter((name) => name === "same" || ["missing", "differing", "extra"].includes(name) || Object.values(run.slaves).some((slave) => slave[name]));
    const lines = Object.entries(run.slaves).map(([name, slave]) => [name,
      ...used.map((counter) => counter === "extra" && slave.extra === null ? "not looked for" : count(slave[counter])),
      count(slave.read_units), count(slave.write_units)]);
    const headings = ["slave", ...used.map((name) => name.replace("_", " ")), "read units", "write units"];
    section.append(table(headings, lines, headings.map((_, place) => place).slice(1)));
    for (const error of run.errors || []) notice(error, "bad");
  }
  const counted = Object.entries(data.counts);
  if (data.runs.length && !counted.length) return;
  if (!counted.length) { section.append(make("p", "The reports hold no difference.")); return; }
  const columns = [...new Set(counted.flatMap(([, counts]) => Object.keys(counts)))].sort((a, b) => a.startsWith("action ") - b.startsWith("action ") || a.localeCompare(b));
  section.append(make("h3", "Lines of the reports"));
  section.append(table(["slave", ...columns.map((name) => name.replace("action ", "\u2192 "))],
    counted.map(([name, counts]) => [name, ...columns.map((column) => count(counts[column] || 0))]), columns.map((_, place) => place + 1)));
  if (!data.runs.length) section.append(make("p", "No statistics were given: items that are the same, units and times are in the file of --stats.", "soft"));
}

function attributes() {
  if (!data.attributes.length) return;
  const section = byId("attributes");
  section.hidden = false;
  const most = data.attributes[0][1];
  section.append(table(["attribute", "items", ""], data.attributes.map(([name, items]) => {
    const bar = make("span", null, "bar");
    bar.style.width = 100 * items / most + "%";
    return [make("code", name), count(items), bar];
  }), [1]));
  if (data.attributes_left_out) section.append(make("p", "and " + count(data.attributes_left_out) + " more attributes", "soft"));
}

const VERDICTS = ["missing", "differing", "extra"];

function segments() {
  const section = byId("segments");
  section.hidden = false;
  if (!data.segments.length) {
    section.append(make("p", "Nothing to draw: where differences lie is told by the log of a run with --log-format json, which has a line for each segment, and none of the files given holds one.", "soft"));
    return;
  }
  for (const told of data.segments) {
    if (data.segments.length > 1) section.append(make("p", told.name, "soft"));
    bars(section, "items scanned", told, [told.scanned], ["items"]);
    for (const [name, stacks] of Object.entries(told.slaves)) {
      if (stacks.some((counts) => counts.some((each) => each))) bars(section, "differences, " + name, told, stacks, VERDICTS);
      else section.append(make("p", name + ": no difference in any of these segments", "soft"));
    }
  }
  section.append(make("p", "More --segments show more precisely where differences lie.", "soft"));
}

// Bars of one height for each group of segments; `stacks` are counts by bar, each of its own kind.
function bars(section, heading, told, stacks, kinds) {
  const top = Math.max(...told.scanned.map((_, bar) => stacks.reduce((sum, counts) => sum + counts[bar], 0)), 1);
  const where = told.each === 1 ? "in one segment" : "in " + count(told.each) + " segments";
  const svg = picture(heading + " by segment: at most " + count(top) + " " + where);
  const step = 1000 / told.scanned.length;
  told.scanned.forEach((_, bar) => {
    const first = bar * told.each, last = Math.min(first + told.each - 1, told.last);
    const words = stacks.map((counts, kind) => count(counts[bar]) + " " + kinds[kind]).join(", ");
    let height = 0;
    stacks.forEach((counts, kind) => {
      if (!counts[bar]) return;
      const size = 98 * counts[bar] / top;
      const rect = shape(svg, "rect", { x: bar * step, y: 99 - height - size, width: 0.85 * step, height: size, class: kinds[kind] });
      rect.append(document.createElementNS(svg.namespaceURI, "title"));
      rect.firstChild.textContent = "segment " + count(first) + (last > first ? " to " + count(last) : "") + ": " + words;
      height += size;
    });
  });
  shape(svg, "line", { x1: 0, x2: 1000, y1: 99, y2: 99 });
  const legend = put(make("div", null, "legend"), ...kinds.filter((_, kind) => stacks[kind].some((each) => each)).map((kind) => make("span", "\u25a0 " + kind, kind)));
  put(section, make("h3", heading + ", at most " + count(top) + " " + where), svg,
    put(make("div", null, "scale"), make("span", "segment 0"), make("span", "segment " + count(told.last))), legend);
}

function picture(words) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const has = { viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img", "aria-label": visible(words) };
  for (const [name, value] of Object.entries(has)) svg.setAttribute(name, value);
  return svg;
}

function shape(svg, kind, has) {
  const made = document.createElementNS(svg.namespaceURI, kind);
  for (const [name, value] of Object.entries(has)) made.setAttribute(name, value);
  svg.append(made);
  return made;
}

function course() {
  const section = byId("course");
  const drawn = data.courses.filter((points) => points[points.length - 1].elapsed_seconds > 0);
  section.hidden = false;
  if (!drawn.length) {
    section.append(make("p", "Nothing to draw: throughput over time is taken from the progress lines of --log-format json (one every 30 seconds, and one at the end), and the files given hold none.", "soft"));
    return;
  }
  if (drawn.some((points) => points.length === 1)) {
    section.append(make("p", "A run of less than half a minute has one progress line, at its end: what is drawn is its average.", "soft"));
  }
  for (const points of drawn) {
    chart(section, "items scanned per second", points, (point) => point.scanned);
    for (const name of Object.keys(points[points.length - 1].read_units || {})) {
      chart(section, "read units per second, " + name, points, (point) => (point.read_units || {})[name]);
    }
    for (const [what, words] of [["write_units", "write units"], ["throttled", "throttled requests"]]) {
      for (const name of Object.keys(points[points.length - 1][what] || {})) {
        if (points[points.length - 1][what][name]) chart(section, words + " per second, " + name, points, (point) => (point[what] || {})[name]);
      }
    }
  }
}

function chart(section, heading, points, value) {
  const steps = [];
  let before = { elapsed_seconds: 0 };
  for (const point of points) {
    const seconds = point.elapsed_seconds - before.elapsed_seconds;
    if (seconds > 0) steps.push([before.elapsed_seconds, point.elapsed_seconds, ((value(point) || 0) - (value(before) || 0)) / seconds]);
    before = point;
  }
  const end = before.elapsed_seconds;
  const top = Math.max(...steps.map((step) => step[2]), 0.001);
  const svg = picture(heading + ": at most " + count(top));
  shape(svg, "line", { x1: 0, x2: 1000, y1: 99, y2: 99 });
  shape(svg, "path", { d: "M" + steps.map(([from, to, rate]) => {
    const y = 98 - 96 * rate / top;
    return 1000 * from / end + "," + y + " L" + 1000 * to / end + "," + y;
  }).join(" L") });
  put(section, make("h3", heading + ", at most " + count(top)), svg,
    put(make("div", null, "scale"), make("span", "0 s"), make("span", count(end) + " s")));
}

function messages() {
  if (!data.messages.length) return;
  const section = byId("messages");
  section.hidden = false;
  section.append(table(["time", "level", "message"], data.messages.map((line) => [line.time, line.level, line.message]), []));
  if (data.messages_left_out) section.append(make("p", "and " + count(data.messages_left_out) + " more", "soft"));
}

let found = rows;
let first = 0;

function searched(row) {
  return [row[SLAVE], row[VERDICT], row[ACTION], row[ERROR] || "", JSON.stringify(row[KEY]), row[ATTRIBUTES].join(" "),
    row[MASTER] ? JSON.stringify(row[MASTER]) : "", row[SLAVE_ITEM] ? JSON.stringify(row[SLAVE_ITEM]) : ""].join("\n").toLowerCase();
}

function filter() {
  const wanted = byId("search").value.toLowerCase();
  const spelled = JSON.stringify(wanted).slice(1, -1);
  const picked = [[SLAVE, byId("slave").value], [VERDICT, byId("verdict").value], [ACTION, byId("action").value]].filter((pick) => pick[1] !== "");
  found = rows.filter((row) => picked.every(([place, value]) => row[place] === value));
  if (wanted) found = found.filter((row) => { const text = searched(row); return text.includes(wanted) || text.includes(spelled); });
  first = 0;
  show();
}

function show() {
  const body = byId("rows").tBodies[0];
  body.replaceChildren(...found.slice(first, first + PER_PAGE).flatMap(lineOf));
  byId("count").textContent = count(found.length) + " of " + count(rows.length) + (data.left_out ? " listed" : "") + " differences";
  byId("place").textContent = found.length ? count(first + 1) + " to " + count(Math.min(first + PER_PAGE, found.length)) + " of " + count(found.length) : "none";
  byId("previous").disabled = first === 0;
  byId("next").disabled = first + PER_PAGE >= found.length;
}

function lineOf(row) {
  const line = make("tr");
  const button = make("button", null, "open");
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  button.append(make("code", plain(row[KEY])));
  let detail = null;
  button.addEventListener("click", () => {
    if (detail) { detail.remove(); detail = null; } else { detail = detailOf(row); line.after(detail); }
    button.setAttribute("aria-expanded", String(detail !== null));
  });
  const verdict = make("td", row[VERDICT]);
  verdict.classList.add(row[VERDICT]);
  const action = make("td", row[ACTION] === "none" ? "" : row[ACTION]);
  if (["failed", "refused", "contended"].includes(row[ACTION])) action.classList.add(row[ACTION]);
  return [put(line, verdict, make("td", row[SLAVE]), put(make("td"), button), put(make("td"), make("code", row[ATTRIBUTES].join(", "))), action)];
}

function plain(key) {
  return Object.entries(key).map(([name, value]) => name + " " + (value && Object.values(value).length === 1 ? String(Object.values(value)[0]) : JSON.stringify(value))).join(", ");
}

function detailOf(row) {
  const cell = make("td");
  cell.colSpan = 5;
  if (row[ERROR]) cell.append(make("p", row[ERROR], "failed"));
  const sides = [row[MASTER], row[SLAVE_ITEM]];
  if (!sides[0] && !sides[1]) {
    cell.append(make("p", "The report holds no values: --report-values puts them in.", "soft"));
  } else {
    const names = row[ATTRIBUTES].length ? row[ATTRIBUTES] : [...new Set(sides.flatMap((side) => Object.keys(side || {})))].sort();
    const made = table(["attribute", "master", row[SLAVE]], names.map((name) => [make("code", name), ...sides.map((side) => valueOf(side, name))]), []);
    made.firstChild.className = "sides";
    cell.append(made);
  }
  return put(make("tr", null, "detail"), cell);
}

function valueOf(side, name) {
  if (!side || !Object.hasOwn(side, name)) return make("span", side ? "absent" : "no item", "soft");
  const value = side[name];
  const type = value && typeof value === "object" ? Object.keys(value)[0] : undefined;
  if (type === undefined) return make("pre", JSON.stringify(value), "value");
  const inner = value[type];
  return put(make("pre", null, "value"), make("span", type, "type"), make("span", typeof inner === "string" ? inner : JSON.stringify(inner, null, 1)));
}

function options(select, place) {
  for (const value of [...new Set(rows.map((row) => row[place]))].sort()) {
    const option = make("option", value);
    option.value = value;
    select.append(option);
  }
}

function differences() {
  if (!rows.length) return;
  byId("differences").hidden = false;
  options(byId("slave"), SLAVE);
  options(byId("verdict"), VERDICT);
  options(byId("action"), ACTION);
  let waiting;
  byId("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 200); });
  for (const id of ["slave", "verdict", "action"]) byId(id).addEventListener("change", filter);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("previous").addEventListener("click", () => { first -= PER_PAGE; show(); });
  byId("next").addEventListener("click", () => { first += PER_PAGE; show(); });
  show();
}

for (const part of [title, notices, totals, attributes, segments, course, messages, differences]) part();
document.documentElement.dataset.done = "yes";
