/** The program as its users see it: help, typos, exit codes, streams. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { VERSION } from '../../src/version.js'
import { built } from '../helpers/built.js'
import { gossum, gossumProcess, jsonError, PROGRAM } from '../helpers/cli.js'
import { readLines, vectorUrl } from '../helpers/vectors.js'

const sumdbHead = (readLines(vectorUrl('sumdb-heads.jsonl')) as { note: string }[])[0]!.note

const COMMANDS = [
  'run',
  'demo',
  'status',
  'heads',
  'peers',
  'evidence',
  'check',
  'verify',
  'probe',
  'watch',
  'explain',
  'key',
  'config',
  'log',
  'completion',
]
const SUBCOMMANDS = [
  ['evidence', 'list'],
  ['evidence', 'show'],
  ['evidence', 'ack'],
  ['evidence', 'import'],
  ['check', 'go.sum'],
  ['check', 'head'],
  ['watch', 'list'],
  ['watch', 'test'],
  ['key', 'new'],
  ['key', 'show'],
  ['config', 'show'],
  ['log', 'serve'],
]

describe('gossum', () => {
  it('lists its commands', async () => {
    const { code, stdout, stderr } = await gossum(['--help'])
    expect(code).toBe(0)
    for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name} {2,}\\S`, 'm'))
    expect(stderr).toBe('')
  })

  it.each([...COMMANDS.map((name) => [name]), ...SUBCOMMANDS])(
    'helps with %s %s, with three examples',
    async (...words) => {
      const named = words.filter((word) => typeof word === 'string')
      const { code, stdout } = await gossum([...named, '--help'])
      expect(code).toBe(0)
      expect(stdout).toContain(`Usage: gossum ${named.join(' ')}`)
      expect(stdout.split('Examples:\n')[1]!.split('\n').slice(0, 3).join('\n')).toMatch(/^( {2}\S.*\n?){3}$/)
    },
  )

  it('prints the same for help COMMAND and COMMAND --help', async () => {
    for (const words of [['status'], ['evidence'], ['evidence', 'list']]) {
      const { code, stdout } = await gossum(['help', ...words])
      expect({ code, stdout }).toEqual({ code: 0, stdout: (await gossum([...words, '--help'])).stdout })
    }
  })

  it('lists --help last with the same text, and defaults without quotes', async () => {
    for (const words of [['status'], ['log', 'serve'], ['heads']]) {
      const { stdout } = await gossum([...words, '--help'])
      expect(stdout).toMatch(/Common flags:\n(?: {2,}\S.*\n)+ {2}-h, --help +print help\n\n/)
      expect(stdout).not.toContain('(default: "')
    }
    expect((await gossum(['heads', '--help'])).stdout).toContain('(default: 20)')
  })

  it('prints its version', async () => {
    expect(await gossum(['--version'])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' })
  })

  // Most tests run it packed, or in a process that ran others: that must be equal to what its users run.
  it.each<[string[], string?]>([
    [['--version']],
    [['help', 'run']],
    [['explain', 'USAGE']],
    [['explain', 'USAGE', '--json']],
    [['typo']],
    [['key', 'show', '--json']],
    [['verify', '-'], 'hello\n'],
    [['verify', '-', '--json'], sumdbHead],
    [['verify', '--json', '/dev/null', '/nonexistent/file']],
    [['policy', 'check', '-'], 'quorum none\n'],
    [['check', 'go.sum', '-', '--node', 'http://127.0.0.1:1', '--json'], 'example.com/m v1.0.0 h1:x\n'],
    [['config', 'show', '--home', '/nonexistent/home', '--json']],
    [['status', '--node', 'http://127.0.0.1:1']],
  ])('gives the same output built, packed and in a reused process: %j', async (args, input = '') => {
    const env = { PATH: process.env['PATH'], HOME: '/nonexistent', GOSSUM_HOME: '/nonexistent', GOSSUM_MDNS: 'false' }
    const { status, stdout, stderr } = spawnSync(built('cli/main.js'), args, { encoding: 'utf8', env, input })
    const said = { code: status, stdout, stderr }
    expect(await gossumProcess(args, { input })).toEqual(said)
    expect(await gossum(args, { input })).toEqual(said)
    expect(await gossum(args, { input })).toEqual(said)
  })

  it('is the packed program in tests', () => expect(PROGRAM).not.toBe(built('cli/main.js')))

  it('explains its exit codes', async () => {
    const { code, stdout } = await gossum(['help', 'exit-codes'])
    expect(code).toBe(0)
    for (const number of [0, 1, 2, 3, 4]) expect(stdout).toMatch(new RegExp(`^  ${number}  `, 'm'))
  })

  it.each([
    [['stauts'], 'unknown command', 'did you mean status?'],
    [['help', 'stauts'], 'unknown command', 'did you mean status?'],
    [['evidence', 'lsit'], 'unknown command', 'did you mean list?'],
    [['help', 'evidence', 'lsit'], 'unknown command', 'did you mean list?'],
    [['demo', '--nodes', '1'], '--nodes takes a whole number', 'see gossum demo --help'],
    [['status', '--jsno'], 'unknown option', 'did you mean --json?'],
    [['verify'], 'missing required argument', 'see gossum verify --help'],
    [['check', 'go.mod'], 'unknown command', 'did you mean go.sum?'],
    [['verify', '--home', 'x', 'f'], 'unknown option', 'see gossum verify --help'],
    [['status', 'extra'], 'too many arguments', 'see gossum status --help'],
    [['--home'], 'argument missing', 'see gossum --help'],
    [['status', '--node', 'ftp://x'], 'not an http', 'see gossum status --help'],
  ])('refuses %j', async (args, what, hint) => {
    const human = await gossum(args)
    expect(human).toMatchObject({ code: 2, stdout: '' })
    expect(human.stderr).toMatch(new RegExp(`^gossum: .*${what}.*\nhint: .*\n$`))
    expect(human.stderr).toContain(hint)
    const machine = await gossum(['--json', ...args])
    expect(machine).toMatchObject({ code: 2, stdout: '' })
    expect(jsonError(machine)).toMatchObject({ code: 'USAGE', message: expect.stringContaining(what) as string })
  })

  it('without arguments prints its help as a usage error', async () => {
    const { code, stdout, stderr } = await gossum([])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('Usage: gossum')
  })

  it('ends silently if its reader closes the pipe', async () => {
    const args = Array.from({ length: 2000 }, () => '/dev/null')
    const child = spawn(process.execPath, [PROGRAM, 'verify', '--json', ...args])
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.stdout.once('data', () => child.stdout.destroy())
    await once(child, 'close')
    expect(stderr).toBe('')
  })
})
