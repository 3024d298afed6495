/** Details of a past turn: words, timings, tool calls. All data is inserted as text. */

import { element, make, setText } from "../../common/dom";
import type { TurnRecord } from "../../protocol.generated";
import { sessionAddress } from "../address";
import type { State } from "../state";
import { waterfallOf } from "../waterfall";
import { milliseconds, moment, nameOf, number } from "../words";
import { badge } from "./badges";
import { toolCalls } from "./tool-calls";
import { waterfallView } from "./waterfall-view";

export function mountDetail(onClose: () => void): (state: State) => void {
  const dialog = element("detail", HTMLDialogElement);
  const title = element("detail-title", HTMLElement);
  const error = element("detail-error", HTMLElement);
  const body = element("detail-body", HTMLElement);
  dialog.addEventListener("close", onClose);
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog) dialog.close(); // a click outside the dialog
  });
  element("close-detail", HTMLButtonElement).addEventListener("click", () => {
    dialog.close();
  });
  let drawn: TurnRecord | null = null;
  return ({ turns: { open, detail, detailError } }) => {
    if (open === null && dialog.open) dialog.close();
    setText(error, detailError);
    error.hidden = detailError === "";
    if (detail !== drawn) {
      drawn = detail;
      setText(title, detail ? titleOf(detail) : "Turn");
      body.replaceChildren(...(detail ? sections(detail) : []));
      dialog.scrollTop = 0;
    }
    if (open !== null && !dialog.open) dialog.showModal();
  };
}

function titleOf({ user_name, user_id, metadata }: TurnRecord): string {
  return `${user_name || user_id}, ${moment(metadata.t0)}`;
}

function sections(record: TurnRecord): HTMLElement[] {
  const waterfall = waterfallOf(record);
  const parts = [
    badges(record),
    record.error ? make("p", { class: "fault", "data-testid": "turn-error" }, record.error) : null,
    record.user_prompt || record.agent_response ? words(record) : null,
    waterfallView(waterfall),
    record.tool_calls.length > 0 ? toolCalls(record.tool_calls) : null,
    record.metadata.hand_over ? handOver(record.metadata.hand_over) : null,
    facts(record),
  ];
  return parts.filter((part) => part !== null);
}

function badges({ status, metadata }: TurnRecord): HTMLElement {
  return make(
    "p",
    { class: "badges" },
    badge("status", status),
    badge("domain", metadata.agent_type),
    make("span", { class: "badge" }, nameOf(metadata.source)),
    metadata.transfer_marker ? badge("status", "hand_over") : null,
  );
}

function words({ user_prompt, agent_response }: TurnRecord): HTMLElement {
  return make(
    "dl",
    { class: "said" },
    make("dt", {}, "Caller"),
    make("dd", { "data-testid": "turn-prompt" }, user_prompt || "–"),
    make("dt", {}, "Convonet"),
    make("dd", { "data-testid": "turn-answer" }, agent_response || "–"),
  );
}

function handOver(facts: NonNullable<TurnRecord["metadata"]["hand_over"]>): HTMLElement {
  const { department, extension, agent_name, outcome, why, waited_s, talked_s, sentences, summary } = facts;
  const { declined } = facts;
  return make(
    "section",
    { "data-testid": "hand-over" },
    make("h3", {}, "Hand-over"),
    list([
      ["Department", `${nameOf(department)} (${extension})`],
      ["Human", agent_name || "Nobody"],
      ["Outcome", why ? `${nameOf(outcome)}: ${nameOf(why).toLowerCase()}` : nameOf(outcome)],
      ["Declined by", declined.join("; ")],
      ["Waited", milliseconds(waited_s * 1_000)],
      [
        "Talked",
        talked_s > 0 ? `${milliseconds(talked_s * 1_000)}, ${number(sentences)} sentences heard` : "Not at all",
      ],
      ["Summary", summary],
    ]),
  );
}

function facts({ provider, model, request_id, user_id, metadata }: TurnRecord): HTMLElement {
  const { tokens_in, tokens_out, stt_provider, tts_provider, session_id, transfer_marker } = metadata;
  const session = make("a", { href: sessionAddress(session_id), "data-testid": "session-turns" }, session_id);
  return make(
    "section",
    {},
    make("h3", {}, "Facts"),
    list([
      ["Model", provider === "none" ? "No model answered" : `${nameOf(provider)} · ${model}`],
      ["Tokens", tokens_in + tokens_out > 0 ? `${number(tokens_in)} in, ${number(tokens_out)} out` : ""],
      ["Recognized by", stt_provider ? nameOf(stt_provider) : ""],
      ["Spoken by", tts_provider ? nameOf(tts_provider) : ""],
      ["Hand-over", transfer_marker ?? ""],
      ["Caller", user_id],
      ["Turns of session", session],
      ["Request", request_id],
    ]),
  );
}

function list(rows: [name: string, value: string | HTMLElement][]): HTMLElement {
  const filled = rows.filter(([, value]) => value !== "");
  const items = filled.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
  return make("dl", { class: "facts" }, ...items);
}
