/** Every setting, from all its sources: its value, and the messages for invalid ones. */
import { describe, expect, test } from 'vitest'
import { command as runCommand } from '../../src/cli/commands/run.js'
import { loadConfig, SUM_GOLANG_ORG, type Config, type Settings } from '../../src/config/config.js'
import { errorCode, GossumError } from '../../src/errors.js'
import { gossum, jsonError } from '../helpers/cli.js'
import { testSigner, testWitness } from '../helpers/heart.js'
import { scratchFolder } from '../helpers/home.js'

const { file } = scratchFolder()
const { vkey } = testSigner('log.example', 1).verifier
const witness = testWitness.verifier.vkey
const peer = '/ip4/192.0.2.1/tcp/1'
const policy = file('policy', `witness w ${witness}\nquorum w\n`)

/** The configuration with only the given settings. */
const load = (flags: Settings, env: NodeJS.ProcessEnv = {}, yaml?: string): Config =>
  loadConfig(
    { ...(flags.home === undefined && { home: '/nonexistent' }), ...flags },
    { env, ...(yaml !== undefined && { file: file('settings.yaml', yaml) }) },
  )

interface Row {
  readonly name: keyof Settings
  /** The same value as a flag, as an environment variable, and as YAML. */
  readonly flag: Settings[keyof Settings]
  readonly variable: string
  readonly text: string
  readonly yaml: string
  /** The part of the configuration, and its value by default. */
  readonly read: (config: Config) => unknown
  readonly becomes: unknown
  readonly otherwise: unknown
}

const same = (name: keyof Settings & keyof Config, value: string, otherwise: unknown): Row => ({
  ...{ name, flag: value, text: value, becomes: value, otherwise },
  variable: `GOSSUM_${name.toUpperCase()}`,
  yaml: `${name}: ${JSON.stringify(value)}`,
  read: (config) => config[name],
})
const list = (
  name: keyof Settings,
  spelled: string,
  value: string,
  more: Pick<Row, 'read' | 'becomes' | 'otherwise'>,
) => ({
  ...{ name, flag: [value], text: ` ${value} ;\n`, ...more },
  variable: `GOSSUM_${spelled.replaceAll('-', '_').toUpperCase()}`,
  yaml: `${spelled}: ${JSON.stringify(value)}`,
})
const seconds = (
  name: 'poll' | 'guardWait' | 'depositWait' | 'quorumWait',
  spelled: string,
  otherwise: number,
): Row => ({
  ...{ name, flag: 7.5, text: '7.5', becomes: 7.5, otherwise },
  variable: `GOSSUM_${spelled.replaceAll('-', '_').toUpperCase()}`,
  yaml: `${spelled}: 7.5`,
  read: (config) => config[name],
})

