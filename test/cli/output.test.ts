import { describe, expect, it } from 'vitest'
import { output, type OutputFlags } from '../../src/cli/output.js'
import { GossumError } from '../../src/errors.js'

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
    ['an empty NO_COLOR says nothing', {}, { NO_COLOR: '' }, true, true],
    ['--no-color beats all', { color: false }, { FORCE_COLOR: '1' }, true, false],
  ])('%s', (_what, flags, env, isTTY, expected) => {
    expect(recorder(flags, env, isTTY).out.paint('red', 'red')).toBe(expected ? RED : 'red')
  })
})

describe('stdout and stderr', () => {
  it('keeps data and talk apart', () => {
    const { out, written } = recorder({})
    out.line('data')
    out.story('story')
    out.talk('talk')
    out.json({ not: 'asked for' })
    expect(written).toEqual({ stdout: 'data\nstory\n', stderr: 'talk\n' })
  })

  it('has JSON and nothing else on stdout with --json', () => {
    const { out, written } = recorder({ json: true })
    out.line('data')
    out.story('story')
    out.talk('talk')
    out.json({ a: 1 })
    expect(written).toEqual({ stdout: '{"a":1}\n', stderr: 'story\ntalk\n' })
  })

  it('says asides on a terminal only, and to nobody who reads JSON', () => {
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

  it('says only what is important with --quiet', () => {
    const { out, written } = recorder({ quiet: true })
    out.story('story')
    out.talk('talk')
    out.talk('alarm', { important: true })
    out.line('data')
    out.error(new GossumError('NOT_FOUND'))
    expect(written.stdout).toBe('data\n')
    expect(written.stderr).toMatch(/^alarm\ngossum: /)
  })

  it('lets no text of others move the cursor or turn a line around', () => {
    const { out, written } = recorder({})
    out.line('a\x1b[2Jb\x07c\x9b31md\u202ee\rf')
    out.line(`${RED} stays`)
    expect(written.stdout).toBe(`a\ufffd[2Jb\ufffdc\ufffd31md\ufffde\ufffdf\n${RED} stays\n`)
  })
})

describe('an error', () => {
  it('is a sentence and a hint', () => {
    const { out, written } = recorder({})
    out.error(new GossumError('NODE_UNREACHABLE', 'http://x'))
    expect(written.stdout).toBe('')
    expect(written.stderr).toMatch(/^gossum: cannot reach the node: http:\/\/x\nhint: is it running\?.*\n$/)
  })

  it('is one JSON line on stderr with --json', () => {
    const { out, written } = recorder({ json: true }, { FORCE_COLOR: '1' })
    out.error(new GossumError('NODE_UNREACHABLE', 'http://x'))
    expect(JSON.parse(written.stderr)).toEqual({
      error: {
        code: 'NODE_UNREACHABLE',
        message: 'cannot reach the node: http://x',
        hint: 'is it running? start it with gossum run, or name it with --node URL',
      },
    })
    expect(written.stderr.split('\n')).toHaveLength(2)
  })

  it('that is none of ours is a bug of ours, with its stack', () => {
    const { out, written } = recorder({})
    out.error(new TypeError('x is not a function'))
    expect(written.stderr).toMatch(/something unexpected happened.*x is not a function/)
    expect(written.stderr).toContain('output.test.ts')
  })
})

describe('progress', () => {
  it('passes on what the work gives or throws, in silence on a pipe', async () => {
    const { out, written } = recorder({})
    expect(await out.progress('waiting', Promise.resolve(7))).toBe(7)
    await expect(out.progress('waiting', Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(written.stderr).toBe('')
  })

  it('takes its words back on a terminal', async () => {
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
