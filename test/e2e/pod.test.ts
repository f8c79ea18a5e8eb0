/** Nodes as they run in a pod: as a user without an entry in passwd, on a volume whose files all belong to a group. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, onTestFinished, test } from 'vitest'
import { PROGRAM } from '../helpers/cli.js'
import { testSigner } from '../helpers/heart.js'
import { removeFolder } from '../helpers/home.js'

/** A user and a group without entries, as pods have them. */
const POD = { uid: 54_321, gid: 54_322 }

function gossumInPod(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const clean = { PATH: process.env['PATH'], GOSSUM_MDNS: 'false', ...env }
  return spawn(process.execPath, [PROGRAM, ...args], {
    ...POD,
    env: clean,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function endOf(
  child: ReturnType<typeof gossumInPod>,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => (said[stream] += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...said }
}

/** Whether this test may start processes as other users, and those may read the program. */
function canBePod(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  return spawnSync(process.execPath, [PROGRAM, '--version'], { ...POD, env: {}, cwd: '/' }).status === 0
}

describe.skipIf(!canBePod())('in a pod', () => {
  /** The volume of a pod: its root gives everything to the group. */
  function volume(): string {
    const directory = mkdtempSync(join(tmpdir(), 'gossum-pod-'))
    onTestFinished(() => removeFolder(directory))
    chownSync(directory, 0, POD.gid)
    chmodSync(directory, 0o2770)
    return join(directory, 'home')
  }

  /** What the kubelet does to a volume before a container starts. */
  function mount(home: string): void {
    execFileSync('chgrp', ['-R', String(POD.gid), home])
    execFileSync('chmod', ['-R', 'g+rwX', home])
  }

  const log = ['--log', `${testSigner('log.example/x', 1).verifier.vkey} -`]
  const address = ['--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0']
  const run = (home: string) => gossumInPod(['run', '--json', '--home', home, ...address, ...log])

  test('with fsGroup a node starts again, with its keys as the kubelet leaves them', async () => {
    const home = volume()
    for (const start of [1, 2]) {
      const node = run(home)
      onTestFinished(() => void node.kill('SIGKILL'))
      const end = endOf(node)
      const ready = await Promise.race([
        once(createInterface(node.stdout), 'line').then(([line]) => line as string),
        end.then(({ stderr }) => stderr),
      ])
      expect(ready, `start ${start}`).toContain('"ready":true')
      node.kill('SIGTERM')
      expect((await end).code).toBe(0)
      mount(home)
      expect(statSync(join(home, 'witness.key')).mode & 0o777).toBe(0o660)
    }
    // Files readable by everyone, or by another user's group, are still refused.
    for (const [mode, gid] of [
      [0o664, POD.gid],
      [0o660, 1],
    ] as const) {
      chownSync(join(home, 'witness.key'), POD.uid, gid)
      chmodSync(join(home, 'witness.key'), mode)
      const refused = await endOf(run(home))
      expect(refused.code).toBe(1)
      expect(refused.stderr).toContain('so others may read it')
    }
  }, 60_000)

  test('a user without HOME and without an entry is told what to set, and can query a node without a home', async () => {
    for (const args of [['run'], ['key', 'show'], ['log', 'list']]) {
      const { code, stderr } = await endOf(gossumInPod([...args, '--json']))
      expect([code, JSON.parse(stderr)], args.join(' ')).toEqual([
        1,
        {
          error: {
            code: 'HOME_UNUSABLE',
            message: 'the directory cannot be used: this user has no home directory, and HOME is not set',
            hint: 'choose a place for keys and state: --home DIR, or GOSSUM_HOME',
          },
        },
      ])
    }
    const env = { GOSSUM_HTTP: '127.0.0.1:9' }
    for (const args of [
      ['status'],
      ['check', 'go.sum', '/dev/null'],
      ['check', 'head'],
      ['policy', 'check', 'public'],
    ]) {
      const { stderr } = await endOf(gossumInPod(args, env))
      expect(stderr, args.join(' ')).not.toContain('bug')
    }
    const home = volume()
    mkdirSync(home)
    chownSync(home, POD.uid, POD.gid)
    expect((await endOf(gossumInPod(['key', 'new'], { GOSSUM_HOME: home }))).code).toBe(0)
    expect(readdirSync(home)).toContain('witness.key')
  }, 60_000)
})
