/** A row of the list of turns. Turns in it do not change any more, so a row is drawn once. */

import { make } from "../../common/dom";
import type { TurnRow } from "../../protocol.generated";
import { turnAddress } from "../address";
import type { Row } from "../keyed-rows";
import { counted, milliseconds, moment, nameOf } from "../words";
import { badge } from "./badges";

export function turnRow(turn: TurnRow): Row<TurnRow> {
  const cell = (kind: string, ...children: (Node | string)[]) =>
    make("span", { role: "cell", class: kind }, ...children);
  const root = make(
    "div",
    { role: "row", class: "row", "data-turn": turn.request_id, "data-status": turn.status },
    cell("when figures", moment(turn.timestamp)),
    cell("who", turn.user_name || turn.user_id),
    cell("domain", badge("domain", turn.agent_type)),
    cell("words", make("a", { class: "open", href: turnAddress(turn.request_id) }, promptOf(turn)), answerOf(turn)),
    cell("status", badge("status", turn.status), turn.hand_over ? badge("status", "hand_over") : ""),
    cell("right figures wait", milliseconds(turn.first_audio_ms ?? turn.duration_ms)),
    cell("tools", ...tools(turn)),
  );
  return { root, draw: () => undefined };
}

function promptOf({ user_prompt, source }: TurnRow): string {
  return user_prompt || (source === "transfer" ? "Hand-over to a human" : "Nothing was understood");
}

function answerOf({ agent_response, provider }: TurnRow): HTMLElement {
  const who = provider === "none" ? "" : ` · ${nameOf(provider)}`;
  return make("span", { class: "soft answer" }, agent_response ? agent_response + who : `No answer${who}`);
}

function tools({ tool_calls: calls, failed_tools: failed }: TurnRow): (HTMLElement | string)[] {
  if (calls === 0) return [];
  return failed > 0 ? [make("span", { class: "bad" }, `${failed} of ${calls} failed`)] : [counted(calls, "tool")];
}