const ROWS: readonly Row[] = [
  list('log', 'log', `${vkey} https://log.example`, {
    read: ({ logs }) => logs.map(({ key, url, origin }) => [key.vkey, url, origin]),
    becomes: [[vkey, 'https://log.example', 'go.sum database tree']],
    otherwise: [[SUM_GOLANG_ORG, 'https://sum.golang.org', 'go.sum database tree']],
  }),
  list('logList', 'log-list', 'https://lists.example/log-list.1', {
    read: ({ logLists }) => logLists,
    becomes: ['https://lists.example/log-list.1'],
    otherwise: [],
  }),
  list('listen', 'listen', peer, { read: (c) => c.listen, becomes: [peer], otherwise: ['/ip4/0.0.0.0/tcp/46786'] }),
  list('bootstrap', 'bootstrap', peer, { read: (c) => c.bootstrap, becomes: [peer], otherwise: [] }),
  list('announce', 'announce', peer, { read: (c) => c.announce, becomes: [peer], otherwise: [] }),
  {
    ...{ name: 'mdns', flag: false, variable: 'GOSSUM_MDNS', text: 'false', yaml: 'mdns: false' },
    ...{ read: ({ mdns }) => mdns, becomes: false, otherwise: true },
  },
  {
    ...{ name: 'http', flag: '[::1]:8080', variable: 'GOSSUM_HTTP', text: '[::1]:8080', yaml: 'http: "[::1]:8080"' },
    ...{ read: ({ http }) => http, becomes: { host: '::1', port: 8080 } },
    otherwise: { host: '127.0.0.1', port: 46787 },
  },
  list('trustedProxy', 'trusted-proxy', '10.0.0.0/8', {
    read: ({ trustedProxies }) => trustedProxies,
    becomes: ['10.0.0.0/8'],
    otherwise: [],
  }),
  seconds('poll', 'poll', 60),
  seconds('guardWait', 'guard-wait', 30),
  seconds('depositWait', 'deposit-wait', 2),
  seconds('quorumWait', 'quorum-wait', 10),
  {
    ...{
      name: 'deposit',
      flag: '2,required',
      variable: 'GOSSUM_DEPOSIT',
      text: '2,required',
      yaml: 'deposit: 2,required',
    },
    ...{ read: ({ deposit }) => deposit, becomes: { keep: 2, required: true } },
    otherwise: { keep: undefined, required: false },
  },
  list('upstream', 'upstream', 'sum.golang.org https://proxy.example/sumdb/sum.golang.org/', {
    read: ({ logs }) => logs.map(({ upstream }) => upstream),
    becomes: ['https://proxy.example/sumdb/sum.golang.org'],
    otherwise: ['https://sum.golang.org'],
  }),
  list('feed', 'feed', `${witness} https://w.example`, {
    read: ({ places }) => places.map(({ kind, url, key }) => [kind, url, key?.vkey]),
    becomes: [['feed', 'https://w.example', witness]],
    otherwise: [],
  }),
  list('distributor', 'distributor', 'https://d.example', {
    read: ({ places }) => places.map(({ kind, url }) => [kind, url]),
    becomes: [['distributor', 'https://d.example']],
    otherwise: [],
  }),
  list('sourceSpotter', 'source-spotter', 'https://s.example', {
    read: ({ places }) => places.map(({ kind, url }) => [kind, url]),
    becomes: [['source-spotter', 'https://s.example']],
    otherwise: [],
  }),
  same('bastion', 'https://bastion.example:8443', undefined),
  same('publish', '/srv/public', undefined),
  {
    ...same('policy', policy, undefined),
    read: ({ policy }) => policy?.witnesses.map(({ key }) => key?.vkey),
    becomes: [witness],
  },
  same('name', 'witness.example.org', undefined),
  list('mirror', 'mirror', 'https://proxy.example/go/', {
    read: ({ mirror }) => mirror,
    becomes: ['https://proxy.example/go'],
    otherwise: [],
  }),
  {
    ...{ name: 'mirrorBytes', flag: '1.5 GiB', variable: 'GOSSUM_MIRROR_BYTES', text: '1.5GiB' },
    ...{ yaml: 'mirror-bytes: 1610612736', read: ({ mirrorBytes }) => mirrorBytes },
    ...{ becomes: 1.5 * 2 ** 30, otherwise: 10 * 2 ** 30 },
  },
  same('contact', 'witness@example.org', undefined),
]

describe.each(ROWS)('$name', ({ name, flag, variable, text, yaml, read, becomes, otherwise }) => {
  test('is set by a flag, the environment or the file, or has its default', () => {
    expect(read(load({ [name]: flag }))).toEqual(becomes)
    expect(read(load({}, { [variable]: text }))).toEqual(becomes)
    expect(read(load({}, {}, `${yaml}\n`))).toEqual(becomes)
    expect(read(load({}))).toEqual(otherwise)
    expect(read(load({ [name]: undefined }, { [variable]: '' }, '{}'))).toEqual(otherwise)
  })
})

