/** The arguments and results of each tool call, as recorded. */

import { make } from "../../common/dom";
import type { ToolCallRecord } from "../../protocol.generated";
import { milliseconds, nameOf } from "../words";
import { badge } from "./badges";

export function toolCalls(calls: readonly ToolCallRecord[]): HTMLElement {
  return make("section", { "data-testid": "tool-calls" }, make("h3", {}, "Tools"), ...calls.map(toolCall));
}

function toolCall(call: ToolCallRecord): HTMLElement {
  const { tool_name, status, duration_ms, elapsed_from_stop_ms: at, result, error } = call;
  const took = duration_ms == null ? "" : `, took ${milliseconds(duration_ms)}`;
  const isOpen = status === "failed";
  return make(
    "details",
    { class: "tool", "data-tool": tool_name, "data-status": status, open: isOpen },
    make(
      "summary",
      {},
      make("b", {}, tool_name),
      " ",
      badge("status", status),
      make("span", { class: "soft" }, ` after ${milliseconds(at)}${took}`),
    ),
    make("h4", {}, "Arguments"),
    block(JSON.stringify(call.arguments, null, 2), `${tool_name}, arguments`),
    ...(error ? [make("h4", {}, "Error"), block(error, `${tool_name}, error`, "fault")] : []),
    ...(result ? [make("h4", {}, "Result"), block(pretty(result), `${tool_name}, result`)] : []),
    ...(error || result ? [] : [make("p", { class: "soft" }, `No result: ${nameOf(status).toLowerCase()}.`)]),
  );
}

/** Focusable, so that a keyboard can scroll it. */
function block(text: string, label: string, kind = ""): HTMLElement {
  return make("pre", { tabindex: "0", role: "group", "aria-label": label, class: kind }, text);
}

/** Formats JSON on several lines; anything else stays as it is. */
function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
