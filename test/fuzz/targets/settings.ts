/** Input from the operator: values of settings, settings files, and the environment. */
import { parseAlarm } from '../../../src/config/alarm-setting.js'
import { parseDeposit } from '../../../src/config/deposit-setting.js'
import { parseByteCount, parseDuration, parseMirror, parsePatterns } from '../../../src/config/mirror-setting.js'
import { parsePlaceOf } from '../../../src/config/places.js'
import { parseStateUrl } from '../../../src/config/state-setting.js'
import { parseBastion, parseContact, parseHostPort, parseKeyName, parseNetwork } from '../../../src/config/values.js'
import { parseWatch } from '../../../src/config/watch-setting.js'
import { parseLogSetting } from '../../../src/logs/log-setting.js'
import { loadConfig } from '../../../src/config/config.js'
import { MAX_PROBLEMS, problemsOf, readSettingsFile } from '../../../src/config/settings-file.js'
import { IN_FILES, VARIABLES } from '../../../src/config/sources.js'
import type { ErrorCode } from '../../../src/errors.js'
import { printable } from '../../../src/lib/printable.js'
import { logSigner, witness } from './material.js'
import { scratchFile } from './scratch.js'
import { ofText, promise, reading, type Target } from './target.js'

const VKEY = logSigner.verifier.vkey
/** The parsers of single settings, each of which has to refuse, or accept, any text. */
const PARSERS: readonly ((text: string, setting: string) => unknown)[] = [
  ...[parseAlarm, parseDeposit, parseByteCount, parseDuration, parseMirror, parsePatterns, parseStateUrl],
  ...[parseBastion, parseContact, parseHostPort, parseKeyName, parseNetwork, parseWatch, parseLogSetting],
  ...(['feed', 'distributor', 'source-spotter'] as const).map((kind) => parsePlaceOf(kind)),
]

const setting: Target = {
  about: 'values of settings',
  most: 16 * 1024,
  words: [
    'https://',
    'postgres://',
    'user:secret@',
    'host:1',
    '/db',
    '?sslmode=require',
    'format=',
    'secret-file=',
    'authorised=',
    'key=',
    'required',
    ',',
    VKEY,
    ' - ',
    '7d',
    '10GiB',
    'file:///',
    '[::1]',
    '%zz',
  ],
  seeds: [
    'postgres://user:secret@a.example:5432,b.example/db?sslmode=verify-full&schema=x',
    ...[
      'https://h.example/x format=alertmanager secret-file=/x',
      '3,required',
      '10.5GiB',
      '7d',
      'file:///srv/x',
      '*.example.com,a/b',
    ],
    ...[
      'https://bastion.example',
      '[::1]:80',
      '10.0.0.0/8',
      `a/* authorised=https://x.example/l key=${'A'.repeat(43)}=`,
    ],
    ...[`${VKEY} https://log.example`, `${VKEY} - some origin`, `${witness.verifier.vkey} https://w.example`],
  ],
  check: ofText((text) => {
    let isTaken = false
    for (const parse of PARSERS) {
      const read = reading(
        () => parse(text, 'setting'),
        'CONFIG_INVALID',
        'KEY_MALFORMED',
        'KEY_WEAK',
        'KEY_UNSUPPORTED',
      )
      isTaken ||= read !== undefined
    }
    return isTaken
  }),
}

const YAML = [
  '# a comment',
  'home: /srv/gossum',
  `log:\n  - ${logSigner.verifier.vkey} https://log.example`,
  'interval: 30',
  'mdns: true',
  'alarm:\n  - url: https://hooks.example/x\n    format: alertmanager',
  'listen: [/ip4/127.0.0.1/tcp/0, "/ip6/::1/tcp/0"]',
  '',
].join('\n')
const KEYS = IN_FILES.map(([name]) => `${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}: `)
const REFUSED = [
  'CONFIG_INVALID',
  'KEY_MALFORMED',
  'KEY_WEAK',
  'KEY_UNSUPPORTED',
  'HOME_UNUSABLE',
] as const satisfies readonly ErrorCode[]
/** A home that does not exist. */
const ENV = { HOME: '/nonexistent/home' }

const settingsFile: Target = {
  about: 'files of settings',
  most: 32 * 1024,
  words: [
    ...KEYS,
    '&a ',
    '*a',
    '<<: *a\n',
    '[*a,*a,*a]',
    '\n  - ',
    '{}',
    '? ',
    '!!binary ',
    '---\n',
    '%YAML 1.1\n',
    '|\n',
    '>-\n',
    '__proto__: ',
    'constructor: ',
    '"\\x1b"',
    '  ',
  ],
  seeds: [YAML, 'home: &h /x\ncontact: *h\n', 'a: &a [1]\nb: &b [*a, *a]\nlisten: *b\n', '{}\n'],
  check: (bytes) => {
    const file = scratchFile('gossum.yaml', bytes)
    const { settings, problems } = readSettingsFile(file, IN_FILES)
    promise(problems.length <= MAX_PROBLEMS, 'some problems')
    const most =
      Buffer.from(bytes)
        .toString()
        .split(/\r\n|\n|\r/).length + 1
    const each = [...problems, ...settings.flatMap(problemsOf)]
    for (const { place, message } of each) {
      promise(place.file === file && place.line >= 1 && place.line <= most && place.column >= 1, 'a place in the file')
      promise(message.includes(`${file}:${place.line}:`) && message === printable(message), 'words that name the place')
    }
    for (const { name } of settings)
      promise(
        IN_FILES.some(([known]) => known === name),
        'a setting',
      )
    if (problems.length === 0)
      promise(new Set(settings.map(({ name }) => name)).size === settings.length, 'each setting once')
    promise(Object.keys(Object.prototype).length === 0, 'what all objects have is what it was')
    const config = reading(() => loadConfig({}, { file, env: ENV, policy: false, book: false }), ...REFUSED)
    promise(config === undefined || each.length === 0, 'what has a problem is no configuration')
    return config !== undefined
  },
}

/** One line per variable. */
const environment: Target = {
  about: 'variables of the environment',
  most: 16 * 1024,
  words: [
    ...VARIABLES.filter((name) => name !== 'GOSSUM_CONFIG').map((name) => `${name}=`),
    '\n',
    ';',
    'true',
    'false',
    '0',
    '30',
    'https://a.example',
    '/ip4/127.0.0.1/tcp/0',
    logSigner.verifier.vkey,
  ],
  seeds: [
    'GOSSUM_HOME=/srv/x\nGOSSUM_INTERVAL=30\nGOSSUM_MDNS=true\n',
    `GOSSUM_LOG=${logSigner.verifier.vkey} https://log.example\nGOSSUM_LISTEN=/ip4/127.0.0.1/tcp/0;/ip4/127.0.0.1/tcp/1\n`,
  ],
  check: ofText((text) => {
    const said = text.split('\n').flatMap((line) => {
      const [name = '', ...value] = line.split('=')
      return VARIABLES.includes(name) && name !== 'GOSSUM_CONFIG' ? [[name, value.join('=')] as const] : []
    })
    const env = { ...ENV, ...Object.fromEntries(said) }
    const config = reading(() => loadConfig({}, { env, policy: false, book: false }), ...REFUSED)
    return said.length > 0 && config !== undefined
  }),
}

export const SETTINGS_SAID: Readonly<Record<string, Target>> = {
  setting,
  'settings-file': settingsFile,
  environment,
}