describe('settings that are repeated', () => {
  const http = ({ http: { port } }: Config): number => port

  test('in several places have this order: flags > environment > file', () => {
    expect(http(load({ http: 'a:1' }, { GOSSUM_HTTP: 'a:2' }, 'http: a:3'))).toBe(1)
    expect(http(load({}, { GOSSUM_HTTP: 'a:2' }, 'http: a:3'))).toBe(2)
    expect(http(load({}, {}, 'http: a:3'))).toBe(3)
  })

  test('and are lists replace each other as a whole', () => {
    expect(load({ listen: ['a'] }, { GOSSUM_LISTEN: 'b;c' }, 'listen: [d, e, f]').listen).toEqual(['a'])
    expect(load({}, { GOSSUM_LISTEN: 'b;c' }, 'listen: [d, e, f]').listen).toEqual(['b', 'c'])
    expect(load({}, {}, 'listen: [d, e, f]').listen).toEqual(['d', 'e', 'f'])
    expect(load({}, { GOSSUM_LISTEN: ';' }).listen).toEqual([])
  })
})

describe('home', () => {
  const home = (flags: Settings, env: NodeJS.ProcessEnv, yaml?: string): string =>
    loadConfig(flags, { env, ...(yaml !== undefined && { file: file('home.yaml', yaml) }) }).home

  test('is set by a flag, the file or $GOSSUM_HOME, or is below the user’s data home', () => {
    const env = { GOSSUM_HOME: '/from/env', XDG_DATA_HOME: '/xdg', HOME: '/user' }
    expect(home({ home: '/from/flag' }, env, 'home: /from/file')).toBe('/from/flag')
    expect(home({}, env, 'home: /from/file')).toBe('/from/file')
    expect(home({}, env)).toBe('/from/env')
    expect(home({}, { ...env, GOSSUM_HOME: '' })).toBe('/xdg/gossum')
    expect(home({}, { HOME: '/user', XDG_DATA_HOME: 'relative' })).toBe('/user/.local/share/gossum')
    expect(home({ home: '.' }, env)).toBe(process.cwd())
  })
})

test('the file is that of --config, or else $GOSSUM_CONFIG', () => {
  const [one, two] = [file('one.yaml', 'poll: 1'), file('two.yaml', 'poll: 2')]
  const env = { GOSSUM_CONFIG: two }
  expect(loadConfig({ home: '/nonexistent' }, { env, file: one }).poll).toBe(1)
  expect(loadConfig({ home: '/nonexistent' }, { env }).poll).toBe(2)
  expect(loadConfig({ home: '/nonexistent' }, { env: { GOSSUM_CONFIG: '' } }).poll).toBe(60)
})

test('the ssh-agent is that of the user’s environment', () => {
  expect(load({}, { SSH_AUTH_SOCK: '/agent' }).agentSocket).toBe('/agent')
  expect(load({}).agentSocket).toBeUndefined()
})

test('recover is a flag only', () => {
  expect(load({ recover: true }).recover).toBe(true)
  expect(load({}, { GOSSUM_RECOVER: 'true' }).recover).toBe(false)
  expect(() => load({}, {}, 'recover: true')).toThrow(/there is no setting "recover"/)
})

/** The message of an error, without the sentence of its code. */
const refusal = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    return error instanceof GossumError ? `${errorCode(error)} ${error.detail}` : String(error)
  }
  return 'accepted'
}
const many = (value: string): string[] => Array.from({ length: 65 }, () => value)

test.each<[Settings, Partial<Config>]>([
  [
    { cooldown: '7d', cooldownExcept: 'a.example,b.example/*' },
    { cooldown: 604_800_000, cooldownExcept: 'a.example,b.example/*' },
  ],
  [{ cooldown: ' 90s ' }, { cooldown: 90_000, cooldownExcept: '' }],
  [
    { cooldown: '30m', private: '*.corp.example' },
    { cooldown: 1_800_000, private: '*.corp.example' },
  ],
  [
    { cooldown: '12h', mirrorBytes: '500MB' },
    { cooldown: 43_200_000, mirrorBytes: 5e8 },
  ],
])('a mirror accepts %j', (settings, becomes) => {
  const folder = load({ ...settings, mirror: ['file:///srv/modules/'] })
  expect(folder).toMatchObject({ ...becomes, mirror: ['file:///srv/modules'] })
})

