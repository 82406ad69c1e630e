// Counts the sessions of a server from outside: the ids it gives out, and, asked with each of them, those it still knows.
import http from 'node:http';
import https from 'node:https';

const kListTools = '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}';

export class SessionTally {
  #origin;
  #sessions = new Map(); // by id, how it was opened: path and headers
  #streams = new Set(); // answers to GET that are event streams and still open

  constructor(server, origin) {
    this.#origin = origin;
    server.prependListener('request', (request, response) => this.#watch(request, response));
  }

  #watch(request, response) {
    const opens = request.method === 'POST' && !('mcp-session-id' in request.headers);
    const { path, headers } = { path: request.url, headers: { ...request.headers } };
    const { writeHead } = response;
    const tally = this;
    // Node calls this for every head, also for one that was set header by header.
    response.writeHead = function (...head) {
      const result = writeHead.apply(this, head);
      const text = this._header; // as it goes out; getHeader() misses what writeHead() was given
      const id = /^mcp-session-id: *(\S+)/im.exec(text)?.[1];
      if (opens && id && this.statusCode === 200) tally.#sessions.set(id, { path, headers });
      if (request.method === 'GET' && /^content-type: *text\/event-stream/im.test(text)) tally.#hold(this);
      return result;
    };
  }

  #hold(response) {
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
  }

  /** `opened` sessions ever, `left` that the server still answers for, `streams` open now. */
  async count() {
    const known = await Promise.all([...this.#sessions].map(([id, opener]) => this.#isKnown(id, opener)));
    return { opened: known.length, left: known.filter(Boolean).length, streams: this.#streams.size };
  }

  #isKnown(id, { path, headers }) {
    const { 'content-length': _, 'transfer-encoding': __, ...same } = headers;
    const options = { method: 'POST', headers: { ...same, 'mcp-session-id': id, connection: 'close' }, rejectUnauthorized: false };
    return new Promise((resolve, reject) => {
      const send = this.#origin.startsWith('https') ? https.request : http.request;
      const question = send(this.#origin + path, options, (answer) => {
        answer.destroy();
        if (answer.statusCode >= 500) reject(new Error(`session ${id}: ${answer.statusCode}`));
        else resolve(answer.statusCode < 300);
      });
      question.on('error', reject).end(kListTools);
    });
  }
}
