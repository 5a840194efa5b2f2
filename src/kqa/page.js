// The body of a function that Gradio calls once with `element` and `server`. The conversation lives in these variables and
// nowhere else: nothing is written to the browser's storage, and closing the tab forgets it.
const WAIT = 20000; // milliseconds until a silent server counts as gone
const TRIES = 5; // of one question, where the server is busy and says when to ask again
const PATIENT = 10; // seconds that it may say for that; with more it is the reader who decides
const GONE = "The server does not answer. Check the connection, then try again.";
const TOO_LONG = 12000; // characters that a request cannot hold; shorter ones the server judges
const EARLIER = 12; // questions that the server reads before this one: eight, the first of them with four before it
const MOST_BYTES = 60000; // of questions in a request, of which the server takes 64 kB
const $ = (id) => document.getElementById(id);
const turns = new Map(); // number → {article, fold, kept}
let asked = []; // the questions of this conversation, oldest first; handed back with the next one
let current = 0;
let last = 0;
let opener = null;
const earlierTitle = made("h2", "", "Earlier in this conversation");
const countries = JSON.parse($("kqa-help").dataset.countries); // in their usual order
let country = null; // whose numbers the reader wants first; until then the browser's region says, or else the server
const UNION = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split(" ");
const REGIONS = { US: "US", GB: "UK", CA: "Canada", AU: "Australia", ...Object.fromEntries(UNION.map((code) => [code, "EU"])) };

const box = () => document.querySelector("#question textarea, #question input");

function fill(question) {
  const field = box();
  if (!field || field.value === question) return;
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, question);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// Empty the box for good: taken out and put back, it holds nothing that Undo could bring again.
function clearBox() {
  fill("");
  const field = box();
  if (!field) return;
  const { parentNode, nextSibling } = field;
  const focused = field === document.activeElement;
  field.remove();
  parentNode.insertBefore(field, nextSibling);
  if (focused) field.focus({ preventScroll: true });
}

function say(text) {
  $("kqa-status").textContent = text;
}

// Gradio's own call hides every status but 200, and with it when to ask again. The session holds nothing: one serves everybody.
async function send(name, data) {
  const stage = window.gradio_config.components.find(({ props }) => props.elem_id === "stage");
  const body = JSON.stringify({ data, component_id: stage.id, fn_name: name, session_hash: "page" });
  const headers = { "content-type": "application/json" };
  const response = await fetch("gradio_api/component_server/", { method: "POST", headers, body });
  const reply = await response.json();
  return response.ok ? reply : { ...(reply.detail ?? reply), seconds: Number(response.headers.get("retry-after")) };
}

async function call(name, data) {
  const late = new Promise((done) => setTimeout(done, WAIT));
  const reply = await Promise.race([send(name, data), late]).catch(() => null);
  return reply && (typeof reply.html === "string" || reply.error) ? reply : { error: GONE };
}

function parsed(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  return holder.content;
}

