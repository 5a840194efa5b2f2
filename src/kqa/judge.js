// Follows page.js in the same function where readers may judge passages: one press sends one judgment, nothing else does.
async function judge(button) {
  const details = button.closest(".judge");
  if (details.ariaBusy === "true") return;
  const article = button.closest(".turn");
  const { document: path, span, sha256 } = details.closest(".actions").querySelector("[data-document]").dataset;
  const [start, end] = span.split(",").map(Number);
  const { history } = [...turns.values()].find((turn) => turn.article === article);
  const place = { document: path, start, end, sha256 };
  const judgment = { question: article.dataset.question, history, ...place, verdict: button.dataset.verdict };
  details.querySelector(".told")?.remove();
  details.ariaBusy = "true";
  say("Sending…");
  const reply = await call("judge", judgment);
  details.ariaBusy = null;
  if (reply.error) {
    const told = sentence(reply.error);
    details.querySelector(".verdicts").append(made("p", "told", told));
    return say(told);
  }
  const kept = parsed(reply.html).firstElementChild;
  const said = kept.textContent;
  (details.closest(".kept") ?? details).replaceWith(kept);
  kept.append(details);
  details.open = false;
  const summary = details.querySelector("summary");
  summary.textContent = "Change";
  summary.ariaLabel = summary.ariaLabel.replace("Judge", "Change judgment of");
  summary.focus(); // the button that was pressed is hidden now
  say(said);
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-verdict]");
  if (button) judge(button);
});