test('a mirror that needs a password is listed without it', () => {
  expect(load({ mirror: ['https://me:s3cret@proxy.example'] }).mirror).toEqual(['https://proxy.example'])
})

describe('a setting is refused with its error', () => {
  test.each<[Settings, string]>([
    [{ log: [] }, 'log: there is none to follow'],
    [{ log: many('x') }, 'log: more than 64'],
    [{ log: ['x'] }, 'log: "VKEY URL" or "VKEY URL ORIGIN" expected, got "x"'],
    [{ logList: many('x') }, 'log-list: more than 64'],
    [{ logList: ['https://lists.example'] }, 'log-list: "https://lists.example" does not name a file'],
    [{ logList: ['https://lists.example/x?y'] }, 'log-list: "https://lists.example/x?y" is not an http or https URL'],
    [{ listen: many('x') }, 'listen: more than 64'],
    [{ bootstrap: many('x') }, 'bootstrap: more than 64'],
    [{ announce: many('x') }, 'announce: more than 64'],
    [{ http: 'x' }, 'http: HOST:PORT expected, got "x"'],
    [{ http: '127.0.0.1:65536' }, 'http: HOST:PORT expected, got "127.0.0.1:65536"'],
    [{ trustedProxy: many('10.0.0.1') }, 'trusted-proxy: more than 64'],
    [{ trustedProxy: ['10.0.0.0/33'] }, 'trusted-proxy: ADDRESS or ADDRESS/BITS expected, got "10.0.0.0/33"'],
    [{ poll: 0 }, 'poll: seconds from 0.1 to 86400 expected'],
    [{ poll: 86_401 }, 'poll: seconds from 0.1 to 86400 expected'],
    [{ guardWait: -1 }, 'guard-wait: seconds from 0 to 3600 expected'],
    [{ guardWait: 3601 }, 'guard-wait: seconds from 0 to 3600 expected'],
    [{ depositWait: 61 }, 'deposit-wait: seconds from 0 to 60 expected'],
    [{ quorumWait: NaN }, 'quorum-wait: seconds from 0 to 60 expected'],
    [{ deposit: 'x' }, 'deposit: "K", "required" or "K,required" expected, with K from 1 on, got "x"'],
    [{ upstream: many('x') }, 'upstream: more than 64'],
    [{ upstream: ['x y'] }, 'upstream: "NAME URL" expected, with each followed log at most once, got "x y"'],
    [{ feed: many('x') }, 'feed: more than 64'],
    [{ feed: ['x'] }, 'feed: "x" is not an http or https URL'],
    [{ distributor: many('x') }, 'distributor: more than 64'],
    [{ distributor: ['x y'] }, 'distributor: one URL expected, got "x y"'],
    [{ sourceSpotter: many('x') }, 'source-spotter: more than 64'],
    [{ sourceSpotter: ['x'] }, 'source-spotter: "x" is not an http or https URL'],
    [{ bastion: 'http://b.example' }, 'bastion: "https://HOST[:PORT]" expected, got "http://b.example"'],
    [{ bastion: 'https://u:p@b.example' }, 'bastion: "https://HOST[:PORT]" expected, got "https://b.example"'],
    [{ contact: 'two\nlines' }, 'contact: one line of 1 to 200 characters expected'],
    [{ mirror: many('https://proxy.example') }, 'mirror: more than 64'],
    [{ mirror: ['proxy.example'] }, 'mirror: "proxy.example" is not an http or https URL nor a file URL'],
    [{ mirror: ['direct'] }, 'mirror: "direct" is not an http or https URL nor a file URL'],
    [{ mirror: ['file:///'] }, 'mirror: "file:///FOLDER" expected, got "file:///"'],
    [{ mirror: ['file://host/folder'] }, 'mirror: "file:///FOLDER" expected, got "file://host/folder"'],
    [{ mirror: ['https://p.example/', 'https://p.example'] }, 'mirror: https://p.example is listed twice'],
    [
      { mirror: ['https://p.example'], private: 'a b' },
      'private: patterns as in GOPRIVATE expected, with commas between them, got "a b"',
    ],
    ...['', '0d', '7', '-1d', '1.5h', '7 d', '7w', '4000d', '9'.repeat(400)].map((text): [Settings, string] => [
      { mirror: ['https://p.example'], cooldown: text },
      `cooldown: a duration such as 7d, 12h, 30m or 90s expected, 3650d at most, got "${text}"`,
    ]),
    ...['', 'x', '1', '0.5MiB', '10gib', '-5GiB', '1e9', '10 000', '9999999TiB', 'GiB'].map(
      (text): [Settings, string] => [
        { mirrorBytes: text },
        `mirror-bytes: bytes such as 10GiB or 500MB expected, 1MiB at least, got "${text}"`,
      ],
    ),
    // Settings that would be ignored silently.
    [{ private: 'a.example' }, 'private: it is for the module mirror, but there is none: --mirror URL'],
    [{ cooldown: '7d' }, 'cooldown: it is for the module mirror, but there is none: --mirror URL'],
    [{ cooldownExcept: 'a.example' }, 'cooldown-except: it is for the module mirror, but there is none: --mirror URL'],
    [
      { mirror: ['https://p.example'], cooldownExcept: 'a.example' },
      'cooldown-except: there is no cooldown to make an exception from',
    ],
    [{ logLevel: 'loud' }, 'log-level: one of error, warn, info, debug expected, got "loud"'],
    [{ logFormat: 'xml' }, 'log-format: one of text, json expected, got "xml"'],
    [{ name: 'a b' }, 'name: "a b": a key name has no white space and no "+"'],
  ])('%j', (settings, words) => {
    expect(refusal(() => load(settings))).toBe(`CONFIG_INVALID ${words}`)
  })

  test.each<[string, string]>([
    ['polcy: x', 'SETTINGS:1:1: there is no setting "polcy"'],
    ['config: x', 'SETTINGS:1:1: there is no setting "config"'],
    ['node: http://x', 'SETTINGS:1:1: there is no setting "node"'],
    ['- a', 'SETTINGS:1:1: not a mapping of settings'],
    ['just words', 'SETTINGS:1:1: not a mapping of settings'],
    ['name: [a]', 'SETTINGS:1:7: name: must be a string'],
    ['listen: [{}]', 'SETTINGS:1:10: listen: must be a string'],
    ['listen:', 'SETTINGS:1:8: listen: must be a string'],
    ['mdns: 1', 'SETTINGS:1:7: mdns: must be true or false'],
    ['# first\npoll: x', 'SETTINGS:2:1: poll: seconds from 0.1 to 86400 expected'],
    ['http: 1', 'SETTINGS:1:1: http: HOST:PORT expected, got "1"'],
    ['feed:\n  - http://a.example\n  - x', 'SETTINGS:3:5: feed: "x" is not an http or https URL'],
    [
      'mirror: []\ncooldown: 7d',
      'SETTINGS:2:1: cooldown: it is for the module mirror, but there is none: --mirror URL',
    ],
    [`# ${'x'.repeat(256 * 1024)}`, 'SETTINGS: larger than 262144 bytes'],
  ])('in a file: %.30s', (yaml, words) => {
    const path = file('settings.yaml', yaml)
    expect(refusal(() => load({}, {}, yaml))).toBe(`CONFIG_INVALID ${words.replace('SETTINGS', path)}`)
  })

  test.each<[NodeJS.ProcessEnv, string]>([
    [{ GOSSUM_MDNS: 'no' }, 'GOSSUM_MDNS: must be true or false'],
    [{ GOSSUM_POLL: 'x' }, 'poll: seconds from 0.1 to 86400 expected'],
    [{ GOSSUM_LOG: ';' }, 'log: there is none to follow'],
    [{ GOSSUM_AUDIT: 'yes' }, 'GOSSUM_AUDIT: must be true or false'],
    [{ GOSSUM_AUDIT_RATE: '0' }, 'audit-rate: a number from 0.1 to 1000 expected'],
  ])('in the environment: %j', (env, words) => {
    expect(refusal(() => load({}, env))).toBe(`CONFIG_INVALID ${words}`)
  })

  test('if a file is missing or malformed', () => {
    expect(refusal(() => loadConfig({ home: '/nonexistent' }, { env: {}, file: '/nonexistent.yaml' }))).toMatch(
      /^FILE_UNREADABLE ENOENT/,
    )
    expect(refusal(() => load({ policy: '/nonexistent.policy' }))).toMatch(/^FILE_UNREADABLE ENOENT/)
    expect(refusal(() => load({ policy: file('bad', 'x\n') }))).toMatch(/^POLICY_MALFORMED /)
  })
})

