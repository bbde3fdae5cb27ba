// Calls of /api/v1. Errors are RFC 9457 problems and carry what to do.

export interface Problem {
  status: number;
  code: string;
  title: string;
  detail: string;
  requestId: string;
}

export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title);
  }
}

export interface Job {
  id: string;
  kind: string;
  cluster: string;
  state: string;
  object?: { kind?: string; uuid?: string | null; name?: string };
  steps?: { name: string; state: string; ganeti_job?: number | null; ganeti_status?: string | null }[];
  waiting_for?: string | null;
  error?: { code?: string; message?: string; hint?: string | null } | null;
}

export interface LogLine {
  serial: number;
  time: string;
  text: string;
}

function persona(): Record<string, string> {
  const id = document.body.dataset["persona"];
  return id ? { "Gwm-Act-As": id } : {};
}

async function problem(response: Response): Promise<Problem> {
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  const text = (name: string) => (typeof body[name] === "string" ? (body[name] as string) : "");
  return {
    status: response.status,
    code: text("code"),
    title: text("title") || `The server answered ${response.status}`,
    detail: text("detail"),
    requestId: text("request_id") || response.headers.get("x-request-id") || "",
  };
}

/** Sends one request; an ended login leads to the login page and back here, but for acts (those with a key): see actions.ts. */
export async function call<T>(method: string, path: string, body?: unknown, key?: string): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers: {
        Accept: "application/json",
        ...persona(),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(key ? { "Idempotency-Key": key } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError({
      status: 0,
      code: "unreachable",
      title: "The server can’t be reached",
      detail: "Nothing is known to have changed. Check the network and try again.",
      requestId: "",
    });
  }
  if (response.status === 401 && !key) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  if (!response.ok) throw new ApiError(await problem(response));
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
}

/** `hidden`: there may be lines, which are for operators of the cluster. */
export const jobLog = (job: string, after: number): Promise<{ items: LogLine[]; hidden: boolean }> =>
  call("GET", `/jobs/${encodeURIComponent(job)}/log?after=${after}`);

export const ended = (state: string): boolean => state === "succeeded" || state === "failed" || state === "canceled";
