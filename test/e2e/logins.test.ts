/** Users and passwords in the URLs of settings, with real processes: they are used for access, and shown nowhere. */
import { spawn } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { makeSignerKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { LyingLog, madeUpRecord, madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { gossum, gossumRefused, PROGRAM } from '../helpers/cli.js'
import { temporaryHome } from '../helpers/home.js'

const NAME = 'sum.example/behind'
const signer = makeSignerKey(NAME, SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(11))
const { vkey } = signer.verifier
const AUTHORIZATION = `Basic ${Buffer.from('reader:s3cr@t').toString('base64')}`
const LOGIN = 'reader:s3cr%40t@'
/** The forms in which the password could be found. */
const SECRETS = /s3cr|czNjckB0|cmVhZGVy/

/** A log behind a server that requires a password. */
async function startDoor() {
  const log = await LyingLog.start(await memoryLog(signer, madeUpRecords(0, 20)))
  onTestFinished(() => log.close())
  const opened: string[] = []
  const server = createServer((request: IncomingMessage, response) => {
    const path = request.url ?? ''
    if (request.headers.authorization !== AUTHORIZATION) {
      response.writeHead(401).end(`who are you? ${request.headers.authorization ?? ''}`)
      return
    }
    opened.push(path)
    const below = /^\/(?:db|up)(\/.*)$/.exec(path)?.[1]
    if (below === undefined) {
      response.writeHead(503).end()
      return
    }
    void fetch(`${log.url}${below}`).then(async (answer) => {
      response.writeHead(answer.status).end(new Uint8Array(await answer.arrayBuffer()))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { opened, host: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** A node, and all its output. */
async function startNode(home: string, args: readonly string[]) {
  const fixed = ['run', '--json', '--home', home, '--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0']
  const child = spawn(process.execPath, [PROGRAM, ...fixed, ...args], {
    env: { ...process.env, GOSSUM_MDNS: 'false' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const lines: string[] = []
  const looks = new Set<() => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    looks.forEach((look) => look())
  })
  const line = (isSought: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = lines.map((text) => JSON.parse(text) as Record<string, unknown>).find(isSought)
        if (found !== undefined) resolve(found)
      }
      looks.add(look)
      look()
    })
  const { http } = (await line((one) => 'ready' in one)) as { http: string }
  return { http, line, said: () => said + lines.join('\n') }
}

test('a log, its upstream, a place and a list get their passwords with requests, and nothing reveals them', async () => {
  const { host, opened } = await startDoor()
  const at = (path: string): string => `http://${LOGIN}${host}/${path}`
  const node = await startNode(temporaryHome(), [
    ...['--log', `${vkey} ${at('db')}`, '--upstream', at('up'), '--feed', at('feed')],
    ...['--log-list', at('lists/one')],
  ])
  await node.line(({ event, size }) => event === 'quorum' && size === 20)
  const place = await node.line(({ event }) => event === 'exchange')
  expect(place['url']).toBe(`http://${host}/feed`)
  const { path, version, text } = madeUpRecord(5)
  const answer = await fetch(`${node.http}/sumdb/${NAME}/lookup/${path.replace('M', '!m')}@${version}`)
  expect(await answer.text()).toContain(text)
  expect(new Set(opened.map((one) => one.split('/')[1]))).toEqual(new Set(['db', 'up', 'feed', 'lists']))
  const shown = ['api/v1/status', 'api/v1/logs', 'readyz?verbose', 'metrics', 'api/v1/witnesses', 'api/v1/peers']
  const bodies = await Promise.all(shown.map(async (one) => (await fetch(`${node.http}/${one}`)).text()))
  for (const command of [['status'], ['status', '--json'], ['heads']]) {
    const { stdout, stderr } = await gossum([...command, '--node', node.http.replace('//', `//${LOGIN}`)])
    bodies.push(stdout, stderr)
  }
  expect(bodies.join('')).toContain(host)
  for (const body of [...bodies, node.said()]) expect(body).not.toMatch(SECRETS)
})

test('a password that a log refuses and repeats is not revealed either', async () => {
  const { host } = await startDoor()
  const node = await startNode(temporaryHome(), ['--log', `${vkey} http://reader:s3cr-wrong@${host}/db`])
  const failed = await node.line(({ event }) => event === 'log')
  expect(String(failed['error'])).toContain('401')
  expect(node.said()).toContain('who are you?')
  expect(node.said()).not.toMatch(/s3cr-wrong|cmVhZGVy/)
})

test('a log added to a home keeps its password, only in the file in the home', async () => {
  const { host, opened } = await startDoor()
  const home = temporaryHome()
  const results = [
    await gossum(['log', 'add', '--home', home, `${vkey} http://${LOGIN}${host}/db`]),
    await gossum(['log', 'list', '--home', home]),
    await gossum(['log', 'list', '--home', home, '--json']),
    await gossum(['log', 'disable', '--home', home, NAME]),
    await gossum(['log', 'add', '--home', home, `${vkey} http://${LOGIN}${host}/db`]),
  ]
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0])
  for (const { stdout, stderr } of results) expect(stdout + stderr).not.toMatch(SECRETS)
  const book = join(home, 'logs.json')
  expect([readFileSync(book, 'utf8').includes(LOGIN), statSync(book).mode & 0o077]).toEqual([true, 0])
  const other = makeSignerKey('other.example', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(12)).verifier
  const node = await startNode(home, ['--log', `${other.vkey} -`])
  await node.line(({ event, size }) => event === 'outcome' && size === 20)
  expect(opened).toContain('/db/latest')
  expect(node.said()).not.toMatch(SECRETS)
})

test.each([
  [['run', '--log', `${vkey}x http://reader:s3cr@t/x@h/`]],
  [['run', '--log', `${vkey} ftp://reader:s3cr@h/`]],
  [['run', '--log', `http://reader:s3cr@h/`]],
  [['run', '--log', `${vkey} http://reader:s3/cr@h/`]],
  [['run', '--upstream', 'a b http://reader:s3cr@h/']],
  [['run', '--feed', 'http://reader:s3cr@h/?x=1']],
  [['run', '--log-list', 'http://reader:s3cr@h']],
  [['run', '--bastion', 'https://reader:s3cr@h']],
  [['run', '--bastion', 'https://:s3cr@h']],
  [['status', '--node', 'ftp://reader:s3cr@h']],
  [['status', '--node', 'http://reader:s3cr@127.0.0.1:1']],
  [['probe', 'http://reader:s3cr@127.0.0.1:1', '--log', vkey]],
  [['check', 'head', '--log', `${vkey} http://reader:s3cr@127.0.0.1:1`]],
])('%j says nothing of the password', async (args) => {
  const { code, stdout, stderr } = await gossumRefused([
    ...args,
    ...(args[0] === 'run' ? ['--home', temporaryHome()] : []),
  ])
  expect(code).toBeGreaterThan(0)
  expect(stdout + stderr).not.toMatch(/s3/)
})
