/** The frame of the page: connection, account, notices, and the visible section. */

import { element, make, setText } from "../../common/dom";
import { KeyedRows } from "../keyed-rows";
import { noticesOf, type Notice } from "../notices";
import type { Section, State } from "../state";

const SECTIONS: Section[] = ["now", "today", "turns"];
const TITLES: Record<Section, string> = { now: "Now", today: "Today", turns: "Turns" };

export function mountFrame(): (state: State) => void {
  const who = element("who", HTMLElement);
  const drawConnection = mountConnection();
  const drawSection = mountSections();
  const drawNotices = mountNotices();
  return (state) => {
    setText(who, state.live.staffName);
    drawConnection(state);
    drawSection(state);
    drawNotices(state);
  };
}

function mountConnection(): (state: State) => void {
  const words = element("connection", HTMLElement);
  return ({ live: { connected } }) => {
    const state = connected === null ? "connecting" : connected ? "live" : "lost";
    if (document.body.dataset["connected"] !== state) document.body.dataset["connected"] = state;
    setText(words, { connecting: "Connecting…", live: "Live", lost: "Reconnecting…" }[state]);
  };
}

function mountSections(): (state: State) => void {
  const links = [...document.querySelectorAll<HTMLAnchorElement>("[data-section]")];
  let shown: Section | null = null;
  return ({ section }) => {
    if (section === shown) return;
    shown = section;
    for (const name of SECTIONS) element(`section-${name}`, HTMLElement).hidden = name !== section;
    for (const link of links) link.ariaCurrent = link.dataset["section"] === section ? "page" : null;
    document.title = `${TITLES[section]} · Agent Monitor · Convonet`;
  };
}

function mountNotices(): (state: State) => void {
  const list = element("notices", HTMLElement);
  const rows = new KeyedRows<Notice & { key: string }>(
    list,
    ({ key }) => key,
    ({ kind }) => {
      const root = make("p", { class: "notice", "data-kind": kind });
      return {
        root,
        draw: ({ words }) => {
          setText(root, words);
        },
      };
    },
  );
  let drawn: State["live"] | null = null;
  return (state) => {
    if (state.live === drawn) return;
    drawn = state.live;
    rows.show(noticesOf(state).map((notice, index) => ({ ...notice, key: `${notice.kind} ${index}` })));
    list.hidden = list.childElementCount === 0;
  };
}
