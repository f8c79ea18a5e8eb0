/** Commands that query a running node, over real sockets. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { ERRORS } from '../../../src/errors.js'
import type { ConditionView } from '../../../src/status/shapes.js'
import { OperatorDoor } from '../../../src/http/operator-socket.js'
import { HttpServer } from '../../../src/http/server.js'
import { CONDITIONS, type ConditionName } from '../../../src/status/conditions.js'
import { fromUtf8 } from '../../../src/tlog/bytes.js'
import { gossum, jsonError } from '../../helpers/cli.js'
import { scratchFolder } from '../../helpers/home.js'
import { EVIDENCE_FILE, EVIDENCE_ID, fakeNode, LOG, LOG_ID, ROOT, type FakeNode } from '../../helpers/node-view.js'
import { readLines, vectorUrl } from '../../helpers/vectors.js'

const { dir, file } = scratchFolder()

describe('asking a node', () => {
  let server: HttpServer
  let node: FakeNode
  let operator: OperatorDoor
  beforeAll(async () => {
    node = fakeNode()
    server = await HttpServer.start({ host: '127.0.0.1', port: 0, node })
    operator = await OperatorDoor.start(dir, node, {})
  })
  afterAll(() => Promise.all([server.stop(), operator.stop()]))

  async function body(path: string): Promise<string> {
    return (await fetch(server.url + path)).text()
  }

  it.each([
    [['status'], '/api/v1/status'],
    [['heads'], `/api/v1/logs/${LOG_ID}/heads?limit=20`],
    [['heads', 'sum.golang.org', '--limit', '3'], `/api/v1/logs/${LOG_ID}/heads?limit=3`],
    [['heads', LOG_ID], `/api/v1/logs/${LOG_ID}/heads`],
    [['peers'], '/api/v1/peers'],
    [['evidence', 'list'], '/api/v1/evidence'],
  ])('%j --json prints the body of %s unchanged', async (args, path) => {
    const expected = { code: 0, stdout: await body(path), stderr: '' }
    expect(await gossum([...args, '--json', '--node', server.url])).toEqual(expected)
    // Before and after the command, and from the environment.
    expect(await gossum(['--json', '--node', server.url, ...args])).toEqual(expected)
    expect(await gossum([...args, '--json'], { env: { GOSSUM_NODE: `${server.url}/` } })).toEqual(expected)
  })

  it('asks at the address configured for the node', async () => {
    const config = file('config.yaml', `http: ${server.url.slice('http://'.length)}\n`)
    expect((await gossum(['peers', '--json', '--config', config])).stdout).toBe(await body('/api/v1/peers'))
  })

  it('prints the status as text', async () => {
    const { code, stdout, stderr } = await gossum(['status', '--node', server.url])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(
      /^ sum\.golang\.org {2}size 280,573\n SPLIT VIEW since 2026-01-02 00:00 UTC: the log is proven [^\n]*\n view +one view\n newest +cosigned \d+ days ago, 1 cosignature\n +w1 \d+ days ago\n/,
    )
    expect(stdout).toMatch(/ peers +1 connected\n evidence +1 file, not acknowledged; see gossum evidence list\n/)
  })

  it('lists heads, peers and evidence', async () => {
    const ask = async (...args: string[]): Promise<string> => (await gossum([...args, '--node', server.url])).stdout
    expect(await ask('heads')).toMatch(
      new RegExp(
        `^280,573 {2}${ROOT.replace(/\+/g, '\\+')} {2}1 cosignature {2}cosigned \\d+ days ago {2}w1 \\d+ days ago\n$`,
      ),
    )
    expect(await ask('peers')).toMatch(
      /^12D3KooWPeer {2}- {2}\/ip4\/127\.0\.0\.1\/tcp\/2 {2}2 ms {2}score 0 {2}size 280,573 \d+ days ago {2}connected/,
    )
    expect(await ask('evidence', 'list')).toMatch(
      /^0123456789abcdef.*sum\.golang\.org {2}convicts the log {2}sizes 5 and 6.*NOT ACKNOWLEDGED\n$/,
    )
  })

  it('shows evidence byte for byte, and acknowledges it', async () => {
    const shown = await gossum(['evidence', 'show', EVIDENCE_ID, '--node', server.url])
    expect(shown).toEqual({ code: 0, stdout: fromUtf8(EVIDENCE_FILE), stderr: '' })
    expect(await gossum(['evidence', 'ack', EVIDENCE_ID, '--json', '--home', dir])).toEqual({
      code: 0,
      stdout: `{"id":"${EVIDENCE_ID}","acked":true,"items":1}\n`,
      stderr: '',
    })
    expect(node.acknowledged).toEqual([EVIDENCE_ID])
  })

  it.each([
    [['evidence', 'show', 'fedcba9876543210'], 1, 'EVIDENCE_UNKNOWN'],
    [['heads', '--limit', '0'], 2, 'REQUEST_INVALID'],
  ] as const)('passes on the error of the node: %j', async (args, code, errorCode) => {
    const result = await gossum([...args, '--json', '--node', server.url])
    expect(result).toMatchObject({ code, stdout: '' })
    const { code: told, message, hint } = jsonError(result)
    expect(told).toBe(errorCode)
    // The sentence appears once, not once from the node and once from here.
    expect(message.split(ERRORS[errorCode][0])).toHaveLength(2)
    expect(hint).toBe(ERRORS[errorCode][1])
  })

  it('passes on what the node answers its operator', async () => {
    const result = await gossum(['evidence', 'ack', '../../x', '--json'], { home: dir })
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(jsonError(result).code).toBe('EVIDENCE_UNKNOWN')
  })

  it('acknowledges several items, as status prints them, and all open ones with --all', async () => {
    const told = async (...args: string[]) => {
      node.acknowledged.length = 0
      const result = await gossum(['evidence', 'ack', ...args, '--home', dir], { env: { GOSSUM_NODE: server.url } })
      return { ...result, ids: [...node.acknowledged] }
    }
    const other = EVIDENCE_ID
    for (const args of [[`${EVIDENCE_ID},`, other], [`${EVIDENCE_ID}, ${other}`], [EVIDENCE_ID, other, ',']])
      expect(await told(...args)).toMatchObject({ code: 0, ids: [EVIDENCE_ID], stderr: '' })
    expect(await told('--all')).toMatchObject({ code: 0, ids: [EVIDENCE_ID], stdout: `acknowledged ${EVIDENCE_ID}\n` })
    // An unknown one does not prevent the others.
    const mixed = await told('f'.repeat(16), EVIDENCE_ID)
    expect(mixed).toMatchObject({ code: 1, ids: [EVIDENCE_ID], stdout: `acknowledged ${EVIDENCE_ID}\n` })
    expect(mixed.stderr).toContain('there is no evidence with this id')
    for (const args of [[], [','], ['--all', EVIDENCE_ID]]) expect((await told(...args)).code, args.join()).toBe(2)
  })

  it('says how many other items were acknowledged along with one', async () => {
    const acknowledge = node.acknowledge.bind(node)
    onTestFinished(() => void (node.acknowledge = acknowledge))
    const ack = async (items: number): Promise<string> => {
      node.acknowledge = () => Promise.resolve(items)
      return (await gossum(['evidence', 'ack', EVIDENCE_ID, '--home', dir])).stdout
    }
    expect(await ack(1)).toBe(`acknowledged ${EVIDENCE_ID}\n`)
    expect(await ack(2)).toBe(`acknowledged ${EVIDENCE_ID}, and 1 item more about the same log\n`)
    expect(await ack(64)).toBe(`acknowledged ${EVIDENCE_ID}, and 63 items more about the same log\n`)
  })

  it('refuses to acknowledge at an address, and says where to do it', async () => {
    const result = await gossum(['evidence', 'ack', EVIDENCE_ID, '--json', '--node', server.url], { home: dir })
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(jsonError(result)).toMatchObject({ code: 'FORBIDDEN', hint: ERRORS.FORBIDDEN[1] })
  })

  it('reports that no node runs with the home, even if one is known elsewhere', async () => {
    const elsewhere = { env: { GOSSUM_NODE: server.url }, home: '/nonexistent' }
    const nobody = await gossum(['evidence', 'ack', EVIDENCE_ID, '--json'], elsewhere)
    expect(nobody).toMatchObject({ code: 1, stdout: '' })
    expect(jsonError(nobody)).toMatchObject({
      code: 'NODE_UNREACHABLE',
      message: expect.stringContaining('/nonexistent/operator.sock: no node runs with this home') as string,
      hint: expect.stringContaining('on another machine') as string,
    })
  })

  it('names the logs that the node follows if asked about another', async () => {
    const result = await gossum(['heads', 'other.example', '--json', '--node', server.url])
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(jsonError(result)).toEqual({
      code: 'LOG_UNKNOWN',
      message: `${ERRORS.LOG_UNKNOWN[0]}: "other.example"`,
      hint: 'the node follows: sum.golang.org',
    })
  })

  it('saves a head as its help says, and verify accepts it', async () => {
    const [genuine] = readLines(vectorUrl('sumdb-heads.jsonl')) as { note: string }[]
    const [shown] = await fakeNode().heads(LOG_ID, 1)
    const heads = () => Promise.resolve([{ ...shown!, note: genuine!.note }])
    const holder = await HttpServer.start({ host: '127.0.0.1', port: 0, node: fakeNode({ heads }) })
    expect((await gossum(['heads', '--help'])).stdout).toContain(
      "gossum heads --json | jq -j '.heads[0].note' > head.txt",
    )
    const { stdout } = await gossum(['heads', '--json', '--node', holder.url])
    await holder.stop()
    const { note } = (JSON.parse(stdout) as { heads: { note: string }[] }).heads[0]!
    // As written by jq -j: the string without a newline after it.
    expect((await gossum(['verify', file('head.txt', note)])).code).toBe(0)
    expect((await gossum(['verify', file('head.txt', `${note}\n`)])).code).toBe(2)
  })

  it('sets the exit code by the current conditions, also with --json', async () => {
    const held = (name: ConditionName): ConditionView => ({ name, severity: CONDITIONS[name], log: null, text: '' })
    for (const [names, expected] of [
      [[], 0],
      [['no policy', 'place failing'], 0],
      [['no policy', 'suspect'], 4],
      [['no quorum'], 4],
      [['no quorum', 'frozen', 'suspect'], 3],
    ] as const) {
      const status = { ...(await fakeNode().status()), conditions: names.map(held) }
      const other = await HttpServer.start({
        host: '127.0.0.1',
        port: 0,
        node: fakeNode({ status: () => Promise.resolve(status) }),
      })
      const codes = [
        (await gossum(['status', '--node', other.url])).code,
        (await gossum(['status', '--json', '--node', other.url])).code,
      ]
      await other.stop()
      expect(codes, names.join()).toEqual([expected, expected])
    }
  })

  it('requires a log to be named if there are several', async () => {
    const status = await fakeNode().status()
    const two = { ...status, logs: [LOG, { ...LOG, id: 'cd'.repeat(32), name: 'other.example' }] }
    const other = await HttpServer.start({
      host: '127.0.0.1',
      port: 0,
      node: fakeNode({ status: () => Promise.resolve(two) }),
    })
    const { code, stderr } = await gossum(['heads', '--node', other.url])
    await other.stop()
    expect(code).toBe(2)
    expect(stderr).toContain('name one of the logs: sum.golang.org, other.example')
  })

  it('reports a missing node, and another service in its place', async () => {
    const nobody = await gossum(['status', '--json', '--node', 'http://127.0.0.1:9'])
    expect(nobody).toMatchObject({ code: 1, stdout: '' })
    expect(jsonError(nobody)).toMatchObject({
      code: 'NODE_UNREACHABLE',
      message: expect.stringContaining('127.0.0.1:9') as string,
    })
    const elsewhere = await gossum(['status', '--json', '--node', `${server.url}/livez?`])
    expect(elsewhere).toMatchObject({ code: 1, stdout: '' })
    expect(jsonError(elsewhere)).toMatchObject({
      code: 'NODE_UNREACHABLE',
      message: expect.stringContaining('not like a gossum node') as string,
    })
  })

  it('says that there is no evidence', async () => {
    const empty = await HttpServer.start({
      host: '127.0.0.1',
      port: 0,
      node: fakeNode({ evidence: () => Promise.resolve([]) }),
    })
    const result = await gossum(['evidence', 'list', '--node', empty.url])
    await empty.stop()
    expect(result).toEqual({ code: 0, stdout: '', stderr: 'no evidence\n' })
  })
})
