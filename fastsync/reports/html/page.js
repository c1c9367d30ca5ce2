"use strict";
// Everything shown is made here, as text nodes: nothing of the data is ever read as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const [SLAVE, VERDICT, KEY, ATTRIBUTES, ACTION, ERROR, CHANGES] = [0, 1, 2, 3, 4, 5, 6];
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

// A cell's label stands beside it where the screen is too narrow for columns; roles stay where tables are laid out as lists.
function cell(content, label, className) {
  const made = make("td", content instanceof Node ? null : content, className);
  if (content instanceof Node) made.append(content);
  made.dataset.label = visible(label);
  made.setAttribute("role", "cell");
  return made;
}

function role(element, name) {
  element.setAttribute("role", name);
  return element;
}

function table(headings, lines, numbers) {
  const kind = (place) => numbers.includes(place) ? "number" : "";
  const head = role(make("tr"), "row");
  headings.forEach((text, place) => {
    const heading = role(make("th", text, kind(place)), "columnheader");
    heading.scope = "col";
    head.append(heading);
  });
  const body = role(make("tbody"), "rowgroup");
  for (const line of lines) {
    body.append(put(role(make("tr"), "row"), ...line.map((content, place) => cell(content, headings[place], kind(place)))));
  }
  const made = role(make("table", null, "stacked"), "table");
  return put(make("div", null, "wide"), put(made, put(role(make("thead"), "rowgroup"), head), body));
}

function notice(text, kind) {
  byId("notices").append(make("p", text, "notice " + (kind || "")));
}

function title() {
  const runs = data.runs.map((run) => (run.master.table || "master") + " \u2192 " + Object.keys(run.slaves).join(", "));
  byId("tables").textContent = visible((runs.length ? runs : Object.keys(data.counts)).join("; ")) || "Report";
}

function verdicts() {
  const signs = { good: "\u2713 ", bad: "\u2717 ", unknown: "? " };
  for (const verdict of data.verdicts) {
    byId("verdicts").append(make("p", signs[verdict.state] + verdict.text, "verdict " + verdict.state));
  }
}

function moment(text) {
  return text ? text.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z$/, "$1 $2 UTC") : null;
}

function duration(seconds) {
  if (typeof seconds !== "number") return null;
  if (seconds < 60) return count(seconds) + " s";
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60);
  if (minutes < 60) return minutes + " min " + whole % 60 + " s";
  return count(Math.floor(minutes / 60)) + " h " + minutes % 60 + " min";
}

// What is known of a run, as pairs of a name and its text: what no file tells is left out.
function factsOf(run, log) {
  const code = log.exit_code;
  const known = [
    ["began", moment(log.started)],
    ["ended", moment(log.ended)],
    ["took", run ? duration(run.elapsed_seconds) : null],
    ["command", log.command ? make("code", log.command) : null],
    ["exit code", code === undefined ? null : code + (log.meaning ? ", " + log.meaning : "")],
    ["scanned", run && typeof run.master.scanned === "number" ? items(run.master.scanned) + how(run) : null],
  ];
  return known.filter(([, text]) => text !== null);
}

function items(number) {
  return count(number) + (number === 1 ? " item" : " items");
}

function how(run) {
  const parts = [run.strategy, typeof run.segments === "number" ? count(run.segments) + (run.segments === 1 ? " segment" : " segments") : null,
    typeof run.master.read_units === "number" ? count(run.master.read_units) + " read units" : null];
  return parts.filter((part) => part).map((part) => ", " + part).join("");
}

function facts() {
  const told = data.runs.map((run, place) => [run, data.facts.find((log) => log.run === place) || {}]);
  for (const log of data.facts) if (log.run === null) told.push([null, log]);
  for (const [run, log] of told) {
    const known = factsOf(run, log);
    if (!known.length) continue;
    if (told.length > 1 && run) byId("facts").append(make("p", run.master.table + (run.shard ? ", shard " + run.shard : ""), "soft"));
    byId("facts").append(put(make("dl"), ...known.map(([name, text]) => put(make("div"), make("dt", name), text instanceof Node ? put(make("dd"), text) : make("dd", text)))));
  }
}

