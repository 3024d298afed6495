/** The caller's card. All of it is text by callers and models, never markup. */

import { element, make, setText } from "../../common/dom";
import type { Card, Spoken } from "../../protocol.generated";
import type { State } from "../state";

const SPEAKER: Record<string, string> = { user: "Caller", assistant: "Convonet" };

export function mountCard(): (state: State) => void {
  const card = element("card", HTMLElement);
  const talk = element("talk", HTMLElement);
  const lines = element("talk-lines", HTMLOListElement);
  let drawn: Card | null = null;
  let heard: readonly Spoken[] = [];
  return ({ view }) => {
    const said = view?.said ?? [];
    talk.hidden = said.length === 0;
    if (!beginsWith(said, heard)) lines.replaceChildren(); // the transcript of another talk
    heard = said;
    for (const { who, text } of said.slice(lines.childElementCount))
      lines.append(make("li", {}, make("b", {}, who === "caller" ? "Caller" : "You"), ` ${text}`));
    const shown = view?.card ?? null;
    card.hidden = shown === null;
    if (shown !== null && shown !== drawn) draw(shown);
    drawn = shown;
  };
}

function beginsWith(said: readonly Spoken[], beginning: readonly Spoken[]): boolean {
  return beginning.every(({ who, text }, index) => said[index]?.who === who && said[index].text === text);
}

function draw(card: Card): void {
  setText(element("card-name", HTMLElement), card.name);
  const verified = card.verified_by ? `Verified by ${card.verified_by}` : "Not verified";
  setText(element("card-how", HTMLElement), `${verified} · ${card.department}`);
  setText(element("card-reason", HTMLElement), card.reason || "not said");
  setText(element("card-summary", HTMLElement), card.summary);
  const done = card.open_items.length > 0 ? [make("h3", {}, "Done so far"), list(card.open_items)] : [];
  element("card-open", HTMLElement).replaceChildren(...done);
  const facts = Object.entries(card.facts).map(([title, lines]) =>
    make("section", {}, make("h3", {}, title), list(lines)),
  );
  element("card-facts", HTMLElement).replaceChildren(...facts);
  const lines = card.conversation.map(({ role, content }) =>
    make("li", {}, make("b", {}, SPEAKER[role ?? ""] ?? "Agent"), ` ${content ?? ""}`),
  );
  element("card-conversation", HTMLElement).replaceChildren(...lines);
}

function list(lines: readonly string[]): HTMLElement {
  return make("ul", { class: "plain" }, ...lines.map((line) => make("li", {}, line)));
}
