// Requests to the server, and the stream of what happens there.

export class ApiError extends Error {
  /** @param {number} status @param {import("./types.js").Problem} problem */
  constructor(status, problem) {
    super(problem.error);
    this.status = status;
    this.problem = problem;
  }
}

/** @param {string} method @param {string} path below /api @param {any} [body] @returns {Promise<any>} */
export async function call(method, path, body) {
  const sent = body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return read(await fetch(`/api${path}`, { method, ...sent }));
}

/** @param {Response} answer */
async function read(answer) {
  if (answer.status === 204) return null;
  const kind = answer.headers.get("content-type") ?? "";
  const data = kind.startsWith("application/json") ? await answer.json() : null;
  if (!answer.ok) throw new ApiError(answer.status, data ?? { error: answer.statusText, kind: "Error" });
  return data;
}

/** Bytes, and the rate that the header tells. @param {string} path */
export async function bytes(path) {
  const answer = await fetch(`/api${path}`);
  if (!answer.ok) await read(answer);
  return { buffer: await answer.arrayBuffer(), rate_hz: Number(answer.headers.get("x-rate-hz")) };
}

/**
 * Sends a file as it is, telling how far that is.
 * @param {string} path
 * @param {File} file
 * @param {(part: number) => void} [progress]
 * @returns {Promise<any>}
 */
export function upload(path, file, progress = () => {}) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("PUT", `/api${path}?filename=${encodeURIComponent(file.name)}`);
    request.responseType = "json";
    request.upload.onprogress = (event) => progress(event.loaded / Math.max(1, event.total));
    request.onerror = () => failed(new ApiError(0, { error: "the server cannot be reached, or refused the file", kind: "Error" }));
    request.onload = () => {
      const answer = request.response ?? { error: request.statusText, kind: "Error" };
      if (request.status < 300) done(answer);
      else failed(new ApiError(request.status, answer));
    };
    request.send(file);
  });
}

/**
 * Follows what happens on the server. Once it is heard, `catchUp` is called, because what happened before was missed: at first
 * (true), and after each interruption (false).
 * @param {(event: any) => void} see
 * @param {(first: boolean) => void} catchUp
 */
export function follow(see, catchUp) {
  const stream = new EventSource("/api/events");
  let greeted = false;
  stream.onmessage = (message) => {
    const event = JSON.parse(message.data);
    if (event.kind === "hello" || event.kind === "lagging") {
      catchUp(!greeted);
      greeted = true;
    } else see(event);
  };
}