function notices() {
  const incomplete = data.runs.some((run) => run.complete === false);
  for (const report of data.reports) {
    if (!report.last) {
      notice(report.name + " was cut short after " + count(report.lines) + " lines: it does not hold every difference.", "bad");
    } else if (report.last.differences !== report.lines) {
      notice(report.name + " says that it holds " + count(report.last.differences) + " differences, but holds " + count(report.lines) + ".", "bad");
    } else if (!report.last.complete && !incomplete) {
      notice(report.name + " is of a run that was not complete: what it did not reach is not known.", "bad");
    }
  }
  for (const run of data.runs) {
    if (run.complete === false) notice("The run of " + run.master.table + " was not complete: what it did not reach is not known.", "bad");
    if (run.sample) notice("Only a sample of " + run.master.table + " was compared: " + run.sample.segments + " of " + run.sample.of + " segments.", "");
    if (run.shard) notice("These are the figures of shard " + run.shard + " of " + run.master.table + ".", "");
    for (const error of run.errors || []) notice(error, "bad");
  }
  if (data.left_out) {
    notice("The list holds the first " + count(rows.length) + " differences of " + count(rows.length + data.left_out) +
      ": " + count(data.left_out) + " more are counted, but not listed. They are in the report; --rows lists more.", "bad");
  }
}

const VERDICTS = ["missing", "differing", "extra"];
const COUNTERS = ["same", ...VERDICTS, "settled", "expired", "filtered", "written", "deleted", "contended", "slave_newer", "changed", "refused", "failed"];

function totals() {
  const counted = Object.entries(data.counts);
  byId("totals").hidden = !data.runs.length && !counted.length;
  data.runs.forEach((run, place) => totalsOf(run, data.uncompared[place]));
  const others = counted.filter(([name, counts]) => !isCounted(name, counts));
  if (others.length) linesOfReports(others);
}

// The counters of a slave that was not compared would all be 0, and are not shown.
function shown(counter, slave, compared) {
  if (!compared) return counter === "same" ? "not compared" : "";
  return counter === "extra" && slave.extra === null ? "not looked for" : count(slave[counter]);
}

function totalsOf(run, uncompared) {
  const section = byId("totals");
  const used = COUNTERS.filter((name) => name === "same" || VERDICTS.includes(name) || Object.values(run.slaves).some((slave) => slave[name]));
  const lines = Object.entries(run.slaves).map(([name, slave]) => [name,
    ...used.map((counter) => shown(counter, slave, !uncompared.includes(name))),
    count(slave.read_units), count(slave.write_units)]);
  const headings = ["slave", ...used.map((name) => name.replace("_", " ")), "read units", "write units"];
  if (data.runs.length > 1) section.append(make("h3", run.master.table + (run.shard ? ", shard " + run.shard : "")));
  section.append(table(headings, lines, headings.map((_, place) => place).slice(1)));
}

// Whether the statistics have the same counts as the reports: then they stand there once.
function isCounted(name, counts) {
  return data.runs.length > 0 && VERDICTS.every((verdict) =>
    data.runs.reduce((sum, run) => sum + (Object.hasOwn(run.slaves, name) && run.slaves[name][verdict] || 0), 0) === (counts[verdict] || 0));
}

