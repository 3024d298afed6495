/** The two charts of today, each with a table of the same numbers. */

import { element } from "../../common/dom";
import type { Hour, StageLatency, Today } from "../../protocol.generated";
import { KeyedRows, type Row } from "../keyed-rows";
import { counted, milliseconds, number } from "../words";
import { cellsRow } from "../views/cells";
import { BarChart } from "./chart";

/** The marks in the order in which a turn reaches them. */
const STAGES: Record<string, string> = {
  stt_ms: "Words recognized",
  agent_start_ms: "Domain chosen",
  first_token_ms: "First words",
  first_sentence_ms: "First sentence",
  tts_ms: "First audio synthesized",
  first_audio_ms: "First audio",
  agent_ms: "Whole answer",
  last_audio_ms: "Last audio",
};

export function mountHours(): (today: Today) => void {
  const canvas = element("hours", HTMLCanvasElement);
  const chart = new BarChart(canvas, { kind: "columns", stacked: true, write: number });
  const rows = new KeyedRows<Hour>(
    element("hours-table", HTMLElement),
    ({ hour }) => String(hour),
    () => cellsRow(3, ({ hour, turns, failed }) => [hourName(hour), number(turns), number(failed)]),
  );
  return ({ hours, turns }) => {
    const answered = hours.map((hour) => hour.turns - hour.failed);
    const failed = hours.map((hour) => hour.failed);
    chart.show({
      labels: hours.map(({ hour }) => hourName(hour)),
      series: [
        { name: "Answered", color: "--good", values: answered },
        { name: "Not answered", color: "--bad", values: failed },
      ],
    });
    rows.show(hours);
    const all = failed.reduce((sum, count) => sum + count, 0);
    canvas.ariaLabel = `Turns per hour: ${counted(turns, "turn")} today, ${number(all)} not answered. The table has each hour.`;
  };
}

export function mountStages(): (today: Today) => void {
  const canvas = element("stages", HTMLCanvasElement);
  const chart = new BarChart(canvas, { kind: "rows", stacked: false, write: milliseconds });
  const rows = new KeyedRows<StageLatency>(element("stages-table", HTMLElement), ({ stage }) => stage, stageRow);
  return ({ latency }) => {
    const known = Object.keys(STAGES);
    const stages = latency
      .filter(({ stage }) => known.includes(stage))
      .sort((a, b) => known.indexOf(a.stage) - known.indexOf(b.stage));
    chart.show({
      labels: stages.map(({ stage }) => STAGES[stage] ?? stage),
      series: [
        { name: "Median", color: "--good", values: stages.map(({ p50_ms }) => p50_ms) },
        { name: "95th percentile", color: "--much", values: stages.map(({ p95_ms }) => p95_ms) },
      ],
    });
    rows.show(stages);
    const words = stages.map(({ stage, p50_ms }) => `${STAGES[stage] ?? stage} ${milliseconds(p50_ms)}`);
    canvas.ariaLabel = `Median time from the end of the utterance: ${words.join(", ") || "no turn yet"}.`;
  };
}

function stageRow(): Row<StageLatency> {
  return cellsRow(4, ({ stage, count, p50_ms, p95_ms }) => [
    STAGES[stage] ?? stage,
    number(count),
    milliseconds(p50_ms),
    milliseconds(p95_ms),
  ]);
}

function hourName(hour: number): string {
  return `${String(hour).padStart(2, "0")}:00`;
}
