// Runs the public suite http-cache-tests (npm) through a proxy, in forward mode.
//
//   node run.mjs SUITE_FOLDER PROXY             prints what every test gave, as JSON
//   node run.mjs SUITE_FOLDER PROXY --compare   compares with results.json beside this file: a test that passed once and
//                                               does not now is a failure, and one that never did needs its reason there
//   node run.mjs SUITE_FOLDER PROXY --write     writes results.json anew; reasons that are there stay
//   node run.mjs SUITE_FOLDER PROXY --only ID   one test, and what went to and fro
//
// PROXY is HOST:PORT, or the path of a larder binary, which is then started. The suite's own server is the origin and
// its own runner drives the requests; only `fetch` is ours, because the suite's speaks to reverse proxies and this one is
// asked in absolute-form.

import { spawn } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const [suite, proxyArgument, mode, onlyId] = process.argv.slice(2)
if (!proxyArgument) {
  console.error('usage: node run.mjs SUITE_FOLDER HOST:PORT|BINARY [--compare|--write|--only ID]')
  process.exit(2)
}
const here = path.dirname(fileURLToPath(import.meta.url))
const resultsFile = path.join(here, 'results.json')
const fromSuite = name => import(pathToFileURL(path.resolve(suite, name)).href)
const { runTests, getResults } = await fromSuite('client/runner.mjs')
const tests = (await fromSuite('tests/index.mjs')).default

// --- the proxy ---

const children = []

function startLarder (binary) {
  const settings = ['listen=["127.0.0.1:0"]', 'admin.listen=', 'cache.disk.path=', 'log.access=', 'cache.targeted_fields=["CDN-Cache-Control"]']
  const child = spawn(binary, settings.flatMap(setting => ['--set', setting]), { stdio: ['ignore', 'ignore', 'pipe'] })
  children.push(child)
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr.on('data', text => {
      said += text
      const found = said.match(/listening on (\S+)/)
      if (found && said.includes('ready')) resolve(found[1])
    })
    child.on('exit', () => reject(new Error(`${binary} ended: ${said}`)))
  })
}

const proxy = fs.existsSync(proxyArgument) ? await startLarder(path.resolve(proxyArgument)) : proxyArgument

// --- the origin ---

function freePort () {
  return new Promise(resolve => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

async function startOrigin () {
  const port = await freePort()
  const server = spawn(process.execPath, ['server/server.mjs'], {
    cwd: suite,
    stdio: 'ignore',
    env: {
      ...process.env,
      npm_config_port: String(port),
      npm_config_protocol: 'http',
      npm_config_pidfile: path.join(os.tmpdir(), `larder-conformance-${process.pid}.pid`)
    }
  })
  children.push(server)
  for (let tries = 0; ; tries++) {
    const up = await new Promise(resolve => {
      const socket = net.connect(port, '127.0.0.1', () => resolve(socket.destroy() && true)).on('error', () => resolve(false))
    })
    if (up) return `http://localhost:${port}`
    if (tries === 100) throw new Error('the suite\'s server does not start')
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

// --- fetch, through the proxy ---

const [proxyHost, proxyPort] = [proxy.slice(0, proxy.lastIndexOf(':')), proxy.slice(proxy.lastIndexOf(':') + 1)]
const agent = new http.Agent({ keepAlive: true })

class Headers {
  constructor (raw) {
    this.map = new Map()
    for (let i = 0; i < raw.length; i += 2) {
      const name = raw[i].toLowerCase()
      this.map.set(name, this.map.has(name) ? `${this.map.get(name)}, ${raw[i + 1]}` : raw[i + 1])
    }
  }

  get (name) { return this.map.get(name.toLowerCase()) ?? null }
  has (name) { return this.map.has(name.toLowerCase()) }
  forEach (callback) { this.map.forEach((value, name) => callback(value, name)) }
  [Symbol.iterator] () { return this.map.entries() }
}

// The lines of `init.headers` as they are, several of one name included.
function rawHeaders (init, url) {
  const lines = [['Host', url.host]]
  for (const [name, value] of init.headers ?? []) lines.push([name, value])
  if (init.body !== undefined) lines.push(['Content-Length', String(Buffer.byteLength(init.body))])
  return lines.flat()
}

function proxiedFetch (target, init = {}) {
  const url = new URL(target)
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: proxyHost, port: proxyPort, agent, method: init.method ?? 'GET', path: url.href, headers: rawHeaders(init, url), setHost: false
    })
    const interims = []
    request.on('information', info => interims.push([info.statusCode, Object.entries(info.headers)]))
    request.on('response', response => {
      const body = new Promise((resolve, reject) => {
        const pieces = []
        response.on('data', piece => pieces.push(piece))
        response.on('end', () => resolve(Buffer.concat(pieces).toString()))
        response.on('error', reject)
      })
      body.catch(() => {}) // some tests never ask for it
      resolve({
        status: response.statusCode,
        statusText: response.statusMessage,
        headers: new Headers(response.rawHeaders),
        interims,
        text: () => body
      })
    })
    request.on('error', reject)
    request.end(init.body)
  })
}

