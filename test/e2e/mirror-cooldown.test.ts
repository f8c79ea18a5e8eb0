/**
 * The cooldown with a real node and the real go command: versions that the quorum has not covered for long enough are
 * neither listed nor served, until their time has come or the operator allows them. The age is kept on disk.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gossum } from '../helpers/cli.js'
import { newestGo } from '../helpers/go.js'
import { Mirrored } from '../helpers/mirrored.js'
import { makeModule, type Made } from '../helpers/module-folder.js'

const go = newestGo()
const version = (version: string, path = 'example.com/young'): Made =>
  makeModule(path, version, { 'lib.go': `package lib\n\nconst Version = "${version}"\n` })
const [FIRST, SECOND, THIRD] = [version('v1.0.0'), version('v1.1.0'), version('v1.2.0')]
const FRIEND = version('v1.0.0', 'example.com/friend/lib')

let mirrored: Mirrored

beforeAll(async () => {
  mirrored = await Mirrored.start([FIRST], ['--cooldown', '1h', '--cooldown-except', 'example.com/friend'])
})
afterAll(() => mirrored.stop())

const operate = async (...args: string[]): Promise<void> => {
  const { code, stderr } = await gossum(['mirror', ...args, '--home', mirrored.home])
  expect(code, stderr).toBe(0)
}
const listed = async (): Promise<string> => (await fetch(`${mirrored.goproxy}/${FIRST.path}/@v/list`)).text()

describe('with a cooldown of an hour', () => {
  test('the age of versions from before the node is unknown: they wait until the operator lets them through', async () => {
    expect((await mirrored.file(FIRST, 'zip')).status).toBe(403)
    await operate('allow', '--existing')
    for (const kind of ['info', 'mod', 'zip'] as const) expect((await mirrored.file(FIRST, kind)).status).toBe(200)
    expect(await listed()).toBe('v1.0.0\n')
  })

  test('a new version is refused with the date of its availability, and is not listed', async () => {
    await mirrored.publish(SECOND)
    for (const kind of ['info', 'mod', 'zip'] as const) {
      const answer = await mirrored.file(SECOND, kind)
      const text = await answer.text()
      expect([kind, answer.status]).toEqual([kind, 403])
      const [date] = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/.exec(text) ?? [text]
      const left = Date.parse(date) - Date.now()
      expect(left).toBeGreaterThan(50 * 60_000)
      expect(left).toBeLessThanOrEqual(60 * 60_000 + 1000)
    }
    expect(await listed()).toBe('v1.0.0\n')
  })

  test.skipIf(go === undefined)(
    'go get takes the latest one that is old enough, and says why it takes no other',
    async () => {
      const latest = await mirrored.go(go!, ['get', `${FIRST.path}@latest`])
      expect([latest.exit, latest.output]).toEqual([0, expect.stringContaining(`added ${FIRST.path} v1.0.0`) as string])
      const named = await mirrored.go(go!, ['get', `${FIRST.path}@v1.1.0`])
      expect([named.exit, named.output]).toEqual([1, expect.stringMatching(/403 Forbidden[^]*gossum: /) as string])
    },
  )

  test('exceptions do not wait', async () => {
    await mirrored.publish(FRIEND)
    for (const kind of ['info', 'mod', 'zip'] as const) expect((await mirrored.file(FRIEND, kind)).status).toBe(200)
  })

  test('one version is let through by the operator', async () => {
    await operate('allow', `${SECOND.path}@${SECOND.version}`)
    expect(await listed()).toBe('v1.0.0\nv1.1.0\n')
    if (go === undefined) return
    const { exit, output } = await mirrored.go(go, ['get', `${FIRST.path}@latest`])
    expect([exit, output]).toEqual([0, expect.stringContaining(`added ${FIRST.path} v1.1.0`) as string])
  })

  test('an old enough version is served, and its age survives the process', async () => {
    await mirrored.publish(THIRD)
    const refused = await mirrored.file(THIRD, 'zip')
    expect(refused.status).toBe(403)
    const until = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/.exec(await refused.text())![0]
    const covered = Date.parse(until) - 3_600_000
    await mirrored.node.stop()
    await mirrored.run(['--cooldown', '1s'])
    while (Date.now() < covered + 1000) await new Promise((later) => setTimeout(later, 100))
    expect((await mirrored.file(THIRD, 'zip')).status).toBe(200)
    expect(await listed()).toBe('v1.0.0\nv1.1.0\nv1.2.0\n')
  })
})
