/** `gossum config show`: every setting, its source, and no password. */
import { describe, expect, test } from 'vitest'
import { keyOf } from '../../../src/config/setting.js'
import { ALL_SETTINGS } from '../../../src/config/settings.js'
import { gossum, jsonError, type CliOptions } from '../../helpers/cli.js'
import { scratchFolder } from '../../helpers/home.js'

const { file } = scratchFolder()

interface Shown {
  readonly name: string
  readonly value: unknown
  readonly source: string
  readonly at: string | null
  readonly hidden: boolean
}

const shown = async (args: readonly string[], options: CliOptions = {}): Promise<Record<string, Shown>> => {
  const { code, stdout, stderr } = await gossum(['config', 'show', '--json', ...args], options)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const lines = stdout.trim().split('\n')
  return Object.fromEntries(lines.map((line) => JSON.parse(line) as Shown).map((setting) => [setting.name, setting]))
}

describe('gossum config show', () => {
  test('lists every setting once, with its default if it is not set', async () => {
    const settings = await shown([])
    expect(Object.keys(settings)).toEqual(Object.keys(ALL_SETTINGS).map(keyOf))
    expect(settings['poll']).toEqual({ name: 'poll', value: 60, source: 'default', at: null, hidden: false })
    expect(settings['bootstrap']).toMatchObject({ value: [], source: 'default' })
    expect(settings['policy']).toMatchObject({ value: null, source: 'default' })
  })

  test('says where each value comes from', async () => {
    const config = file('who.yaml', 'poll: 5\nquorum-wait: 6\nhttp: 127.0.0.1:1\nhome: /from/file\nmdns: true\n')
    const env = { GOSSUM_POLL: '4', GOSSUM_HTTP: '127.0.0.1:2', GOSSUM_NODE: 'http://node.example' }
    const settings = await shown(['--poll', '3', '--no-mdns', '--config', config], { env })
    const said = Object.values(settings).flatMap(({ name, value, source, at }) =>
      source === 'default' ? [] : [[name, value, source, at]],
    )
    expect(said).toEqual([
      ['config', config, 'flag', '--config'],
      ['home', '/from/file', 'file', config],
      ['poll', 3, 'flag', '--poll'],
      ['mdns', false, 'flag', '--no-mdns'],
      ['http', '127.0.0.1:2', 'environment', 'GOSSUM_HTTP'],
      ['quorum-wait', 6, 'file', config],
      ['node', 'http://node.example', 'environment', 'GOSSUM_NODE'],
    ])
    expect(
      (await shown([], { home: 'relative', env: { GOSSUM_CONFIG: file('poll.yaml', 'poll: 9') } }))['home'],
    ).toMatchObject({ value: `${process.cwd()}/relative`, source: 'environment', at: 'GOSSUM_HOME' })
  })

  test('hides passwords in all URLs', async () => {
    const [user, secret] = ['somebody', 'hunter2']
    const url = `https://${user}:${secret}@x.example`
    const lists = ['log-list', 'distributor', 'source-spotter', 'feed', 'upstream']
    const path = (name: string): string => (name === 'log-list' ? `${url}/list` : `${url}/${name}`)
    const key = (await shown([]))['log']!.value as string[]
    const flags = ['--log', `${key[0]!.split(' ')[0]!} ${url}`, ...lists.flatMap((name) => [`--${name}`, path(name)])]
    const settings = await shown(flags)
    for (const name of ['log', ...lists]) expect(settings[name], name).toMatchObject({ hidden: true })
    expect(settings['poll']!.hidden).toBe(false)
    for (const json of [['--json'], []]) {
      const { code, stdout, stderr } = await gossum(['config', 'show', ...json, ...flags])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toContain('https://x.example')
      expect(stdout).not.toContain(secret)
      expect(stdout).not.toContain(user)
    }
  })

  test('prints readable text: defaults in words, and lists one item per line', async () => {
    const { stdout } = await gossum(['config', 'show', '--listen', '/a', '--listen', '/b'])
    expect(stdout).toMatch(/^policy +only this node's {2}default$/m)
    expect(stdout).toMatch(/^bootstrap +none {2}default$/m)
    expect(stdout).toMatch(/^listen +\/a {2}flag --listen\n {4,}\/b$/m)
  })

  test.each([
    [['--poll', '0'], /poll: seconds/],
    [['--policy', '/nonexistent.policy'], /ENOENT/],
    [['--config', file('typo.yaml', 'polcy: x')], /there is no setting "polcy"/],
    [['--deposit', 'required', '--listen', '/a', '--bootstrap', '/b', '--deposit', '2'], /bootstrap has 1/],
  ])('refuses what run refuses: %s', async (args, words) => {
    const result = await gossum(['config', 'show', '--json', ...args])
    expect(result).toMatchObject({ stdout: '' })
    expect(result.code).not.toBe(0)
    expect(jsonError(result).message).toMatch(words)
  })
})
