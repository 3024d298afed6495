import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Connection } from "../src/voice/connection";
import type { ConnectionListener } from "../src/voice/connection-listener";
import { authOk, authRequired, errorMessage, FakeSocket, soundFrame, status } from "./fakes";

let sockets: FakeSocket[];
let listener: { [Name in keyof ConnectionListener]: ReturnType<typeof vi.fn<ConnectionListener[Name]>> };

function latest(): FakeSocket {
  const socket = sockets.at(-1);
  if (!socket) throw new Error("no socket was opened");
  return socket;
}

function connect(resumeToken: string | null = null, lastSeq = 0, heardUpTo = (received: number) => received) {
  const openSocket = () => {
    const socket = new FakeSocket();
    sockets.push(socket);
    return socket;
  };
  const connection = new Connection({ openSocket, random: () => 0, heardUpTo }, listener, resumeToken, lastSeq);
  connection.open();
  return connection;
}

function goLive(): Connection {
  const connection = connect();
  latest().open();
  latest().receive(authRequired());
  connection.authenticate("471182");
  latest().receive(authOk());
  return connection;
}

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  listener = {
    onAuthRequired: vi.fn(),
    onLive: vi.fn(),
    onMessage: vi.fn(),
    onSound: vi.fn(),
    onNoRoom: vi.fn(),
    onLost: vi.fn(),
    onResumeFailed: vi.fn(),
    onEnded: vi.fn(),
  };
});

afterEach(() => {
  vi.useRealTimers();
});

describe("signing in", () => {
  it("tells whether a PIN is needed and sends it only when asked", () => {
    const connection = connect();
    latest().open();
    expect(latest().sent).toEqual([]);
    latest().receive(authRequired(true));
    expect(listener.onAuthRequired).toHaveBeenCalledWith(true);
    connection.authenticate("471182");
    expect(latest().sent).toEqual([{ type: "authenticate", audio: "stream", pin: "471182" }]);
  });

  it("keeps an early PIN until the server asks for it", () => {
    const connection = connect();
    connection.authenticate("471182");
    expect(latest().sent).toEqual([]);
    latest().receive(authRequired(true));
    expect(latest().sent).toEqual([{ type: "authenticate", audio: "stream", pin: "471182" }]);
    expect(listener.onAuthRequired).not.toHaveBeenCalled();
  });

  it("treats a login timeout as no error, and reconnects when the caller types a PIN", () => {
    const connection = connect();
    latest().receive(authRequired());
    latest().breakOff(1008);
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(1);
    expect(listener.onLost).not.toHaveBeenCalled();
    connection.open();
    connection.open();
    expect(sockets).toHaveLength(2);
    connection.authenticate("471182");
    latest().receive(authRequired());
    expect(latest().sent).toEqual([{ type: "authenticate", audio: "stream", pin: "471182" }]);
  });

  it("reconnects for a PIN that is submitted after the login timeout", () => {
    const connection = connect();
    latest().receive(authRequired());
    latest().receive(errorMessage("auth_required"));
    expect(listener.onMessage).not.toHaveBeenCalled();
    connection.authenticate("471182");
    latest().receive(authRequired());
    expect(latest().sent).toHaveLength(1);
  });

  it("sends the PIN again if the connection breaks before the answer", () => {
    const connection = connect();
    latest().receive(authRequired());
    connection.authenticate("471182");
    latest().breakOff();
    vi.advanceTimersToNextTimer();
    latest().receive(authRequired());
    expect(latest().sent).toEqual([{ type: "authenticate", audio: "stream", pin: "471182" }]);
    latest().receive(errorMessage("auth_failed"));
    latest().breakOff();
    connection.open();
    latest().receive(authRequired());
    expect(latest().sent).toEqual([]);
  });

  it("without a PIN is retried with growing delays when it is refused", () => {
    const connection = connect();
    listener.onAuthRequired.mockImplementation(() => {
      connection.authenticate(null);
    });
    const gaps: number[] = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      latest().receive(authRequired(false));
      latest().receive(errorMessage("internal_error"));
      const before = Date.now();
      vi.advanceTimersToNextTimer();
      gaps.push(Date.now() - before);
    }
    expect(gaps).toEqual([0, 150, 300, 600]);
  });

  it("allows another PIN on the same socket after a refusal", () => {
    const connection = connect();
    latest().receive(authRequired());
    connection.authenticate("1");
    latest().receive(errorMessage("auth_failed"));
    expect(listener.onMessage).toHaveBeenCalledWith(errorMessage("auth_failed"));
    connection.authenticate("2");
    expect(latest().sent).toHaveLength(2);
    expect(sockets).toHaveLength(1);
  });

  it("sends nothing before the session is live", () => {
    const connection = connect();
    latest().receive(authRequired());
    expect(connection.send({ type: "cancel" })).toBe(false);
    expect(latest().sent).toEqual([]);
  });
});

