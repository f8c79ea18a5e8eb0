/**
 * Hooks are arbitrary programs: their faults end with them, and a program that others could have put there is not run.
 */
import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Hook, type HookTimes } from '../../src/alerts/hook.js'
import { readHooks } from '../../src/alerts/hooks.js'
import { lastingController } from '../../src/lib/timed.js'
import { temporaryHome } from '../helpers/home.js'
import { madeAlert } from './made.js'

/** Test machines are busy. */
const EVENTUALLY = { timeout: 20_000 }

const NEVER = lastingController().signal
const QUICK: HookTimes = { timeoutMs: 400, graceMs: 200 }
const PATIENT: HookTimes = { timeoutMs: 30_000, graceMs: 200 }

/** A program in a folder of its own. */
function program(script: string, { dir = temporaryHome(), name = 'hook', mode = 0o755 } = {}): string {
  const path = join(dir, name)
  writeFileSync(path, script)
  chmodSync(path, mode)
  return path
}

const sh = (...lines: string[]): string => ['#!/bin/sh', ...lines, ''].join('\n')

function run(script: string, times = PATIENT, signal = NEVER, alert = madeAlert()) {
  return new Hook({ name: 'hook', path: program(script) }, times).deliver(alert, signal)
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // A zombie, which has ended and was not waited for yet, does not run any more.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** The id of a process that a hook writes into this file. */
const pidIn = (file: string): number => Number(readFileSync(file, 'utf8'))

describe('a hook', () => {
  test('gets the alert on stdin, and accepts it with status 0', async () => {
    const file = join(temporaryHome(), 'got')
    expect(await run(sh(`cat > ${file}`, 'echo done'))).toEqual({
      isTaken: true,
      said: 'exit status 0',
      output: 'done',
    })
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(madeAlert())
  })

  test('need not read the alert, however large it is', async () => {
    const evidence = { id: 'e'.repeat(16), path: '/e', file: 'x'.repeat(64 * 1024) }
    for (const script of [sh('exit 0'), sh('exec <&-', 'exit 0')])
      expect(await run(script, PATIENT, NEVER, madeAlert(0, { evidence }))).toMatchObject({ isTaken: true })
  })

  test('gets readable text in its environment, and none of our variables', async () => {
    vi.stubEnv('GOSSUM_LOG', 'a secret')
    vi.stubEnv('HTTPS_PROXY', 'http://me:secret@proxy.example')
    onTestFinished(() => void vi.unstubAllEnvs())
    const { output } = await run(sh('env | cut -d= -f1 | sort | tr "\\n" " "', 'echo; echo "$GOSSUM_ALARM_SUBJECT"'))
    const [names, subject] = output.split('\n')
    expect(subject).toBe('[gossum] FAILING: no quorum (log.example)')
    const known =
      /^(?:GOSSUM_ALARM_(?:STATE|SEVERITY|SUBJECT|TEXT)|PATH|HOME|USER|LOGNAME|LANG|LC_ALL|TZ|TMPDIR|PWD|OLDPWD|SHLVL|_)$/
    // PWD and others are the shell's own; a value may have several lines.
    const own = names!
      .trim()
      .split(' ')
      .filter((name) => /^[A-Z_]+$/.test(name))
    expect(own.filter((name) => !known.test(name))).toEqual([])
    expect(own).toContain('GOSSUM_ALARM_TEXT')
  })

  test.each([
    ['another status', sh('echo why >&2', 'exit 7'), 'exit status 7', 'why'],
    ['a crash', sh('kill -SEGV $$'), 'ended by SIGSEGV', ''],
    ['no interpreter', '#!/no/such/interpreter\n', 'it cannot be run (ENOENT)', ''],
  ])('with %s has not accepted the alert', async (_what, script, said, output) => {
    expect(await run(script)).toEqual({ isTaken: false, said, output })
  })

  test('that hangs and ignores SIGTERM is killed, with all its children', async () => {
    const dir = temporaryHome()
    const script = sh(
      "trap '' TERM",
      `sh -c "trap '' TERM; echo \\$\\$ > ${dir}/child; while :; do sleep 60; done" &`,
      'while :; do sleep 60; done',
    )
    expect(await run(script, QUICK)).toMatchObject({ isTaken: false, said: 'it did not end in 0.4 s' })
    await expect.poll(() => isRunning(pidIn(join(dir, 'child'))), EVENTUALLY).toBe(false)
  })

  test('that leaves a child behind is not waited for, and the child is killed', async () => {
    const dir = temporaryHome()
    // It keeps stdout and stderr open.
    const script = sh(`sleep 60 & echo $! > ${dir}/child`, 'exit 0')
    expect(await run(script)).toMatchObject({ isTaken: true })
    await expect.poll(() => isRunning(pidIn(join(dir, 'child'))), EVENTUALLY).toBe(false)
  })

  test('that prints endlessly is killed, and the end of its output is kept', async () => {
    const attempt = await run(sh('exec yes endless'))
    expect(attempt).toMatchObject({ isTaken: false, said: 'it printed more than 1048576 bytes' })
    expect(attempt.output.length).toBeLessThanOrEqual(4096)
    expect(attempt.output).toContain('endless')
  })

  test('has control characters removed from its output', async () => {
    expect((await run(sh("printf '\\033[2Jred\\nnext'", 'exit 1'))).output).toBe('\ufffd[2Jred\nnext')
  })

  test('is killed if the node stops, and has not accepted the alert', async () => {
    const dir = temporaryHome()
    const stopping = new AbortController()
    const running = run(sh(`echo $$ > ${dir}/own`, 'sleep 60'), PATIENT, stopping.signal)
    await expect.poll(() => pidIn(join(dir, 'own')), EVENTUALLY).toBeGreaterThan(0)
    stopping.abort(new Error('the node stops'))
    await expect(running).rejects.toThrow('the node stops')
    expect(isRunning(pidIn(join(dir, 'own')))).toBe(false)
  })
})

describe('files in the hook folder', () => {
  function folder(): string {
    const dir = join(temporaryHome(), 'hooks.d')
    mkdirSync(dir, { mode: 0o755 })
    return dir
  }
  const namesOf = async (dir: string) => {
    const { hooks, refused } = await readHooks(dir)
    return { hooks: hooks.map(({ name }) => name), refused }
  }

  test('are hooks in order of name if they are executable and ours', async () => {
    const dir = folder()
    for (const name of ['20-b', '10-a', '.hidden', '10-a.bak', '10-a~', 'with space', 'x.dpkg-old'])
      program(sh('exit 0'), { dir, name })
    expect(await namesOf(dir)).toEqual({ hooks: ['10-a', '20-b'], refused: [] })
    expect(await namesOf(join(dir, 'nothing'))).toEqual({ hooks: [], refused: [] })
  })

  test.each([
    ['writable by others', 0o777, 'others may write to it'],
    ['writable by a group', 0o775, 'others may write to it'],
    ['that is not executable', 0o644, 'it is not executable'],
  ])('exclude one %s', async (_what, mode, why) => {
    const dir = folder()
    program(sh('exit 0'), { dir, mode })
    expect(await namesOf(dir)).toEqual({ hooks: [], refused: [{ name: 'hook', why }] })
  })

  test('exclude folders, dead links and files in a folder writable by others', async () => {
    const dir = folder()
    mkdirSync(join(dir, 'a-folder'))
    symlinkSync(join(dir, 'nowhere'), join(dir, 'dead'))
    const open = temporaryHome()
    chmodSync(open, 0o777)
    symlinkSync(program(sh('exit 0'), { dir: open, name: 'real' }), join(dir, 'linked'))
    symlinkSync(program(sh('exit 0'), { name: 'real' }), join(dir, 'well'))
    expect(await namesOf(dir)).toEqual({
      hooks: ['well'],
      refused: [
        { name: 'a-folder', why: 'it is not a file' },
        { name: 'dead', why: 'it cannot be read (ENOENT)' },
        { name: 'linked', why: 'others may write to its folder' },
      ],
    })
    chmodSync(dir, 0o777)
    expect(await namesOf(dir)).toEqual({
      hooks: [],
      refused: [{ name: 'hooks.d', why: 'others may write to its folder' }],
    })
  })

  test.skipIf(process.getuid?.() !== 0)('exclude one of another user', async () => {
    const dir = folder()
    chownSync(program(sh('exit 0'), { dir }), 12_345, 12_345)
    expect(await namesOf(dir)).toEqual({ hooks: [], refused: [{ name: 'hook', why: 'it belongs to another user' }] })
  })

  test('beyond 32 are not run', async () => {
    const dir = folder()
    for (let i = 100; i < 140; i++) program(sh('exit 0'), { dir, name: `h${i}` })
    const { hooks, refused } = await namesOf(dir)
    expect([hooks.length, refused]).toEqual([32, [{ name: 'h132', why: 'there are more than 32' }]])
  })
})
