// The official TypeScript client as a prober: connects, lists the tools, closes. Prints one line of JSON.
// Usage: client.mjs LAB_FOLDER load URL SECONDS CONCURRENCY | hang URL COUNT | look URL TIMEOUT_MS
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, mode, url, ...rest] = process.argv.slice(2);
const packages = createRequire(join(folder, 'package.json'));
const { Client, StreamableHTTPClientTransport } = await import(pathToFileURL(packages.resolve('@modelcontextprotocol/client')).href);

const kWarmUpMs = 500;
const kHangMs = 10 * 60_000;

async function probe(timeout_ms) {
  const client = new Client({ name: 'peer', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  // A connection of its own for each, as for a new user.
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { connection: 'close' } } });
  try {
    await client.connect(transport, { timeout: timeout_ms });
    return (await client.listTools(undefined, { timeout: timeout_ms })).tools.length;
  } finally {
    await client.close().catch(() => {});
  }
}

async function load(seconds, concurrency) {
  let probes = 0;
  let errors = 0;
  let ending = false;
  const run = async () => {
    while (!ending) {
      try {
        await probe(10_000);
        probes += 1;
      } catch {
        errors += 1;
        ending = true;
      }
    }
  };
  const all = Array.from({ length: concurrency }, run);
  await new Promise((resolve) => setTimeout(resolve, kWarmUpMs));
  const [began, before, cpu] = [performance.now(), probes, process.cpuUsage()];
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const used = process.cpuUsage(cpu);
  const [count, took_ms] = [probes - before, performance.now() - began];
  ending = true;
  await Promise.all(all);
  return { probes: count, errors, cpu_us: (used.user + used.system) / count, per_s: (1000 * count) / took_ms,
    core_share: (used.user + used.system) / 1000 / took_ms };
}

// Says so when all are under way, and ends with its standard input.
function hang(count) {
  const before = process.memoryUsage.rss();
  for (let i = 0; i < count; ++i) probe(kHangMs).catch(() => {});
  process.stdin.on('end', () => process.exit(0)).resume();
  return { idle_kib: before / 1024, pid: process.pid };
}

async function look(timeout_ms) {
  try {
    return { ok: true, said: `${await probe(timeout_ms)} tools` };
  } catch (error) {
    return { ok: false, said: `${error.name}: ${error.message}`.split('\n')[0] };
  }
}

const modes = { load: () => load(Number(rest[0]), Number(rest[1])), hang: () => hang(Number(rest[0])), look: () => look(Number(rest[0])) };
console.log(JSON.stringify(await modes[mode]()));
if (mode === 'look') process.exit(0);
