/** `demo --serve`, and its log alone: what a newcomer clicks, with real processes. */
import { once } from 'node:events'
import { mkdirSync, readdirSync } from 'node:fs'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { parseEvidence, verifyEvidence } from '../../src/evidence/evidence.js'
import { parseVerifierKey } from '../../src/tlog/note.js'
import { gossumRefused, jsonError, type Running, startGossum } from '../helpers/cli.js'
import { temporaryHome } from '../helpers/home.js'

interface ServedLine {
  readonly log: string
  readonly page: string
  readonly need: number
  readonly witnesses: readonly { readonly witness: string; readonly page: string; readonly face: string }[]
}

interface LogLine {
  readonly log: string
  readonly page: string
  readonly size: number
  readonly forked: boolean
  readonly faces: { readonly left: string; readonly right: string }
}

interface State {
  readonly forked: boolean
  readonly faces: readonly { readonly face: string; readonly size: number; readonly root: string }[]
}

async function stateOf(page: string): Promise<State> {
  return (await (await fetch(`${page}state`)).json()) as State
}

/** Presses a button like a browser. */
function press(page: string, button: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${page}${button}`, { method: 'POST', redirect: 'manual', headers: { accept: 'text/html', ...headers } })
}

test('the button of the log leads to evidence at every node', { timeout: 60_000 }, async () => {
  const temporary = temporaryHome()
  mkdirSync(temporary, { recursive: true })
  const args = ['demo', '--serve', '--nodes', '4', '--every', '0', '--json']
  const demo = await startGossum(args, { env: { TMPDIR: temporary } })
  const ready = JSON.parse(demo.firstLine) as ServedLine
  expect(Object.keys(ready)).toEqual(['ready', 'log', 'page', 'need', 'witnesses'])
  expect(ready.need).toBe(3)
  expect(ready.witnesses.map(({ face }) => face)).toEqual(['left', 'right', 'left', 'right'])

  const page = await (await fetch(ready.page)).text()
  for (const witness of ready.witnesses) expect(page).toContain(`<a href="${witness.page}">`)
  expect(page).not.toContain('<script')

  const lines = createInterface(demo.child.stdout)[Symbol.asyncIterator]()
  expect((await press(ready.page, 'fork')).headers.get('location')).toBe('/')
  const holding = new Set<number>()
  while (holding.size < 4) {
    const event = JSON.parse((await lines.next()).value as string) as { node: number; event: string }
    expect(event.event).toBe('evidence')
    holding.add(event.node)
  }
  expect([...holding].toSorted()).toEqual([1, 2, 3, 4])
  for (const { page } of ready.witnesses) {
    const { evidence } = (await (await fetch(`${page}api/v1/evidence`)).json()) as { evidence: { id: string }[] }
    const file = new Uint8Array(await (await fetch(`${page}api/v1/evidence/${evidence[0]!.id}`)).arrayBuffer())
    expect(verifyEvidence(parseEvidence(file), [parseVerifierKey(ready.log)]).type).toBe('gossum/split-view/v1')
    expect(await (await fetch(page)).text()).toContain('SPLIT VIEW')
  }

  expect(await demo.stop()).toBe(143)
  expect(readdirSync(temporary)).toEqual([])
})

async function startLog(home: string, ...more: string[]): Promise<{ running: Running; ready: LogLine }> {
  const args = ['demo', 'log', '--home', home, '--listen', '127.0.0.1:0', '--every', '0', '--json', ...more]
  const running = await startGossum(args)
  return { running, ready: JSON.parse(running.firstLine) as LogLine }
}

test('the log shows one history until it is forked, and two from then on, also after a kill', async () => {
  const home = temporaryHome()
  const first = await startLog(home, '--name', 'some.log.example')
  expect(Object.keys(first.ready)).toEqual(['ready', 'log', 'page', 'size', 'forked', 'faces'])
  expect(first.ready).toMatchObject({ size: 100, forked: false })
  expect(first.ready.log).toMatch(/^some\.log\.example\+/)
  await press(first.ready.page, 'publish')
  const [left, right] = (await stateOf(first.ready.page)).faces
  expect(left!.size).toBe(112)
  expect(left!.root).toBe(right!.root)
  first.running.child.kill('SIGKILL')
  await once(first.running.child, 'close')

  const second = await startLog(home)
  expect(second.ready).toMatchObject({ log: first.ready.log, size: 112, forked: false })
  const forked = (await (await press(second.ready.page, 'fork', { accept: '*/*' })).json()) as State
  expect(forked.forked).toBe(true)
  expect(forked.faces[0]!.size).toBe(forked.faces[1]!.size)
  expect(forked.faces[0]!.root).not.toBe(forked.faces[1]!.root)
  // The log can fork only once.
  expect((await press(second.ready.page, 'fork', { accept: '*/*' })).status).toBe(409)
  second.running.child.kill('SIGKILL')
  await once(second.running.child, 'close')

  const third = await startLog(home)
  expect(third.ready).toMatchObject({ log: first.ready.log, size: 124, forked: true })
  await press(third.ready.page, 'publish')
  const after = await stateOf(third.ready.page)
  expect(after.faces.map(({ size }) => size)).toEqual([136, 136])
  const heads = [third.ready.faces.left, third.ready.faces.right].map(async (url) =>
    (await fetch(`${url}/latest`)).text(),
  )
  const [one, other] = await Promise.all(heads)
  expect(one!.split('\n')[1]).toBe('136')
  expect(one).not.toBe(other)
  expect(await third.running.stop()).toBe(0)
})

test('pages of other sites cannot press a button, and neither can a read', async () => {
  const { running, ready } = await startLog(temporaryHome())
  const { host } = new URL(ready.page)
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: `http://${host}`, 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ] as Record<string, string>[]) {
    expect((await press(ready.page, 'fork', headers)).status).toBe(403)
  }
  expect((await fetch(`${ready.page}fork`)).status).toBe(404)
  expect((await press(ready.page, 'left/latest')).status).toBe(405)
  expect((await press(ready.page, 'constructor')).status).toBe(405)
  expect(await stateOf(ready.page)).toMatchObject({ forked: false, faces: [{ size: 100 }, { size: 100 }] })
  expect((await press(ready.page, 'fork', { origin: `http://${host}`, 'sec-fetch-site': 'same-origin' })).status).toBe(
    303,
  )
  expect(await stateOf(ready.page)).toMatchObject({ forked: true })

  // The page shows the host name that the reader used, if it is valid.
  const shown = await Promise.all(['log.example:8080', '"><script>'].map((name) => pageAskedAt(ready.page, name)))
  expect(shown[0]).toContain('http://log.example:8080/left')
  expect(shown[1]).toContain(`${ready.page}left`)
  expect(shown[1]).not.toContain('<script')
  await running.stop()
})

async function pageAskedAt(url: string, host: string): Promise<string> {
  const asking = request(url, { headers: { host } }).end()
  const [response] = (await once(asking, 'response')) as [AsyncIterable<Buffer>]
  let text = ''
  for await (const chunk of response) text += chunk.toString()
  return text
}

test('it publishes heads automatically, and uses its home exclusively', async () => {
  const home = temporaryHome()
  const { running, ready } = await startLog(home, '--every', '1')
  const again = await gossumRefused(['demo', 'log', '--home', home, '--listen', '127.0.0.1:0', '--json'])
  expect(jsonError(again)).toMatchObject({ code: 'STORE_LOCKED' })
  await expect.poll(async () => (await stateOf(ready.page)).faces[0]!.size).toBeGreaterThan(100)
  await running.stop()
})

test('invalid arguments are refused', async () => {
  for (const args of [
    ['demo', '--serve', '--out', 'x'],
    ['demo', '--serve', '--nodes', '1'],
    ['demo', 'log', '--every', '-1'],
    ['demo', 'log', '--every', '1e9'],
    ['demo', 'log', '--listen', 'nowhere'],
  ]) {
    expect((await gossumRefused(args)).code, args.join(' ')).toBe(2)
  }
})