function linesOfReports(counted) {
  const section = byId("totals");
  const used = (name) => counted.some(([, counts]) => counts[name]);
  const actions = [...new Set(counted.flatMap(([, counts]) => Object.keys(counts)))].filter((name) => name.startsWith("action ") && name !== "action none").sort();
  const columns = [...VERDICTS.filter(used), ...actions];
  if (data.runs.length) section.append(make("h3", "In the reports, which count otherwise"));
  section.append(table(["slave", ...columns.map((name) => name.replace("action ", ""))],
    counted.map(([name, counts]) => [name, ...columns.map((column) => count(counts[column] || 0))]), columns.map((_, place) => place + 1)));
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

const LEAST_POINTS = 3;
const FLAT = 0.05;

// Whether a chart of these numbers would show anything: there are enough of them, and they are not all about the same.
function isWorthDrawing(numbers) {
  const top = Math.max(...numbers);
  return numbers.length >= LEAST_POINTS && top - Math.min(...numbers) > FLAT * top;
}

function segments() {
  const section = byId("segments");
  for (const told of data.segments) {
    const drawn = [["items scanned", [told.scanned], ["items"]],
      ...Object.entries(told.slaves).map(([name, stacks]) => ["differences, " + name, stacks, VERDICTS])]
      .filter(([, stacks]) => isWorthDrawing(told.scanned.map((_, bar) => heightOf(stacks, bar))));
    if (!drawn.length) continue;
    section.hidden = false;
    if (data.segments.length > 1) section.append(make("p", told.name, "soft"));
    for (const [heading, stacks, kinds] of drawn) bars(section, heading, told, stacks, kinds);
  }
}

function heightOf(stacks, bar) {
  return stacks.reduce((sum, counts) => sum + counts[bar], 0);
}

// Bars of one height for each group of segments; `stacks` are counts by bar, each of its own kind.
function bars(section, heading, told, stacks, kinds) {
  const top = Math.max(...told.scanned.map((_, bar) => heightOf(stacks, bar)), 1);
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
  for (const points of data.courses) {
    const last = points[points.length - 1];
    chart("items scanned per second", points, (point) => point.scanned);
    for (const [what, words] of [["read_units", "read units"], ["write_units", "write units"], ["throttled", "throttled requests"]]) {
      for (const name of Object.keys(last[what] || {})) chart(words + " per second, " + name, points, (point) => (point[what] || {})[name]);
    }
  }
}

function chart(heading, points, value) {
  const steps = ratesOf(points, value);
  if (!isWorthDrawing(steps.map((step) => step[2]))) return;
  const section = byId("course");
  section.hidden = false;
  const end = points[points.length - 1].elapsed_seconds;
  const top = Math.max(...steps.map((step) => step[2]));
  const svg = picture(heading + ": at most " + count(top));
  shape(svg, "line", { x1: 0, x2: 1000, y1: 99, y2: 99 });
  shape(svg, "path", { d: "M" + steps.map(([from, to, rate]) => {
    const y = 98 - 96 * rate / top;
    return 1000 * from / end + "," + y + " L" + 1000 * to / end + "," + y;
  }).join(" L") });
  put(section, make("h3", heading + ", at most " + count(top)), svg,
    put(make("div", null, "scale"), make("span", "0 s"), make("span", duration(end))));
}

function ratesOf(points, value) {
  const steps = [];
  let before = { elapsed_seconds: 0 };
  for (const point of points) {
    const seconds = point.elapsed_seconds - before.elapsed_seconds;
    if (seconds > 0) steps.push([before.elapsed_seconds, point.elapsed_seconds, ((value(point) || 0) - (value(before) || 0)) / seconds]);
    before = point;
  }
  return steps;
}

function hint() {
  if (!data.facts.length) byId("hint").textContent = "When the run was, its exit code, and charts of it are in its log: --log-format json.";
}

// Links to the parts that the page has.
function contents() {
  const parts = [...document.querySelectorAll("main > section")].filter((section) => !section.hidden);
  if (parts.length < 2) return;
  for (const section of parts) {
    const link = make("a", section.querySelector("h2").textContent);
    link.setAttribute("href", "#" + section.id);
    byId("contents").append(link);
  }
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
    ...(row[CHANGES] || []).flat()].join("\n").toLowerCase();
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
  const all = count(rows.length) + (data.left_out ? " listed" : "") + (rows.length === 1 ? " difference" : " differences");
  byId("count").textContent = found.length === rows.length ? all : count(found.length) + " of " + all;
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
  const failed = ["failed", "refused", "contended"].includes(row[ACTION]);
  return [put(role(line, "row"), cell(row[VERDICT], "verdict", row[VERDICT]), cell(row[SLAVE], "slave"), cell(button, "key"),
    cell(make("code", row[ATTRIBUTES].join(", ")), "attributes", row[ATTRIBUTES].length ? "" : "empty"),
    cell(row[ACTION] === "none" ? "" : row[ACTION], "action", row[ACTION] === "none" ? "empty" : failed ? row[ACTION] : ""))];
}

function plain(key) {
  return Object.entries(key).map(([name, value]) => name + " " + (value && Object.values(value).length === 1 ? String(Object.values(value)[0]) : JSON.stringify(value))).join(", ");
}

function detailOf(row) {
  const inside = make("td");
  inside.colSpan = 5;
  if (row[ERROR]) inside.append(make("p", row[ERROR], "failed"));
  if (!row[CHANGES]) {
    inside.append(make("p", "The report holds no values: --report-values puts them in.", "soft"));
  } else {
    const made = table(["path", row[SLAVE], "master"], row[CHANGES].map((change) => [make("code", change[0]), ...valuesOf(change)]), []);
    made.firstChild.classList.add("sides");
    inside.append(made);
  }
  return put(role(make("tr", null, "detail"), "row"), role(inside, "cell"));
}

// The slave's value and the master's, which a repair would put in its place; of a set, the members of one side only.
function valuesOf([, slave, master, isMember]) {
  return [[slave, "- ", "removed"], [master, "+ ", "added"]].map(([value, sign, kind]) => {
    if (value === null) return make("span", isMember ? "" : "absent", "soft");
    return put(make("pre", null, "value " + kind), make("span", isMember ? sign + value : value));
  });
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

for (const part of [title, verdicts, facts, notices, totals, differences, messages, attributes, segments, course, hint, contents]) part();
document.documentElement.dataset.done = "yes";
