/** `gossum mirror`, as an operator runs it, with a node that is a mirror and with its folder. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { mirrorOperatorRoutes } from '../../../src/http/mirror-operator.js'
import { OperatorDoor } from '../../../src/http/operator-socket.js'
import { mirrorFolder } from '../../../src/mirror/mirror-folder.js'
import { gossum, jsonError } from '../../helpers/cli.js'
import { temporaryHome } from '../../helpers/home.js'
import { publish, startMirror } from '../../helpers/mirror-node.js'
import { fakeMirror, MIRROR_STATUS } from '../../helpers/mirror-view.js'
import { fakeNode } from '../../helpers/node-view.js'

const MODULE = 'example.com/Mod@v1.2.3'

async function operated(mirror = fakeMirror()): Promise<{ home: string; asked: readonly unknown[] }> {
  const home = temporaryHome()
  const door = await OperatorDoor.start(home, fakeNode(), {}, mirrorOperatorRoutes(mirror))
  onTestFinished(() => door.stop())
  return { home, asked: mirror.asked }
}

test('status says what is kept, hidden and refused, and which upstream does not answer', async () => {
  const { home } = await operated()
  const { code, stdout, stderr } = await gossum(['mirror', 'status', '--home', home])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout.replaceAll(/\d+ days ago/g, 'N days ago')).toBe(
    [
      'upstream   https://one.example  answers',
      'upstream   file:///two  fails since N days ago: the folder is not there',
      'kept       3 files, 5.0 MiB of 10.0 GiB',
      'damaged    1 file on this disk, set aside and fetched again',
      "cooldown   7 days; not of what the log had before this node's first quorum head",
      'allowed    example.com/new@v1.0.0',
      'pinned     example.com/old@v0.1.0',
      'hidden     example.com/hidden  v1.1.0, v1.0.0 and 28 more: in the log, but not in the list of the upstream',
      'refused    example.com/bad@v1.0.0  the zip from https://one.example, N days ago: another file is in it [repacked zip]',
      '           h1:b=, where the log has h1:a=',
      'refused    example.com/odd@v1.0.0  the go.mod from https://one.example, N days ago: no record [mirror only]',
      '',
    ].join('\n'),
  )
  const json = await gossum(['mirror', 'status', '--home', home, '--json'])
  expect(JSON.parse(json.stdout)).toEqual(MIRROR_STATUS)
})

test('allow, pin and unpin send the module to the node unescaped', async () => {
  const { home, asked } = await operated()
  const run = (...args: string[]) => gossum(['mirror', ...args, '--home', home])
  expect(await run('allow', MODULE)).toEqual({ code: 0, stdout: `allowed ${MODULE}\n`, stderr: '' })
  expect(await run('allow', '--existing')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('before') as string,
  })
  expect(await run('pin', MODULE)).toMatchObject({ code: 0, stdout: `pinned ${MODULE}\n` })
  expect(await run('unpin', MODULE, '--json')).toMatchObject({ stdout: `{"module":"${MODULE}","existing":false}\n` })
  const module = { path: 'example.com/Mod', version: 'v1.2.3' }
  expect(asked).toEqual([
    ['allow', module],
    ['allow', 'existing'],
    ['pin', module],
    ['unpin', module],
  ])
})

test.each([
  [['allow'], 'USAGE'],
  [['allow', MODULE, '--existing'], 'USAGE'],
  [['pin', 'example.com/mod'], 'MODULE_INVALID'],
  [['pin', 'example.com/mod@latest&module=a.b/c@v1.0.0'], 'MODULE_INVALID'],
  [['pin', MODULE, '--node', 'http://127.0.0.1:1'], 'FORBIDDEN'],
])('%j is refused, and nothing is sent to the node', async (args, error) => {
  const { home, asked } = await operated()
  const result = await gossum(['mirror', ...args, '--json', '--home', home])
  expect([jsonError(result).code, result.code === 0, asked]).toEqual([error, false, []])
})

test('a node that is no mirror and a home without a node give errors', async () => {
  const home = temporaryHome()
  const away = await gossum(['mirror', 'status', '--json', '--home', home])
  expect([away.code, jsonError(away).code]).toEqual([1, 'NODE_UNREACHABLE'])
  const door = await OperatorDoor.start(home, fakeNode(), {}, mirrorOperatorRoutes(undefined))
  onTestFinished(() => door.stop())
  const none = await gossum(['mirror', 'status', '--json', '--home', home])
  expect([none.code, jsonError(none).code]).toEqual([1, 'MIRROR_OFF'])
  const empty = await gossum(['mirror', 'verify', '--json', '--home', home])
  expect([empty.code, jsonError(empty).code]).toEqual([1, 'FILE_UNREADABLE'])
})

test('verify refuses to run beside a node, and finds a flipped bit in the files of a stopped one', async () => {
  const { node, home, url } = await startMirror((folder) => [publish(folder, 'example.com/mod', 'v1.0.0', 'package a')])
  expect((await fetch(`${url}/example.com/mod/@v/v1.0.0.zip`)).status).toBe(200)
  const locked = await gossum(['mirror', 'verify', '--json', '--home', home])
  expect(locked.stderr).toContain('MIRROR_LOCKED')
  expect([locked.code, jsonError(locked).code]).toEqual([1, 'MIRROR_LOCKED'])
  await node.stop()
  const sound = await gossum(['mirror', 'verify', '--home', home])
  expect([sound.code, sound.stderr]).toEqual([0, ''])
  expect(sound.stdout).toMatch(/^\d+ files?, .*: all are intact\n$/)
  const dir = mirrorFolder(home)
  const name = readdirSync(dir, { recursive: true, encoding: 'utf8' }).find((path) => path.endsWith('.zip'))!
  const bytes = readFileSync(join(dir, name))
  bytes[60]! ^= 1
  writeFileSync(join(dir, name), bytes)
  const damaged = await gossum(['mirror', 'verify', '--json', '--home', home])
  const lines = damaged.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect([damaged.code, lines]).toEqual([
    1,
    [
      { file: expect.stringMatching(/\.zip$/) as string, size: bytes.length, flaw: expect.any(String) as string },
      { files: expect.any(Number) as number, bytes: expect.any(Number) as number, damaged: 1 },
    ],
  ])
  expect((await gossum(['mirror', 'verify', '--home', home])).code).toBe(0)
})
