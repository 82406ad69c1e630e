// The tools of a server as the official clients see them, one JSON line:
//   node list-tools.mjs URL [--client v1|v2] [--transport http|sse] [--header 'K: V']…
// `v1` is the client of @modelcontextprotocol/sdk, `v2` that of @modelcontextprotocol/client, which chooses the era itself.
// A private CA goes into NODE_EXTRA_CA_CERTS.
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    client: { type: 'string', default: 'v1' },
    transport: { type: 'string', default: 'http' },
    header: { type: 'string', multiple: true, default: [] },
  },
});
const url = new URL(positionals[0]);
const headers = Object.fromEntries(values.header.map((line) => line.split(/: */, 2)));

async function load() {
  if (values.client === 'v2') {
    const { Client, SSEClientTransport, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
    return { Client, SSEClientTransport, StreamableHTTPClientTransport, options: { versionNegotiation: { mode: 'auto' } } };
  }
  const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
  const { SSEClientTransport } = await import('@modelcontextprotocol/sdk/client/sse.js');
  const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
  return { Client, SSEClientTransport, StreamableHTTPClientTransport, options: {} };
}

const sdk = await load();
const Transport = values.transport === 'sse' ? sdk.SSEClientTransport : sdk.StreamableHTTPClientTransport;
const client = new sdk.Client({ name: 'official', version: '1' }, sdk.options);
const transport = new Transport(url, { requestInit: { headers } });
await client.connect(transport);
const names = [];
let cursor;
do { // the v2 client gives the union of all pages by itself, the v1 client one page at a time
  const page = await client.listTools(cursor === undefined ? {} : { cursor });
  names.push(...page.tools.map((tool) => tool.name));
  cursor = page.nextCursor;
} while (cursor !== undefined);
console.log(JSON.stringify({ names: names.sort(), version: client.getServerVersion() ?? null }));
await transport.terminateSession?.().catch(() => {}); // not every server lets a client end it
await client.close();
process.exit(0);