// --- the verdicts ---

const byId = new Map()
for (const set of tests) for (const test of set.tests) byId.set(test.id, { ...test, suite: set.id })

function verdict (id, results) {
  const test = byId.get(id)
  const result = results[id]
  if (result === undefined) return ['untested', '']
  for (const dependency of test.depends_on ?? []) {
    if (!['pass', 'yes'].includes(verdict(dependency, results)[0])) return ['dependency', dependency]
  }
  if (result === true) return [test.kind === 'check' ? 'yes' : 'pass', '']
  if (result[0] === 'Setup') return [result[1] === 'retry' ? 'retry' : 'setup', result[1]]
  return [test.kind === 'check' ? 'no' : 'fail', result[1]]
}

async function run (chosen) {
  await runTests(chosen, proxiedFetch, false, await startOrigin())
  const results = getResults()
  const out = {}
  for (const [id, test] of byId) {
    if (results[id] === undefined) continue
    const [word, said] = verdict(id, results)
    out[id] = { suite: test.suite, kind: test.kind ?? 'required', result: word, ...(said ? { said } : {}) }
  }
  return out
}

// --- the stored table ---

const isPassed = entry => entry.result === 'pass' || entry.result === 'yes'

function count (table, kind) {
  const all = Object.values(table).filter(entry => entry.kind === kind)
  return `${all.filter(isPassed).length} of ${all.length}`
}

function compare (now) {
  const stored = JSON.parse(fs.readFileSync(resultsFile, 'utf8'))
  let failures = 0
  const complain = text => { failures++; console.log(`FAIL  ${text}`) }
  for (const [id, entry] of Object.entries(now)) {
    if (entry.kind === 'check') continue // what caches do, not what they must: some hang on the clock
    const before = stored[id]
    if (!before) complain(`${id}: not in results.json`)
    else if (isPassed(before) && !isPassed(entry)) complain(`${id}: passed once, now ${entry.result}: ${entry.said ?? ''}`)
    else if (!isPassed(entry) && !before.why) complain(`${id}: ${entry.result} without a reason in results.json`)
    else if (!isPassed(before) && isPassed(entry)) console.log(`      ${id} passes now: run with --write`)
  }
  for (const id of Object.keys(stored)) if (!now[id]) complain(`${id}: did not run`)
  console.log(`      required ${count(now, 'required')}, optimal ${count(now, 'optimal')}, checks ${count(now, 'check')}`)
  return failures
}

function write (now) {
  const stored = fs.existsSync(resultsFile) ? JSON.parse(fs.readFileSync(resultsFile, 'utf8')) : {}
  const lines = Object.entries(now).map(([id, entry]) => {
    const why = isPassed(entry) ? undefined : stored[id]?.why
    return ` ${JSON.stringify(id)}: ${JSON.stringify({ kind: entry.kind, result: entry.result, ...(why ? { why } : {}) })}`
  })
  fs.writeFileSync(resultsFile, `{\n${lines.join(',\n')}\n}\n`)
}

let status = 0
try {
  let chosen = tests
  if (mode === '--only') {
    chosen = tests.map(set => ({ ...set, tests: set.tests.filter(test => test.id === onlyId) })).filter(set => set.tests.length)
    for (const set of chosen) for (const test of set.tests) test.dump = true
  }
  const now = await run(chosen)
  if (mode === '--compare') status = compare(now) === 0 ? 0 : 1
  else if (mode === '--write') write(now)
  else console.log(JSON.stringify(now, null, 1))
} finally {
  for (const child of children) {
    child.removeAllListeners('exit')
    child.kill()
  }
  agent.destroy()
}
process.exitCode = status
