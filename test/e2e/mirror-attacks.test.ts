/**
 * An upstream that lies, stalls, breaks off or is gone, with a real node and the real go command: whatever the log has
 * not recorded leaves nothing behind, and good files stay.
 */
import { existsSync, readdirSync, symlinkSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { closeEarly, endless, refuse, replaceBody, stallInBody, type Behaviour } from '../fakes/lying-log.js'
import { gossum } from '../helpers/cli.js'
import { newestGo } from '../helpers/go.js'
import { Mirrored } from '../helpers/mirrored.js'
import { makeModule, pathOf, type Made } from '../helpers/module-folder.js'
import { makeZip } from '../helpers/zips.js'

const go = newestGo()
let made = 0
/** A module version that no other test has requested. */
function another(version = 'v1.0.0'): Made {
  const path = `example.com/made${++made}`
  return makeModule(path, version, { 'a.go': 'package a\n', 'b.go': 'package a\n\nconst B = 1\n' })
}

let mirrored: Mirrored

beforeAll(async () => {
  mirrored = await Mirrored.start([])
})
afterEach(() => {
  mirrored.upstream.lie = () => undefined
})
afterAll(() => mirrored.stop())

/** Makes the upstream misbehave for a file of a module version. */
function lie(one: Made, kind: 'info' | 'mod' | 'zip', behaviour: Behaviour): void {
  mirrored.upstream.lie = (path) => (path === pathOf(one, kind) ? behaviour : undefined)
}

const zipOf = (entries: Made['entries']): Behaviour => replaceBody(() => makeZip(entries))

/** The files that the node has kept, and those that it has begun. */
function files(): string[] {
  const names = readdirSync(join(mirrored.home, 'mirror'), { recursive: true, encoding: 'utf8' })
  return names.filter((name) => /\.(zip|mod)$|scratch\/./.test(name))
}

describe.each<[what: string, entries: (one: Made) => Made['entries']]>([
  [
    'with one file more',
    (one) => [
      ...one.entries,
      { name: `${one.path}@v1.0.0/init.go`, data: 'package a\n\nfunc init() { /* evil */ }\n' },
    ],
  ],
  [
    'in which a file was changed',
    (one) => one.entries.map((entry, i) => (i === 2 ? { ...entry, data: 'package a\n\nconst B = 2\n' } : entry)),
  ],
  ['without one of its files', (one) => one.entries.slice(0, 2)],
])('a zip %s', (_, entries) => {
  test('stops a build with the reason; it is not kept, and the operator is notified', async () => {
    const one = another()
    await mirrored.publish(one)
    lie(one, 'zip', zipOf(entries(one)))
    const answer = await mirrored.file(one, 'zip')
    expect([answer.status, answer.headers.get('content-type')]).toEqual([403, 'text/plain; charset=UTF-8'])
    expect(await answer.text()).toMatch(/^gossum: .*\nhint: .*\n$/)
    const [expected] = /h1:\S+/.exec(one.record.text)!
    expect(await mirrored.node.event((event) => event.event === 'mirror' && event.path === one.path)).toMatchObject({
      version: 'v1.0.0',
      kind: 'zip',
      class: 'repacked zip',
      upstream: mirrored.upstream.url,
      expected,
    })
    expect(files().filter((name) => name.endsWith('.zip') || name.includes('scratch/'))).toEqual([])
    if (go === undefined) return
    const { exit, output } = await mirrored.go(go, ['get', `${one.path}@v1.0.0`])
    expect([exit, output]).toEqual([1, expect.stringContaining('403 Forbidden') as string])
    expect(output).toContain('gossum: ')
  })
})

test('a changed go.mod stops a build, and each retry without further requests', async () => {
  const one = another()
  await mirrored.publish(one)
  lie(
    one,
    'mod',
    replaceBody(() => Buffer.from(`${one.mod}\nrequire example.com/evil v1.0.0\n`)),
  )
  expect((await mirrored.file(one, 'mod')).status).toBe(403)
  const told = await mirrored.node.event((event) => event.event === 'mirror' && event.path === one.path)
  expect(told).toMatchObject({ kind: 'mod', class: 'repacked zip' })
  if (go !== undefined) expect((await mirrored.go(go, ['get', `${one.path}@v1.0.0`])).exit).toBe(1)
  const asked = mirrored.upstream.requests.filter((path) => path === pathOf(one, 'mod'))
  expect(asked).toHaveLength(1)
})

test('a zip of the same files in another order, at other times, is the same', async () => {
  const one = another()
  await mirrored.publish(one)
  const entries = one.entries.toReversed().map((entry, i) => ({ ...entry, isDeflated: false, time: 1000 + i }))
  lie(one, 'zip', zipOf(entries))
  const answer = await mirrored.file(one, 'zip')
  expect(answer.status).toBe(200)
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(Buffer.from(makeZip(entries)))
  if (go === undefined) return
  const { exit, output } = await mirrored.go(go, ['get', `${one.path}@v1.0.0`])
  expect(exit, output).toBe(0)
})

test('a version that the log does not have is refused, though the list names it', async () => {
  const [one, forged] = [another(), another()]
  await mirrored.publish(one)
  const evil = makeModule(one.path, 'v1.9.0', { 'a.go': 'package a\n' })
  await mirrored.upstream.history.put(evil, forged)
  for (const unknown of [evil, forged]) {
    expect((await mirrored.file(unknown, 'zip')).status).toBe(403)
    expect((await mirrored.file(unknown, 'mod')).status).toBe(403)
  }
  if (go === undefined) return
  const { exit, output } = await mirrored.go(go, ['get', `${one.path}@latest`])
  expect([exit, output]).toEqual([1, expect.stringContaining('403 Forbidden') as string])
})

test.each<[what: string, behaviour: Behaviour]>([
  ['without end', endless],
  ['that ends early', closeEarly],
  ['of an error', refuse(500)],
  ['of no permission', refuse(403)],
])('an answer %s is no module, and the next one is', async (_, behaviour) => {
  const one = another()
  await mirrored.publish(one)
  for (const kind of ['mod', 'info'] as const) {
    lie(one, kind, behaviour)
    const answer = await mirrored.file(one, kind)
    expect([kind, answer.status]).toEqual([kind, 502])
  }
  mirrored.upstream.lie = () => undefined
  for (const kind of ['info', 'mod', 'zip'] as const) expect((await mirrored.file(one, kind)).status).toBe(200)
})

test('a version that no upstream has is not found: the go command may go on to its next proxy', async () => {
  const one = another()
  await mirrored.log.history.append([one.record])
  for (const kind of ['info', 'mod', 'zip'] as const) expect((await mirrored.file(one, kind)).status).toBe(404)
  for (const path of [`${one.path}/@v/list`, `${one.path}/@latest`]) {
    expect((await fetch(`${mirrored.goproxy}/${path}`)).status).toBe(404)
  }
})

test.each([
  'example.com/../../etc/@v/v1.0.0.mod',
  'example.com/%2e%2e/x/@v/v1.0.0.zip',
  'file:%2f%2f/etc/passwd/@v/list',
  'Example.com/Up/@v/list',
])('asks nobody for %s', async (path) => {
  const before = mirrored.upstream.requests.length
  // fetch() would change the path.
  const { status } = await raw(path)
  expect(status).toBeGreaterThanOrEqual(400)
  expect(mirrored.upstream.requests.slice(before)).toEqual([])
})

test('a node killed while it stores a file serves no partial file, and all complete ones', async () => {
  const [whole, half] = [another(), another()]
  await mirrored.publish(whole, half)
  const kept = await (await mirrored.file(whole, 'zip')).arrayBuffer()
  lie(half, 'zip', stallInBody)
  const begun = mirrored.file(half, 'zip').catch(() => undefined)
  // All of its bytes but the last have arrived.
  while (!files().some((name) => name.includes('scratch/'))) await new Promise((later) => setTimeout(later, 20))
  await mirrored.node.kill()
  await begun
  expect(files().some((name) => name.includes('scratch/'))).toBe(true)

  mirrored.upstream.lie = (path) => (path === pathOf(half, 'zip') ? refuse(404) : undefined)
  await mirrored.run([])
  expect(files().filter((name) => name.includes('scratch/'))).toEqual([])
  expect((await mirrored.file(half, 'zip')).status).toBe(404)
  mirrored.upstream.lie = () => refuse(404)
  expect(Buffer.from(await (await mirrored.file(whole, 'zip')).arrayBuffer())).toEqual(Buffer.from(kept))
})

test('a second node on the same folder does not start', async () => {
  const home = join(mirrored.root, 'second')
  await mkdir(home)
  symlinkSync(join(mirrored.home, 'mirror'), join(home, 'mirror'))
  const fixed = ['--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0']
  const { code, stderr } = await gossum(['run', '--json', '--home', home, ...fixed, ...mirrored.args()])
  expect([code, stderr]).toEqual([1, expect.stringContaining('MIRROR_LOCKED') as string])
})

test('one flipped bit on our own disk is found, and is not served', async () => {
  const one = another()
  await mirrored.publish(one)
  expect((await mirrored.file(one, 'zip')).status).toBe(200)
  const before = new Set(files())
  const second = another()
  await mirrored.publish(second)
  expect((await mirrored.file(second, 'zip')).status).toBe(200)
  const [name] = files().filter((file) => file.endsWith('.zip') && !before.has(file)) as [string]
  await mirrored.node.stop()
  const verify = () => gossum(['mirror', 'verify', '--home', mirrored.home, '--json'])
  expect((await verify()).code).toBe(0)
  const file = join(mirrored.home, 'mirror', name)
  const bytes = await readFile(file)
  bytes[bytes.length >> 1]! ^= 1
  await writeFile(file, bytes)
  const found = await verify()
  expect([found.code, found.stdout + found.stderr]).toEqual([
    1,
    expect.stringContaining(name.replace(/.*\//, '').slice(0, 16)) as string,
  ])
  expect(existsSync(file)).toBe(false)
  await rm(join(mirrored.root, 'second'), { recursive: true, force: true })
  await mirrored.run([])
  // It is fetched from upstream again.
  const again = await mirrored.file(second, 'zip')
  expect(Buffer.from(await again.arrayBuffer())).toEqual(Buffer.from(makeZip(second.entries)))
})

/** Requests a path unchanged. */
async function raw(path: string): Promise<{ status: number }> {
  const { hostname, port } = new URL(mirrored.goproxy)
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path: `/mod/${path}`, agent: false }, (response) => {
      response.resume()
      resolve({ status: response.statusCode! })
    })
    asked.on('error', reject).end()
  })
}
