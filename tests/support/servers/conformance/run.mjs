// Runs the client scenarios of the MCP conformance suite that apply to a probe: node run.mjs QUORATE [SCENARIO…]. One line for each; exit
// status 1 where one fails. docs/conformance.md says which apply and why the others don't.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const kHere = dirname(fileURLToPath(import.meta.url));
const kSuite = join(kHere, '../node_modules/@modelcontextprotocol/conformance/dist/index.js');
const kAtOnce = 2;

// With each, the checks (by id or name) that must succeed. No other may fail or warn, save where `partly` says that the rest is for clients
// which do more than a probe. `warnings`: what the probe must warn of, and nothing else.
const kWall = { checks: ['prm-pathbased-requested', 'authorization-server-metadata'], warnings: [] };
const kScenarios = {
  'initialize': { checks: ['mcp-client-initialization'] },
  'tools_call': { checks: ['tool-add-numbers', 'wire-schema-valid'] },
  // It wants the reconnect within 200 ms of the time asked for, which a machine that does ten other things may miss: three tries.
  'sse-retry': { tries: 3, checks: ['client-sse-graceful-reconnect', 'client-sse-retry-timing', 'client-sse-last-event-id'] },
  'request-metadata': {
    checks: [
      'sep-2575-http-client-sends-version-header', 'sep-2575-client-populates-meta', 'sep-2575-client-sends-client-info',
      'sep-2575-http-version-header-matches-meta', 'sep-2575-client-retry-supported-version',
    ],
  },
  'http-standard-headers': { checks: ['ClientMcpMethodHeader_tools_list', 'ClientMcpMethodHeader_tools_call', 'ClientMcpNameHeader_tools_call'] },
  'http-custom-headers': {
    checks: [
      'sep-2243-client-supports-custom-headers', 'sep-2243-client-mirrors-designated-params', 'sep-2243-client-encode-values',
      'sep-2243-client-base64-unsafe', 'sep-2243-client-omit-null',
    ],
  },
  'http-invalid-tool-headers': {
    checks: [
      'sep-2243-client-reject-invalid-tool', 'sep-2243-x-mcp-header-not-empty', 'sep-2243-x-mcp-header-primitive-only',
      'sep-2243-x-mcp-header-unique', 'sep-2243-x-mcp-header-charset',
    ],
  },
  'json-schema-ref-no-deref': { checks: ['sep-2106-no-network-ref-deref'] },
  'sep-2322-client-request-state': { partly: true, checks: ['sep-2322-default-result-type-complete'] },
  'auth/metadata-default': { ...kWall, partly: true },
  'auth/metadata-var1': { ...kWall, partly: true },
  'auth/metadata-var2': { ...kWall, partly: true },
  'auth/metadata-var3': { ...kWall, partly: true },
  'auth/resource-mismatch': { checks: ['prm-pathbased-requested', 'resource-mismatch-rejected'], warnings: ['auth_metadata_invalid'] },
  'auth/metadata-issuer-mismatch': {
    checks: ['prm-pathbased-requested', 'authorization-server-metadata', 'sep-2468-client-validate-metadata-issuer'],
    warnings: ['auth_metadata_invalid'],
  },
};

function run(command, options) {
  return new Promise((resolve, reject) => {
    let output = '';
    const child = spawn(command[0], command.slice(1), { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { output += data; });
    child.on('error', reject).on('close', (status) => resolve({ status, output }));
  });
}

/** The checks of the suite, and one of ours for what the probe itself warned of. */
async function checksOf(scenario, quorate, warnings) {
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  try {
    const command = `${process.execPath} ${join(kHere, 'client.mjs')} ${quorate}`;
    const hooks = ['--import', join(kHere, 'hooks.mjs')];
    const report = join(folder, 'report.json');
    const { output } = await run([process.execPath, ...hooks, kSuite, 'client', '--scenario', scenario, '--command', command, '-o', folder],
      { env: { ...process.env, QUORATE_REPORT: report } });
    const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('checks.json'));
    if (files.length !== 1) throw new Error(`no result:\n${output}`);
    const checks = JSON.parse(readFileSync(join(folder, files[0]), 'utf8'));
    if (!warnings) return checks;
    const { verdict, warnings: told } = JSON.parse(readFileSync(report, 'utf8'));
    const right = verdict === 'UP' && String(told) === String(warnings);
    return [...checks, { id: 'probe-warnings', status: right ? 'SUCCESS' : 'FAILURE', errorMessage: `${verdict}, warns of: ${told}` }];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is wrong with the checks of a scenario, as lines; none where it passed. */
function faults(checks, expected) {
  const ours = ({ id, name }) => id === 'probe-warnings' || expected.checks.some((wanted) => wanted === id || wanted === name);
  const bad = checks.filter((check) => ['FAILURE', 'WARNING'].includes(check.status) && (!expected.partly || ours(check)));
  const missing = expected.checks.filter((wanted) => !checks.some(({ id, name, status }) => [id, name].includes(wanted) && status === 'SUCCESS'));
  return [
    ...bad.map(({ id, status, errorMessage, description }) => `${status} ${id}: ${errorMessage ?? description}`),
    ...missing.map((id) => `never succeeded: ${id}`),
  ];
}

const [quorate, ...chosen] = process.argv.slice(2);
const waiting = chosen.length ? chosen : Object.keys(kScenarios);
let failed = 0;

async function work() {
  for (let scenario = waiting.shift(); scenario; scenario = waiting.shift()) {
    const expected = kScenarios[scenario] ?? { checks: [] };
    let checks;
    let wrong;
    let tries = expected.tries ?? 1;
    do {
      checks = await checksOf(scenario, quorate, expected.warnings).catch((error) => [{ id: 'run', status: 'FAILURE', errorMessage: error.message }]);
      wrong = faults(checks, expected);
    } while (wrong.length && --tries > 0);
    if (wrong.length) failed++;
    const good = new Set(checks.filter(({ status }) => status === 'SUCCESS').map(({ id }) => id));
    console.log(`${wrong.length ? 'FAIL' : 'pass'} ${scenario}: ${[...good].join(' ')}`);
    for (const line of wrong) console.log(`     ${line}`);
  }
}

await Promise.all(Array.from({ length: kAtOnce }, work));
process.exit(failed ? 1 : 0);