function made(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

// Letters without case, accents and curls: what is compared when words are looked for.
function plainly(text) {
  const bare = text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  return bare.replace(/[‘’]/g, "'").replace(/[“”]/g, '"').replace(/\s+/g, " ");
}

function sentence(text) {
  return text[0].toUpperCase() + text.slice(1).replace(/\.?$/, ".");
}

function locale(tag) {
  try {
    return new Intl.Locale(tag);
  } catch {
    return {}; // browsers name some that are none, like en-US@posix
  }
}

// A further language says what a reader can read, not where: only the region of the first one counts.
function regional() {
  const locales = navigator.languages.map(locale);
  const region = locales.find((known) => known.region && known.language === locales[0].language)?.region;
  return region && [REGIONS[region], "elsewhere"].find((name) => countries.includes(name));
}

// Put the numbers of one country first; the others stay, in their usual order. What holds the focus is not moved.
function putFirst(panel) {
  const first = country ?? regional();
  if (!first || !panel.querySelector(".lead")) return;
  const place = (node) => (node.dataset.country === first ? -1 : countries.indexOf(node.dataset.country));
  const sorted = (nodes) => [...nodes].sort((a, b) => place(a) - place(b));
  panel.querySelector(".at-once")?.replaceChildren(...sorted(panel.querySelectorAll(".at-once > li")));
  const [lead, ...others] = sorted(panel.querySelectorAll("div[data-country]"));
  panel.querySelector(".lead").replaceChildren(lead);
  panel.querySelector(".countries").replaceChildren(...others);
  const choice = panel.querySelector("select");
  if (!choice) return;
  choice.value = first;
  choice.closest("p").querySelector("span").textContent = country ? "come first." : "come first, guessed from your browser.";
}

function chooseCountry(choice) {
  country = choice.value;
  putFirst(choice.closest(".panel"));
  say(`Numbers for ${country} come first.`);
}

// What is heard of a turn: how it ended and what it was read with; in danger the first numbers, for who does not see them.
function heard(article) {
  const { said, after } = article.dataset;
  const parts = [said, ...(after ? [`Read as a follow-up to: ${after}`] : [])];
  const panel = article.querySelector(".panel.urgent");
  const first = panel?.querySelector(".lead [data-country]")?.dataset.country;
  const line = panel?.querySelector(".lead .lines li");
  if (first) parts.push(`Numbers for ${first}`);
  const urgent = first && panel.querySelector(`.at-once [data-country="${first}"] .call`);
  if (first) parts.push(urgent ? `Emergency: ${urgent.textContent}` : "In an emergency, call your local number");
  if (line) parts.push([...line.children].map((part) => part.textContent).join(", "));
  return parts.map(sentence).join(" ");
}

function folded(turn) {
  if (!turn.fold) {
    turn.fold = made("details", "earlier", "");
    const summary = made("summary", "", "");
    summary.append(made("q", "asked", turn.article.dataset.question), made("span", "meta", turn.article.dataset.said));
    turn.fold.append(summary);
  }
  turn.fold.open = false;
  if (turn.article.parentNode !== turn.fold) turn.fold.append(turn.article);
  return turn.fold;
}

// Make these the children of a place; those that are there already are not touched, however long the conversation.
function settle(place, children) {
  for (const child of [...place.children]) if (!children.includes(child)) child.remove();
  let next = place.firstChild;
  for (const child of children) {
    if (child === next) next = next.nextSibling;
    else place.insertBefore(child, next);
  }
}

// Put one turn on top and fold the others below it, newest first; 0 shows home.
function arrange(shown, home = shown === 0) {
  current = shown;
  for (const [number, turn] of turns) {
    if (number !== shown && !turn.kept) turns.delete(number);
  }
  const numbers = [...turns.keys()].sort((a, b) => b - a);
  const bar = $("kqa-bar");
  bar.hidden = asked.length === 0;
  $("kqa-turn").replaceChildren(...(shown ? [turns.get(shown).article] : []), bar);
  $("kqa-turn").querySelector(".turn-head")?.append(bar);
  const others = numbers.filter((number) => number !== shown).map((number) => folded(turns.get(number)));
  $("kqa-earlier").hidden = others.length === 0;
  settle($("kqa-earlier"), others.length ? [earlierTitle, ...others] : []);
  $("kqa-home").hidden = !home;
}

function busy(is) {
  element.dispatchEvent(new Event("busy")); // a question was asked, answered or given up: nothing may cover what follows
  $("kqa-turn").setAttribute("aria-busy", String(is));
  document.body.classList.toggle("kqa-busy", is);
}

function clearProblem() {
  $("kqa-problem").replaceChildren();
}

function fail(question, reply, options) {
  arrange(0, false);
  const panel = made("section", "panel failed", "");
  const again = made("button", "link", "Try again");
  again.type = "button";
  again.addEventListener("click", () => ask(question, options));
  panel.append(made("h2", "", "This question was not answered"));
  if (question.trim()) panel.append(made("p", "asked", question.length > 160 ? question.slice(0, 160) + "…" : question));
  panel.append(made("p", "", sentence(reply.error)));
  if (!reply.final) panel.append(again);
  if (!reply.final || reply.unread) panel.append(...$("kqa-help").cloneNode(true).childNodes);
  putFirst(panel);
  $("kqa-problem").replaceChildren(panel);
  say("");
  bringIntoSight(panel);
}

// Ask again by itself where the server is busy, somewhat later than it said: not everybody comes back at once.
async function persist(data) {
  for (let tries = 1; ; tries += 1) {
    const reply = await call("turn", data);
    if (!reply.seconds || reply.seconds > PATIENT || tries === TRIES || data.turn !== last) return reply;
    say(`Many people are asking at this moment. Your question is asked again by itself in ${reply.seconds} seconds or a little more.`);
    document.body.classList.add("kqa-waiting"); // seconds, in which what stands there can be read
    await new Promise((done) => setTimeout(done, reply.seconds * 1000 * (1 + Math.random() / 2)));
    document.body.classList.remove("kqa-waiting");
    if (data.turn !== last) return reply;
    say("Searching…");
  }
}

async function ask(question, options = {}) {
  const number = ++last;
  const history = options.alone ? [] : (options.after ?? asked).slice(-EARLIER);
  while (history.length && new Blob([JSON.stringify([question, history])]).size > MOST_BYTES) history.shift();
  fill(question);
  clearProblem();
  say("Searching…");
  busy(true);
  const tooLong = { error: `the question has ${question.length.toLocaleString("en")} characters; ask in at most 2,000`, final: true, unread: true };
  const reply = question.length > TOO_LONG ? tooLong : await persist({ question, history, turn: number });
  if (number !== last) return; // a newer question overtook this one
  busy(false);
  if (reply.error) return fail(question, reply, options);
  const article = parsed(reply.html).firstElementChild;
  const kept = "kept" in article.dataset;
  turns.set(number, { article, history, kept });
  asked.push(question.slice(0, 2000));
  article.querySelectorAll(".panel").forEach(putFirst);
  nameAfter(article, article.querySelector(".turn-head h2") ?? article.querySelector("h2"), number);
  if (!kept) clearBox();
  remember(number, article, options.replace);
  arrange(number);
  say(heard(article));
  if (options.focus) focusOn(article);
  bringIntoSight(article, options.focus);
}

// On a short screen, or with large letters, the box alone may fill the page: help that stands below it is not seen.
function bringIntoSight(shown, fromTop = false) {
  if (fromTop || window.scrollY > 0) window.scrollTo(0, 0);
  if (shown.getBoundingClientRect().top > window.innerHeight / 2) shown.scrollIntoView();
}

// Only questions that may be kept go into the address; one about a crisis leaves no trace in the browser's history.
function remember(number, article, replace) {
  const kept = "kept" in article.dataset;
  const address = location.pathname + (kept ? fragment(article) : "");
  history[replace ? "replaceState" : "pushState"]({ turn: number }, "", address);
}

function nameAfter(article, title, number) {
  if (title) {
    title.id = `turn-${number}-title`;
    article.setAttribute("aria-labelledby", title.id);
  }
}

function focusOn(target) {
  if (!target.hasAttribute("tabindex")) target.tabIndex = -1;
  target.focus({ preventScroll: true });
}

// A follow-up's address names the question it was read with, or the link would ask something else.
function fragment(article) {
  const { question, after } = article.dataset;
  return `#q=${encodeURIComponent(question)}` + (after ? `&after=${encodeURIComponent(after)}` : "");
}

function askFromAddress() {
  const found = new URLSearchParams(location.hash.slice(1));
  const question = found.get("q");
  const place = placeIn(found);
  if (!question?.trim()) return place !== null && openLinked(place);
  const answered = ask(question, { replace: true, after: found.getAll("after") });
  const number = last;
  answered.then(() => {
    const turn = turns.get(current);
    if (!turn?.kept || current !== number) return; // no document over help, none for another question
    if (!box()?.value) fill(question); // the box may come late
    if (place) openLinked(place, turn.article);
  });
  return true;
}

function forget() {
  last += 1; // an answer still on its way is no longer wanted
  turns.clear();
  asked = [];
  country = null;
  busy(false);
  clearProblem();
  arrange(0);
  say("A new conversation. Everything before is forgotten.");
  history.replaceState(null, "", location.pathname);
  fill("");
  box()?.focus();
}

const placeOf = ({ dataset: { document: path, span, sha256 } }) => ({ path, span: span ? span.split(",").map(Number) : null, sha256 });

// Open the sheet with a document; its button gets the focus back, and its address, where it has one, opens it again.
async function openDocument(button, place = placeOf(button), address = "") {
  opener = button;
  const reply = await call("document", place);
  const sheet = $("kqa-sheet");
  const failed = `<header class="sheet-head"><h2 id="sheet-title">Not opened</h2>
    <button type="button" class="link close" data-close>Close</button></header><div class="sheet-body"><p></p></div>`;
  sheet.replaceChildren(parsed(reply.error ? failed : reply.html));
  if (reply.error) sheet.querySelector("p").textContent = reply.error;
  sheet.classList.toggle("not-answering", Boolean(button?.closest(".closest, .side")));
  sheet.removeAttribute("aria-describedby");
  if (sheet.querySelector("#sheet-gone")) sheet.setAttribute("aria-describedby", "sheet-gone");
  if (!sheet.open) sheet.showModal();
  history.pushState({ turn: current, sheet: true }, "", address);
  const hit = sheet.querySelector("mark") || sheet.querySelector(".hit");
  if (hit) hit.scrollIntoView({ block: "center" });
  else sheet.scrollTop = 0;
}

function closed() {
  if (history.state?.sheet) history.back();
  opener?.focus();
}

// Bring what the address names back: a turn from memory, a question from a link, or home.
function travel() {
  const sheet = $("kqa-sheet");
  if (sheet.open) return sheet.close();
  if (history.state?.sheet) return history.back(); // what was closed stays closed
  const wanted = history.state?.turn ?? 0;
  if (wanted && wanted === current) return;
  last += 1;
  busy(false);
  clearProblem();
  if (turns.has(wanted)) {
    const { article } = turns.get(wanted);
    arrange(wanted);
    fill(article.dataset.question);
    say(`“${article.dataset.question}”: ${heard(article)}`);
    if (document.activeElement === document.body) focusOn(article); // what held the focus went with the other turn
  } else if (!askFromAddress()) {
    arrange(0);
    fill("");
    say("");
  }
}

// The browser may keep a page that was left, for its Back button: it holds no question that was referred or not yet screened.
function leave() {
  const waiting = document.body.classList.contains("kqa-busy");
  const kept = turns.get(current)?.kept;
  if (kept !== false && !waiting && !$("kqa-problem").hasChildNodes()) return;
  last += 1;
  busy(false);
  clearProblem();
  if (!kept) arrange(0);
  clearBox();
  say("");
}

async function despite(details) {
  const place = details.querySelector("div");
  if (details.open) return place.replaceChildren(); // about to close: what was shown is not kept
  say((place.textContent = "Searching…"));
  const { article, history } = turns.get(current);
  const reply = await call("sources", { question: article.dataset.question, history, turn: current });
  if (reply.error) place.textContent = reply.error;
  else place.replaceChildren(parsed(reply.html));
  const count = place.querySelectorAll(".card").length;
  say(count ? `${count} passage${count === 1 ? "" : "s"}` : place.textContent);
}

function jump(id) {
  const target = document.getElementById(id);
  if (!target) return;
  const details = target.closest("details");
  if (details) details.open = true;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "center" });
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = made("textarea", "", text); // without https there is no clipboard but this one
    (button.closest("dialog") || document.body).append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    button.focus();
  }
  const label = button.dataset.label || (button.dataset.label = button.textContent);
  const name = button.dataset.name ?? (button.dataset.name = button.ariaLabel ?? "");
  button.textContent = "Copied";
  button.ariaLabel = null; // a name says what can be read on the button
  say("Copied");
  setTimeout(() => {
    button.textContent = label;
    button.ariaLabel = name || null;
  }, 2000);
}

