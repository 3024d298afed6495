/** Calls our own HTTP APIs with JSON. An error carries the server's message. */

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const AWAY = "The service can't be reached right now. Please try again in a moment.";

interface Options {
  method?: "GET" | "POST" | "PATCH";
  body?: object;
}

/** `path` is relative to the page. Throws `ApiError`, with status 0 if there was no answer. */
export async function api<Result>(path: string, { method = "GET", body }: Options = {}): Promise<Result> {
  const answer = await send(path, method, body);
  const content: unknown = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw refusal(answer.status, content);
  return content as Result;
}

async function send(path: string, method: string, body: object | undefined): Promise<Response> {
  const headers: Record<string, string> = body ? { "Content-Type": "application/json" } : {};
  try {
    return await fetch(path, { method, headers, body: body ? JSON.stringify(body) : null });
  } catch {
    throw new ApiError(0, "away", AWAY);
  }
}

function refusal(status: number, content: unknown): ApiError {
  const { code, message } = (content ?? {}) as { code?: string; message?: string };
  return new ApiError(status, code ?? "internal_error", message ?? AWAY);
}
