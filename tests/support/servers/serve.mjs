// Runs a real MCP server of npm unchanged, in this process, held to loopback, and keeps count of its sessions:
//   node serve.mjs NAME [--tls-dir DIR] [--verbose] [--end-with-stdin] [-- OPTIONS of the server]
// The ready line has `url`, `control`, and `sse_url` and `ca_file` where there is one. `GET /sessions` on the control URL tells how many sessions the server gave out
// and how many it still knows (it is asked, with each id), and how many event streams are open; `PUT /upstream/SIGNAL` sends a signal to the process
// that the server started, and answers when it is in force.
import child_process from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { announce, endOnSignal, fail, kLoopback, listenOn, readOptions } from '../lab/process.mjs';
import { loadCertificates } from '../lab/certificates.mjs';
import { SessionTally } from './session-tally.mjs';

const kHere = dirname(fileURLToPath(import.meta.url));
const kExamples = join(kHere, 'node_modules/@modelcontextprotocol/sdk/dist/esm/examples/server');
const kEverything = join(kHere, '../lab/node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const kProxy = join(kHere, 'node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs');
const kFastmcp = join(kHere, 'node_modules/fastmcp/dist/examples/custom-routes.js');

// `listeners`: how many ports it opens; `port_keys`: variables for those it must know beforehand, because its own answers name
// them, with `host`.
const kServers = {
  'everything': { program: kEverything, arguments: ['streamableHttp'], paths: { url: '/mcp' } },
  'everything-sse': { program: kEverything, arguments: ['sse'], paths: { url: '/sse' } },
  'sdk-json': { program: join(kExamples, 'jsonResponseStreamableHttp.js'), paths: { url: '/mcp' } },
  'sdk-stateless': { program: join(kExamples, 'simpleStatelessStreamableHttp.js'), paths: { url: '/mcp' } },
  'sdk-sessions': { program: join(kExamples, 'simpleStreamableHttp.js'), paths: { url: '/mcp' } },
  'sdk-oauth': {
    program: join(kExamples, 'simpleStreamableHttp.js'), arguments: ['--oauth'], paths: { url: '/mcp' },
    host: 'localhost', listeners: 2, port_keys: ['MCP_AUTH_PORT', 'MCP_PORT'],
  },
  'sdk-polling': { program: join(kExamples, 'ssePollingExample.js'), paths: { url: '/mcp' } },
  'sdk-both': { program: join(kExamples, 'sseAndStreamableHttpCompatibleServer.js'), paths: { url: '/mcp', sse_url: '/sse' } },
  'fastmcp': { program: kFastmcp, paths: { url: '/mcp' } },
  'mcp-proxy': {
    program: kProxy, paths: { url: '/mcp', sse_url: '/sse' }, upstream: [process.execPath, kEverything, 'stdio'],
  },
};

/** Makes every server of this process listen on loopback at a free port, save `kept` ports; resolves with each that listens. */
function holdToLoopback(kept, on_listening) {
  const { listen } = net.Server.prototype;
  net.Server.prototype.listen = function (...given) {
    const callback = given.find((argument) => typeof argument === 'function');
    const wanted = Number(given[0]?.port ?? given[0]);
    this.once('listening', () => on_listening(this));
    return listen.call(this, { host: kLoopback, port: kept.includes(wanted) ? wanted : 0 }, callback);
  };
  return () => { net.Server.prototype.listen = listen; };
}

/** Keeps every child process that this process starts from now on. */
function keepChildren() {
  const children = [];
  const { spawn } = child_process;
  child_process.spawn = (...given) => {
    children.push(spawn(...given));
    return children.at(-1);
  };
  syncBuiltinESMExports();
  return children;
}

async function signalUpstream(children, signal) {
  if (children.length !== 1) throw new Error(`${children.length} upstreams`);
  const ended = once(children[0], 'close');
  if (!children[0].kill(signal)) throw new Error('the upstream is gone');
  if (signal !== 'SIGKILL') return;
  await ended;
  await new Promise(setImmediate); // the server's own listeners came after ours
}

async function freePort() {
  const server = net.createServer();
  const port = await listenOn(server, 0);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Runs `server` and resolves with its listening sockets, the one with the MCP endpoint last. */
async function run(server, given) {
  const ports = [];
  for (const key of server.port_keys ?? []) {
    ports.push(await freePort());
    process.env[key] = String(ports.at(-1));
  }
  const listening = [];
  let release;
  await new Promise((resolve, reject) => {
    release = holdToLoopback(ports, (socket) => {
      listening.push(socket);
      if (listening.length === (server.listeners ?? 1)) resolve();
    });
    process.argv = [process.execPath, server.program, ...(server.arguments ?? []), ...given];
    if (server.upstream) process.argv.push('--', ...server.upstream);
    import(pathToFileURL(server.program)).catch(reject);
  });
  release();
  return listening;
}

const separator = process.argv.indexOf('--');
const given = separator < 0 ? [] : process.argv.splice(separator).slice(1);
const [name] = process.argv.splice(2, 1);
const values = readOptions({ 'tls-dir': { type: 'string' }, verbose: { type: 'boolean' } });
if (!Object.hasOwn(kServers, name)) fail(`no server ${name}; there are ${Object.keys(kServers).join(' ')}`, 2);
if (!values.verbose) console.log = console.info = console.warn = console.error = () => {}; // some write a line for each message
const facts = {};
if (values['tls-dir']) { // certificates of the lab's kind, handed over as mcp-proxy takes them
  loadCertificates(values['tls-dir']);
  facts.ca_file = join(values['tls-dir'], 'ca.pem');
  given.push('--sslCert', join(values['tls-dir'], 'server.pem'), '--sslKey', join(values['tls-dir'], 'server.key'));
}
const children = keepChildren();
const listening = await run(kServers[name], given).catch((error) => fail(`${name}: ${error.stack}`));
const server = listening.at(-1);
const scheme = server instanceof https.Server ? 'https' : 'http';
const origin = `${scheme}://${kLoopback}:${server.address().port}`;
const tally = new SessionTally(server, origin);

const control = http.createServer(async (request, response) => {
  const [, what, signal] = request.url.split('/');
  try {
    const answer = what === 'upstream' ? await signalUpstream(children, signal) : await tally.count();
    response.end(JSON.stringify(answer ?? {}));
  } catch (error) {
    response.writeHead(500).end(error.message);
  }
});
const control_port = await listenOn(control, 0);
process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM'); // their own, which would race with ours
endOnSignal(() => listening.forEach((one) => one.closeAllConnections()), values);
const urls = Object.fromEntries(Object.entries(kServers[name].paths).map(([key, path]) => [key, origin.replace(kLoopback, kServers[name].host ?? kLoopback) + path]));
announce({ ...urls, ...facts, control: `http://${kLoopback}:${control_port}` });