describe("a lost connection", () => {
  it("is retried at once and resumed from the last message received", () => {
    goLive();
    latest().receive(status("one", 1));
    latest().receive(status("two", 2));
    vi.advanceTimersByTime(3_000);
    latest().breakOff();
    expect(listener.onLost).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(0);
    expect(sockets).toHaveLength(2);
    latest().open();
    expect(latest().sent).toEqual([{ type: "authenticate", audio: "stream", resume_token: "ticket", last_seq: 2 }]);
  });

  it("is retried with growing delays of up to five seconds", () => {
    goLive();
    vi.advanceTimersByTime(3_000);
    const gaps: number[] = [];
    for (let attempt = 0; attempt < 8; attempt += 1) {
      latest().breakOff();
      const before = Date.now();
      vi.advanceTimersToNextTimer();
      gaps.push(Date.now() - before);
    }
    expect(gaps).toEqual([0, 150, 300, 600, 1_200, 2_500, 5_000, 5_000]);
  });

  it("that breaks right after each resume is not retried in a tight loop", () => {
    goLive();
    for (let attempt = 0; attempt < 5; attempt += 1) {
      latest().breakOff();
      vi.advanceTimersToNextTimer();
      latest().open();
      latest().receive(authOk({ resumed: true }));
    }
    latest().breakOff();
    const opened = sockets.length;
    vi.advanceTimersByTime(2_000);
    expect(sockets).toHaveLength(opened);
  });

  it("does not wait when the network is back", () => {
    const connection = goLive();
    latest().breakOff();
    vi.advanceTimersToNextTimer();
    latest().breakOff();
    connection.retryNow();
    expect(sockets).toHaveLength(3);
  });

  it("is noticed within four seconds of the last message", () => {
    goLive();
    vi.advanceTimersByTime(1_000);
    latest().receive(status("one", 1));
    vi.advanceTimersByTime(2_000);
    expect(latest().sent.at(-1)).toMatchObject({ type: "heartbeat", last_seq: 1 });
    vi.advanceTimersByTime(1_799);
    expect(listener.onLost).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(listener.onLost).toHaveBeenCalledOnce();
    vi.advanceTimersToNextTimer();
    latest().open();
    expect(latest().sent[0]).toMatchObject({ resume_token: "ticket", last_seq: 1 });
  });

  it("is not suspected while heartbeats are answered", () => {
    goLive();
    for (let beat = 0; beat < 6; beat += 1) {
      vi.advanceTimersByTime(2_000);
      latest().receive({ type: "heartbeat_ack", session_id: "s-1", seq: 0, ts_ms: 0 });
    }
    expect(listener.onLost).not.toHaveBeenCalled();
  });

  it("is not suspected while audio arrives, which is acknowledged now and then", () => {
    goLive();
    for (let seq = 1; seq <= 250; seq += 1) {
      latest().receiveSound(soundFrame([1], { seq }));
      vi.advanceTimersByTime(100);
    }
    expect(latest().sent.slice(1)).toMatchObject([{ type: "heartbeat" }, { type: "heartbeat" }]);
    expect(listener.onLost).not.toHaveBeenCalled();
  });

  it("is found at once when the page becomes visible again", () => {
    const connection = goLive();
    vi.advanceTimersByTime(500);
    connection.retryNow();
    expect(latest().sent.at(-1)).toMatchObject({ type: "heartbeat" });
    vi.advanceTimersByTime(1_800);
    expect(listener.onLost).toHaveBeenCalledOnce();
    connection.retryNow();
    expect(sockets).toHaveLength(2);
  });

  it("is replaced when a new socket does not answer, with a longer timeout each time", () => {
    goLive();
    latest().breakOff();
    for (const patience of [4_000, 7_000, 10_000, 10_000]) {
      vi.advanceTimersToNextTimer();
      const losses = listener.onLost.mock.calls.length;
      vi.advanceTimersByTime(patience - 1);
      expect(listener.onLost).toHaveBeenCalledTimes(losses);
      vi.advanceTimersByTime(1);
      expect(listener.onLost).toHaveBeenCalledTimes(losses + 1);
    }
  });

  it("of a page that has just been opened is given up after four seconds", () => {
    connect();
    vi.advanceTimersByTime(3_999);
    expect(listener.onLost).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(listener.onLost).toHaveBeenCalledOnce();
  });
});

describe("messages", () => {
  it("that are repeated after a resume are passed on once", () => {
    goLive();
    latest().receive(status("one", 1));
    latest().breakOff();
    vi.advanceTimersToNextTimer();
    latest().open();
    latest().receive(authOk({ resumed: true }));
    latest().receive(status("one", 1));
    latest().receive(status("two", 2));
    expect(listener.onMessage.mock.calls.map(([message]) => message.seq)).toEqual([1, 2]);
  });

  it("and audio frames share one sequence", () => {
    goLive();
    latest().receive(status("one", 1));
    latest().receiveSound(soundFrame([1], { seq: 2 }));
    latest().breakOff();
    vi.advanceTimersToNextTimer();
    latest().open();
    expect(latest().sent[0]).toMatchObject({ last_seq: 2 });
    latest().receive(authOk({ resumed: true }));
    latest().receiveSound(soundFrame([1], { seq: 2 }));
    latest().receiveSound(soundFrame([2], { seq: 3 }));
    latest().receiveSound(soundFrame([9], { kind: 4 }));
    latest().receiveSound(soundFrame([9], { kind: 4 }));
    expect(listener.onSound.mock.calls.map(([frame]) => [frame.kind, frame.seq])).toEqual([
      ["answer", 2],
      ["answer", 3],
      ["talk", 0],
      ["talk", 0],
    ]);
  });

  it("without a number are always passed on", () => {
    goLive();
    latest().receive(status("seven", 7));
    latest().receive(errorMessage("busy"));
    expect(listener.onMessage).toHaveBeenCalledTimes(2);
  });

  it("of a new session start a new sequence", () => {
    connect("old ticket", 40);
    latest().open();
    latest().receive(authOk({ resumed: false }));
    latest().receive(status("one", 1));
    expect(listener.onMessage).toHaveBeenCalledOnce();
  });
});

