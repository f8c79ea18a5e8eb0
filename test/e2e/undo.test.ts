/** The commands that `gossum run` prints to undo what it suggests. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { SUM_GOLANG_ORG } from '../../src/config/config.js'
import { PROGRAM, startGossum } from '../helpers/cli.js'
import { temporaryHome } from '../helpers/home.js'

test.each([
  ['nothing', '', 'go env -u GOSUMDB'],
  ['another address', 'GOSUMDB=sum.golang.google.cn\n', 'go env -w GOSUMDB="sum.golang.google.cn"'],
  ['an address with a password', 'GOSUMDB=sum.golang.org https://me:s3cr@h/x\n', 'go env GOSUMDB (it has a password)'],
])('where %s was set, it sets that back', async (_, settings, undo) => {
  const goenv = join(mkdtempSync(join(tmpdir(), 'goenv-')), 'env')
  writeFileSync(goenv, settings)
  const fixed = ['run', '--home', temporaryHome(), '--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0']
  // Values from the environment are not to be restored.
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', GOSSUM_MDNS: 'false', GOENV: goenv, GOSUMDB: 'other' }
  const log = ['--log', `${SUM_GOLANG_ORG} http://127.0.0.1:9`]
  const node = spawn(process.execPath, [PROGRAM, ...fixed, ...log], { env, stdio: ['ignore', 'pipe', 'ignore'] })
  onTestFinished(() => void node.kill('SIGKILL'))
  for await (const line of createInterface(node.stdout)) {
    if (!line.startsWith('undo')) continue
    expect(line).toContain(undo)
    expect(line).not.toContain('s3cr')
    break
  }
  const ended = once(node, 'exit')
  node.kill('SIGTERM')
  await ended
})

test('a node that is a mirror prints how to get modules through it, and how to undo that', async () => {
  const goenv = join(mkdtempSync(join(tmpdir(), 'goenv-')), 'env')
  writeFileSync(goenv, 'GOPROXY=https://corp.example\n')
  const log = ['--log', `${SUM_GOLANG_ORG} http://127.0.0.1:9`]
  const mirror = [
    '--mirror',
    'https://me:s3cret@one.example',
    '--mirror',
    'file:///srv/modules',
    '--private',
    'corp.example',
  ]
  const args = ['run', '--home', temporaryHome(), '--http', '127.0.0.1:0', ...log, ...mirror, '--cooldown', '7d']
  const node = await startGossum([...args, '--listen', '/ip4/127.0.0.1/tcp/0', '--json'], { env: { GOENV: goenv } })
  const { goproxy, http } = JSON.parse(node.firstLine) as { goproxy: string; http: string }
  expect(goproxy).toBe(`${http}/mod,direct`)
  await node.stop()
  const again = spawn(process.execPath, [PROGRAM, ...args, '--listen', '/ip4/127.0.0.1/tcp/0'], {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', GOSSUM_MDNS: 'false', GOENV: goenv },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(() => void again.kill('SIGKILL'))
  const lines: string[] = []
  for await (const line of createInterface(again.stdout)) {
    lines.push(line.replace(/127\.0\.0\.1:\d+/, 'HOST:PORT'))
    if (line.startsWith('cooldown')) break
  }
  expect(lines.slice(-5)).toEqual([
    'go         go env -w GOPROXY=http://HOST:PORT/mod,direct',
    'undo       go env -w GOPROXY="https://corp.example"',
    'mirror     https://one.example',
    'mirror     file:///srv/modules',
    'cooldown   7 days from the first quorum head that covers a version',
  ])
  const ended = once(again, 'exit')
  again.kill('SIGTERM')
  await ended
})
