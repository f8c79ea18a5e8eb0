/** go.sum checks with a real node: lines are compared with what the go command would get there. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeSignerKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { LyingLog, madeUpRecord, madeUpRecords, memoryLog } from '../fakes/lying-log.js'
import { gossum, type CliResult } from '../helpers/cli.js'
import { temporaryHome } from '../helpers/home.js'
import { RunningNode } from '../helpers/node.js'

const signer = makeSignerKey('sum.example.org', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(5))
const key = signer.verifier.vkey

test('lines that the quorum head proves pass, until the log is convicted', async () => {
  const log = await LyingLog.start(await memoryLog(signer, madeUpRecords(0, 600)))
  onTestFinished(() => log.close())
  const node = await RunningNode.start(temporaryHome(), ['--log', `${key} ${log.url}`, '--poll', '3600'])
  await node.event(({ event }) => event === 'quorum')
  const folder = temporaryHome()
  const check = async (...lines: string[]): Promise<CliResult> => {
    const file = join(folder, 'go.sum')
    await writeFile(file, lines.join(''))
    const args = ['check', 'go.sum', file, '--node', node.ready.http, '--log', key]
    return gossum(args, { env: { XDG_CACHE_HOME: folder } })
  }
  const [one, two] = [madeUpRecord(7).text, madeUpRecord(500).text]
  expect(await check(one, two)).toMatchObject({ code: 0, stdout: '', stderr: '' })
  const asked = log.requests.length

  // A changed hash; lines that are already known need no request.
  const moved = await check(one, two.replace('h1:YTUw', 'h1:AAAA'))
  expect([moved.code, moved.stdout]).toEqual([2, expect.stringContaining('go.sum:3: other-hash') as string])
  expect(await check(one, two)).toMatchObject({ code: 0 })
  expect(log.requests).toHaveLength(asked)

  // A record newer than every head of the node: its head is cosigned first, then the line is vouched for.
  await log.history.append([madeUpRecord(600)])
  expect(await check(madeUpRecord(600).text)).toMatchObject({ code: 0 })

  log.history = await memoryLog(signer, [...madeUpRecords(0, 550), ...madeUpRecords(550, 800, 'fork')])
  const caught = await check(madeUpRecord(700, 'fork').text)
  const { id } = (await node.event(({ event }) => event === 'evidence')) as { id: string }
  expect(caught.code).not.toBe(0)
  const after = await check(madeUpRecord(20).text)
  expect([after.code, after.stdout + after.stderr]).toEqual([4, expect.stringContaining(id) as string])
})