describe("resuming", () => {
  it("remembers for a reload which messages were received but not played", () => {
    const connection = connect("ticket", 9, (received) => Math.min(received, 4));
    latest().open();
    expect(latest().sent).toEqual([{ type: "authenticate", audio: "stream", resume_token: "ticket", last_seq: 9 }]);
    latest().receive(authOk({ resumed: true, resume_token: "next" }));
    expect(connection.ticket).toEqual({ resumeToken: "next", lastSeq: 4 });
  });

  it("that is refused falls back to the PIN on the same socket", () => {
    const connection = connect("stale");
    latest().open();
    latest().receive(authRequired(true));
    expect(listener.onAuthRequired).not.toHaveBeenCalled();
    latest().receive(errorMessage("resume_failed"));
    expect(listener.onResumeFailed).toHaveBeenCalledOnce();
    expect(listener.onAuthRequired).toHaveBeenCalledWith(true);
    expect(connection.ticket).toBeNull();
    connection.authenticate("471182");
    expect(latest().sent.at(-1)).toEqual({ type: "authenticate", audio: "stream", pin: "471182" });
  });

  it("follows a server that is about to stop, when it says so", () => {
    goLive();
    latest().receive({ type: "reconnect", session_id: "s-1", seq: 0, after_ms: 700 });
    expect(sockets[0]?.closed).toBe(true);
    vi.advanceTimersByTime(699);
    expect(sockets).toHaveLength(1);
    vi.advanceTimersByTime(1);
    latest().open();
    expect(latest().sent[0]).toMatchObject({ resume_token: "ticket" });
  });
});

describe("a server without room", () => {
  const noRoom = errorMessage("overloaded", { retry_after_ms: 4_000 });

  it("is retried after the delay that it asks for, with the waiting session", () => {
    connect("ticket");
    latest().open();
    latest().receive(noRoom);
    expect(listener.onNoRoom).toHaveBeenCalledWith(noRoom, 4_000);
    expect(sockets[0]?.closed).toBe(true);
    vi.advanceTimersByTime(3_999);
    expect(sockets).toHaveLength(1);
    vi.advanceTimersByTime(1);
    latest().open();
    expect(latest().sent[0]).toMatchObject({ resume_token: "ticket" });
  });

  it("is retried with the submitted PIN", () => {
    const connection = connect();
    latest().receive(authRequired());
    connection.authenticate("471182");
    latest().receive(noRoom);
    expect(listener.onMessage).not.toHaveBeenCalled();
    vi.advanceTimersByTime(4_000);
    latest().receive(authRequired());
    expect(latest().sent).toEqual([{ type: "authenticate", audio: "stream", pin: "471182" }]);
  });

  it("is retried when it accepts no more sockets from this address", () => {
    connect();
    const refusal = errorMessage("too_many_sessions", { retry_after_ms: 1_000 });
    latest().receive(refusal);
    latest().breakOff(1013);
    expect(listener.onNoRoom).toHaveBeenCalledExactlyOnceWith(refusal, 1_000);
    vi.advanceTimersByTime(1_000);
    expect(sockets).toHaveLength(2);
  });

  it("is retried at once when the caller asks, and not at all when they give up", () => {
    const connection = connect();
    latest().receive(noRoom);
    connection.retryNow();
    expect(sockets).toHaveLength(2);
    latest().receive(noRoom);
    connection.hangUp();
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(2);
  });

  it("does not end a call in progress", () => {
    goLive();
    latest().receive(noRoom);
    expect(listener.onMessage).toHaveBeenCalledWith(noRoom);
    expect(listener.onNoRoom).not.toHaveBeenCalled();
  });
});

describe("the end", () => {
  it("follows a hang-up, and is final", () => {
    const connection = goLive();
    connection.hangUp();
    expect(latest().sent.at(-1)).toEqual({ type: "hangup" });
    expect(latest().closed).toBe(true);
    expect(connection.ticket).toBeNull();
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(1);
  });

  it("follows when the server ends the session", () => {
    goLive();
    latest().receive(errorMessage("session_ended"));
    expect(listener.onEnded).toHaveBeenCalledWith(errorMessage("session_ended"));
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(1);
  });

  it("follows when another window resumes the session, without a fight between the two", () => {
    goLive();
    latest().breakOff(4001);
    expect(listener.onEnded).toHaveBeenCalledWith(null);
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(1);
  });
});
