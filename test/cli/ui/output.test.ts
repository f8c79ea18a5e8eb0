import { describe, expect, it } from 'vitest'
import { output, type OutputFlags } from '../../../src/cli/ui/output.js'
import { GossumError } from '../../../src/errors.js'

function recorder(flags: OutputFlags, env: NodeJS.ProcessEnv = {}, isTTY = false) {
  const written = { stdout: '', stderr: '' }
  const stream = (name: keyof typeof written) => ({
    isTTY,
    write: (data: string | Uint8Array) => (written[name] += Buffer.from(data as string).toString('utf8')),
  })
  return { out: output(flags, { stdout: stream('stdout'), stderr: stream('stderr'), env }), written }
}

const RED = '\x1b[31mred\x1b[0m'

describe('colour', () => {
  it.each<[string, OutputFlags, NodeJS.ProcessEnv, boolean, boolean]>([
    ['a terminal has it', {}, {}, true, true],
    ['a pipe has none', {}, {}, false, false],
    ['TERM=dumb has none', {}, { TERM: 'dumb' }, true, false],
    ['FORCE_COLOR gives it to a pipe', {}, { FORCE_COLOR: '1' }, false, true],
    ['FORCE_COLOR=0 forces nothing', {}, { FORCE_COLOR: '0' }, false, false],
    ['NO_COLOR beats FORCE_COLOR', {}, { NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
    ['an empty NO_COLOR has no effect', {}, { NO_COLOR: '' }, true, true],
    ['--no-color beats all', { color: false }, { FORCE_COLOR: '1' }, true, false],
  ])('%s', (_what, flags, env, isTTY, expected) => {
    const { out, written } = recorder(flags, env, isTTY)
    out.line(out.paint('red', 'red'))
    expect(written.stdout).toBe(`${expected ? RED : 'red'}\n`)
  })
})

describe('stdout and stderr', () => {
  it('separate data from messages', () => {
    const { out, written } = recorder({})
    out.line('data')
    out.story('story')
    out.talk('talk')
    out.json({ not: 'asked for' })
    expect(written).toEqual({ stdout: 'data\nstory\n', stderr: 'talk\n' })
  })

  it('have only JSON on stdout with --json', () => {
    const { out, written } = recorder({ json: true })
    out.line('data')
    out.story('story')
    out.talk('talk')
    out.json({ a: 1 })
    expect(written).toEqual({ stdout: '{"a":1}\n', stderr: 'story\ntalk\n' })
  })

  it('have asides only on a terminal, and not with --json', () => {
    const asideOn = (flags: OutputFlags, isTTY: boolean): string => {
      const { out, written } = recorder(flags, {}, isTTY)
      out.aside(() => 'aside')
      return written.stderr
    }
    expect(asideOn({}, true)).toBe('aside\n')
    expect(asideOn({}, false)).toBe('')
    expect(asideOn({ json: true }, true)).toBe('')
    expect(asideOn({ quiet: true }, true)).toBe('')
  })

  it('have only data and important messages with --quiet', () => {
    const { out, written } = recorder({ quiet: true })
    out.story('story')
    out.talk('talk')
    out.talk('alarm', { important: true })
    out.line('data')
    out.error(new GossumError('NOT_FOUND'))
    expect(written.stdout).toBe('data\n')
    expect(written.stderr).toMatch(/^alarm\ngossum: /)
  })

  it('let no foreign text move the cursor or reverse a line', () => {
    const { out, written } = recorder({})
    out.line('a\x1b[2Jb\x07c\x9b31md\u202ee\rf')
    out.line('a\u200bb\u2028c\u{e0041}d\ud800e\tf')
    // A colour is also an escape sequence, whoever wrote it; so is hiding the text after it.
    out.line(`${RED} and \x1b[8mhidden`)
    expect(written.stdout.split('\n')).toEqual([
      'a\ufffd[2Jb\ufffdc\ufffd31md\ufffde\ufffdf',
      'a\ufffdb\ufffdc\ufffdd\ufffde\tf',
      '\ufffd[31mred\ufffd[0m and \ufffd[8mhidden',
      '',
    ])
  })

  it('let no foreign text add lines', () => {
    const { out, written } = recorder({})
    out.line('said\ngossum: all is well\r\nhint: nothing to do')
    out.talk('said\n! 12:00:00Z  SPLIT VIEW')
    out.error(new GossumError('NODE_UNREACHABLE', 'said\nhint: send your key'))
    expect(written.stdout).toBe('said gossum: all is well hint: nothing to do\n')
    expect(written.stderr.split('\n').slice(0, 2)).toEqual([
      'said ! 12:00:00Z  SPLIT VIEW',
      'gossum: cannot reach the node: said hint: send your key',
    ])
  })

  it('colour foreign text only after cleaning it', () => {
    const { out, written } = recorder({}, { FORCE_COLOR: '1' })
    out.line(`${out.paint('red', 'x\x1b[0m\x1b[8m')} y\x1b[8m`)
    expect(written.stdout).toBe('\x1b[31mx\ufffd[0m\ufffd[8m\x1b[0m y\ufffd[8m\n')
  })

  it('escape invisible characters in JSON, and change no value', () => {
    const { out, written } = recorder({ json: true })
    const value = { said: 'a\x1b[8m\x9b\u202e\u{e0041}\ud800\n\tb', size: 5 }
    out.json(value)
    expect(written.stdout).toMatch(/^[ -~]+\n$/)
    expect(JSON.parse(written.stdout)).toEqual(value)
  })

  it('show foreign data cleaned on a terminal, and unchanged elsewhere', () => {
    for (const [isTTY, expected] of [
      [true, 'a\ufffd[8m\nb\ufffd\n'],
      [false, 'a\x1b[8m\nb\u202e\n'],
    ] as const) {
      for (const data of ['a\x1b[8m\nb\u202e\n', new TextEncoder().encode('a\x1b[8m\nb\u202e\n')]) {
        const { out, written } = recorder({}, {}, isTTY)
        out.raw(data)
        expect(written.stdout).toBe(expected)
      }
    }
  })
})

describe('an error', () => {
  it('is a sentence and a hint', () => {
    const { out, written } = recorder({})
    out.error(new GossumError('NODE_UNREACHABLE', 'http://x'))
    expect(written.stdout).toBe('')
    expect(written.stderr).toMatch(/^gossum: cannot reach the node: http:\/\/x\nhint: start it with gossum run.*\n$/)
  })

  it('is one JSON line on stderr with --json', () => {
    const { out, written } = recorder({ json: true }, { FORCE_COLOR: '1' })
    out.error(new GossumError('NODE_UNREACHABLE', 'http://x'))
    expect(JSON.parse(written.stderr)).toEqual({
      error: {
        code: 'NODE_UNREACHABLE',
        message: 'cannot reach the node: http://x',
        hint: 'start it with gossum run, or name it with --node URL',
      },
    })
    expect(written.stderr.split('\n')).toHaveLength(2)
  })

  it('of any other type is reported as a bug, with its stack', () => {
    const { out, written } = recorder({})
    out.error(new TypeError('x is not a function'))
    expect(written.stderr).toMatch(/something unexpected happened.*x is not a function/)
    expect(written.stderr).toContain('output.test.ts')
  })
})

describe('progress', () => {
  it('passes on the result or error of the work, silently on a pipe', async () => {
    const { out, written } = recorder({})
    expect(await out.progress('waiting', Promise.resolve(7))).toBe(7)
    await expect(out.progress('waiting', Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(written.stderr).toBe('')
  })

  it('erases its text on a terminal', async () => {
    const { out, written } = recorder({}, {}, true)
    let finish: (value: number) => void
    const work = out.progress('waiting', new Promise<number>((resolve) => (finish = resolve)))
    while (written.stderr === '') await new Promise((resolve) => setImmediate(resolve))
    expect(written.stderr).toBe('waiting …')
    finish!(7)
    expect(await work).toBe(7)
    expect(written.stderr).toBe('waiting …\r\x1b[K')
  })
})