describe('gossum run', () => {
  test('has these flags', () => {
    const flags = runCommand().options.map(({ flags }) => flags)
    expect(flags.toSorted()).toEqual(
      [
        '--alarm <"URL [format=FORMAT] [secret-file=FILE]">',
        '--announce <MULTIADDR>',
        '--audit',
        '--audit-rate <PER-SECOND>',
        '--bastion <URL>',
        '--bootstrap <MULTIADDR>',
        '--contact <TEXT>',
        '--cooldown <DURATION>',
        '--cooldown-except <PATTERNS>',
        '--deposit <K|required|K,required>',
        '--deposit-wait <SECONDS>',
        '--distributor <URL>',
        '--feed <"URL" or "VKEY URL">',
        '--guard-wait <SECONDS>',
        '--http <HOST:PORT>',
        '--listen <MULTIADDR>',
        '--log <"VKEY URL [ORIGIN]">',
        '--log-format <text|json>',
        '--log-level <error|warn|info|debug>',
        '--log-list <URL|FILE>',
        '--mirror <URL>',
        '--mirror-bytes <BYTES>',
        '--name <KEYNAME>',
        '--no-mdns',
        '--observer',
        '--policy <FILE>',
        '--private <PATTERNS>',
        '--publish <DIR>',
        '--poll <SECONDS>',
        '--quorum-wait <SECONDS>',
        '--recover',
        '--source-spotter <URL>',
        '--state <postgres://...>',
        '--trusted-proxy <CIDR>',
        '--upstream <"NAME URL">',
        '--watch <"PATTERNS [authorised=FILE|URL [key=BASE64]]">',
      ].toSorted(),
    )
  })

  test.each([
    [['--log', 'x'], /log: "VKEY URL"/],
    [['--log-list', 'http://x.example'], /log-list: /],
    [many('--listen').flatMap((flag) => [flag, 'x']), /listen: more than 64/],
    [many('--bootstrap').flatMap((flag) => [flag, 'x']), /bootstrap: more than 64/],
    [many('--announce').flatMap((flag) => [flag, 'x']), /announce: more than 64/],
    [['--http', 'x'], /http: HOST:PORT expected, got "x"/],
    [['--trusted-proxy', 'x'], /trusted-proxy: /],
    [['--poll', 'x'], /poll: seconds/],
    [['--guard-wait', '3601'], /guard-wait: seconds/],
    [['--deposit', 'x'], /deposit: "K"/],
    [['--deposit-wait', '61'], /deposit-wait: seconds/],
    [['--quorum-wait', '61'], /quorum-wait: seconds/],
    [['--upstream', 'x y'], /upstream: "NAME URL"/],
    [['--feed', 'x'], /feed: "x"/],
    [['--distributor', 'x'], /distributor: "x"/],
    [['--source-spotter', 'x'], /source-spotter: "x"/],
    [['--bastion', 'x'], /bastion: "https:/],
    [['--policy', policy, '--name', 'a b'], /name: "a b"/],
  ])('reports %s %s', async (args, words) => {
    const result = await gossum(['run', '--json', ...args])
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(jsonError(result).message).toMatch(words)
  })
})
