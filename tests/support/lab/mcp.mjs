// The MCP endpoints themselves: what the official SDKs answer, as handlers from `Request` to `Response`.
import { randomUUID } from 'node:crypto';
import { McpServer as LegacyServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { registerLabTools } from './tools.mjs';

const kVersion = '1.0.0';
const kSessionsMax = 256;
const kIdleMsMax = 5 * 60_000;
const kValidator = new AjvJsonSchemaValidator(); // one for all: by itself each session makes its own

/** Streamable HTTP with sessions, as SDK v1 does it (2024-11-05 … 2025-11-25). Sessions are bounded in number and age. */
class LegacyEndpoint {
  #sessions = new Map(); // by session id, the longest unused first

  constructor() {
    setInterval(() => this.#expire(), kIdleMsMax / 5).unref();
  }

  async fetch(request, with_search) {
    const id = request.headers.get('mcp-session-id');
    const session = id === null ? await this.#create() : this.#touch(id);
    if (!session) {
      return Response.json({ jsonrpc: '2.0', error: { code: -32001, message: 'Session not found' }, id: null }, { status: 404 });
    }
    session.search.enabled = with_search; // not enable()/disable(): those would announce the change
    if (request.method === 'GET') request.signal.addEventListener('abort', () => session.transport.closeStandaloneSSEStream());
    const response = await session.transport.handleRequest(request);
    if (session.transport.sessionId === undefined) await session.server.close(); // refused: it was no initialize
    return response;
  }

  async #create() {
    const server = new LegacyServer({ name: 'lab-legacy', version: kVersion }, { jsonSchemaValidator: kValidator });
    const search = registerLabTools(server);
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => {
        this.#sessions.set(id, { server, search, transport, used_at: performance.now() });
        this.#expire();
      },
      onsessionclosed: (id) => this.#sessions.delete(id),
    });
    await server.connect(transport);
    return { server, search, transport };
  }

  #touch(id) {
    const session = this.#sessions.get(id);
    if (!session) return null;
    session.used_at = performance.now();
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    return session;
  }

  #expire() {
    for (const [id, session] of this.#sessions) {
      const idle = performance.now() - session.used_at > kIdleMsMax;
      if (!idle && this.#sessions.size <= kSessionsMax) return;
      this.#sessions.delete(id);
      session.server.close().catch(() => {});
    }
  }
}

/** The legacy endpoint as `{whole, without_search}`, both on the same sessions. */
export function makeLegacy() {
  const endpoint = new LegacyEndpoint();
  return {
    whole: { fetch: (request) => endpoint.fetch(request, true) },
    without_search: { fetch: (request) => endpoint.fetch(request, false) },
  };
}

/** A stateless 2026-07-28 endpoint; with `legacy: 'stateless'` it also answers the older eras, with 'reject' it does not. */
export function makeModern(name, legacy) {
  const build = (with_search) => createMcpHandler(() => {
    const server = new McpServer({ name, version: kVersion });
    const search = registerLabTools(server);
    if (!with_search) search.remove();
    return server;
  }, { legacy });
  return { whole: build(true), without_search: build(false) };
}