element.addEventListener("click", (event) => {
  const target = event.target.closest("button, a[data-jump], summary, dialog");
  if (!target) return;
  const data = target.dataset;
  const turn = target.closest(".turn");
  if ("ask" in data) ask(data.ask, { focus: true });
  else if ("alone" in data) ask(turn.dataset.question, { alone: true, focus: true });
  else if (target.id === "ask-button") ask(box()?.value ?? "");
  else if ("new" in data) forget();
  else if ("document" in data) openDocument(target);
  else if ("copy" in data) copy(target, data.copy);
  else if ("passage" in data) copy(target, linkTo(target));
  else if ("verify" in data) verifyQuote(target);
  else if ("link" in data) copy(target, location.origin + location.pathname + fragment(turn));
  else if ("close" in data || event.target.id === "kqa-sheet") $("kqa-sheet").close();
  else if ("jump" in data) {
    event.preventDefault(); // the fragment of the address belongs to the question
    jump(data.jump);
  } else if (target.parentElement?.hasAttribute("data-despite")) despite(target.parentElement);
});
$("kqa-sheet").addEventListener("close", closed);
element.addEventListener("change", (event) => {
  if (event.target.matches("select[data-first]")) chooseCountry(event.target);
});
window.addEventListener("popstate", travel);
window.addEventListener("pagehide", leave);

document.documentElement.lang = "en"; // Gradio writes the browser's language there
new MutationObserver(() => {
  if (document.documentElement.lang !== "en") document.documentElement.lang = "en";
}).observe(document.documentElement, { attributeFilter: ["lang"] });

window.kqa = { ask };
askFromAddress();
